"""One robot through recorded results, frame by frame, as `retarget_node` would drive it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pose3d_ros.control.driver import JointDriver
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.core.types import Skeletons3D

JUMP_RAD_S, AFTER_S = 5.0, 1.0  # a faster step so shortly after a hold, or while something is hidden, is a jump
NS_PER_S = 1e9


@dataclass
class Driven:
    """F inputs. `position_rad` (F, J) of the published joints: held where nothing was commanded, NaN before the first
    command; `base` (F, 7) of a floating base; `commanded` bool (F,); `hidden` bool (F,): not all was measured."""

    stamps_ns: np.ndarray
    position_rad: np.ndarray
    whole_rad: np.ndarray
    commanded: np.ndarray
    hidden: np.ndarray
    stops: int
    base: np.ndarray

    @property
    def moving(self) -> np.ndarray:
        """bool (F,): from the first command on."""
        return np.maximum.accumulate(self.commanded)

    def speeds(self) -> np.ndarray:
        """rad/s (F - 1, J) between inputs, NaN where a command is missing before or after."""
        step_s = np.diff(self.stamps_ns)[:, None] / NS_PER_S
        return np.abs(np.diff(self.position_rad, axis=0)) / step_s

    def jumps(self) -> int:
        """Steps of any joint above 5 rad/s while something was hidden, or within a second after a hold."""
        speeds = np.nan_to_num(self.speeds()).max(1, initial=0.0)
        odd = np.flatnonzero(self.hidden | (self.moving & ~self.commanded))
        since = self.stamps_ns[1:, None] - self.stamps_ns[odd]
        return int(((speeds > JUMP_RAD_S) & ((since >= 0) & (since <= AFTER_S * NS_PER_S)).any(1)).sum())


def drive(driver: JointDriver, results: Iterable[tuple[Skeletons3D, bool]]) -> Driven:
    """`results`: each with whether something in it is hidden."""
    followed = Followed(FollowConfig())
    followed.close()
    rows: list[tuple] = []
    stops = driver.stops
    width, base = len(driver.names), np.full(7, np.nan)
    for result, hidden in results:
        followed.update(result)
        command = driver.push(result, followed)
        started = command is not None or (rows and rows[-1][3])
        whole = driver.position_rad.copy() if started else np.full(width, np.nan)
        if command is not None and driver.floats:
            base = driver.solver.base_pose
        rows.append((result.stamp_ns, whole, base, bool(started), command is not None, hidden))
    stamps, whole, bases, _, commanded, hid = (np.array(column) for column in zip(*rows, strict=True))
    return Driven(stamps, whole[:, driver.published], whole, commanded, hid, driver.stops - stops, bases)


def speeds(driven: list[Driven]) -> dict[str, float | None]:
    """{"p99", "max"} rad/s over all steps and joints."""
    found = np.concatenate([each.speeds().ravel() for each in driven]) if driven else np.zeros(0)
    found = found[np.isfinite(found)]
    if not len(found):
        return {"p99": None, "max": None}
    return {"p99": round(float(np.percentile(found, 99)), 3), "max": round(float(found.max()), 3)}

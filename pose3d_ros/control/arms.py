"""`ArmDriver`: the tool of an arm moves as the hand does, relative to where both were when the clutch closed."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.control import gate
from pose3d_ros.control.config import ArmConfig
from pose3d_ros.control.driver import Driver
from pose3d_ros.control.follow import Followed
from pose3d_ros.control.limits import LONGEST_STEP_S
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Hand3D, Skeletons3D
from pose3d_ros.tracking.smoothing import OneEuro


@dataclass(frozen=True)
class ToolCommand:
    """Pose of the tool in `frame`, and the speed with which it gets there: zero in a halt, whose pose is not sent."""

    stamp_ns: int
    frame: str
    xyz_m: np.ndarray
    quat_xyzw: np.ndarray
    linear_m_s: np.ndarray
    angular_rad_s: np.ndarray


class ArmDriver(Driver):
    """Poses and twists of one tool. After a hold the motion starts again from where the tool is: nothing is caught up.

    Raises ConfigError for a workspace that is empty or does not hold `home`.
    """

    def __init__(self, config: ArmConfig) -> None:
        super().__init__(config)
        self._low, self._high = np.array(config.low_xyz_m), np.array(config.high_xyz_m)
        home, quat = np.array(config.home_xyz_m), np.array(config.home_quat_xyzw)
        if not ((self._low <= home).all() and (home <= self._high).all()):
            raise ConfigError(f"robot {config.name}: expected low_xyz_m <= home_xyz_m <= high_xyz_m, got home {home}")
        if not np.linalg.norm(quat) > 0.1:
            raise ConfigError(f"robot {config.name}: home_quat_xyzw: expected a rotation, got {quat}")
        self._turn_in = Rotation.from_euler("xyz", config.input_rpy_deg, degrees=True)
        self.xyz_m, self.turn = home, Rotation.from_quat(quat)
        self._restart()

    def start(self, xyz_m: np.ndarray, quat_xyzw: np.ndarray) -> None:
        """Where the real tool is; only while it holds still does that matter."""
        if self.reason and np.isfinite(xyz_m).all() and np.linalg.norm(quat_xyzw) > 0.1:
            self.xyz_m, self.turn = np.asarray(xyz_m, np.float64), Rotation.from_quat(quat_xyzw)
            self._restart()

    def halt(self) -> ToolCommand:
        """Speed zero, where it is."""
        zero = np.zeros(3)
        return ToolCommand(self._last_ns or 0, self.config.frame, self.xyz_m, self.turn.as_quat(), zero, zero)

    def _restart(self) -> None:
        self._anchor: tuple[np.ndarray, Rotation, np.ndarray, Rotation] | None = None
        filters = self.config.smoothing.min_cutoff_hz > 0
        self._filters = [OneEuro(self.config.smoothing) for _ in range(2)] if filters else []

    def _source(self, result: Skeletons3D, followed: Followed) -> tuple[Hand3D | None, str]:
        return gate.hand_of(result, followed.track, self.config.side, self.config.hold)

    def _command(self, result: Skeletons3D, hand: Hand3D, dt_s: float) -> ToolCommand:
        at = self._turn_in.apply(np.asarray(hand.wrist_m, np.float64))
        palm = self._turn_in * Rotation.from_quat(hand.quat_xyzw)
        if self._anchor is None:
            self._anchor = at, palm, self.xyz_m, self.turn
        at0, palm0, xyz0, turn0 = self._anchor
        way, turned = self.config.scale * (at - at0), (palm * palm0.inv()).as_rotvec()
        if self._filters:
            way, turned = (f(result.stamp_ns, v[None])[0] for f, v in zip(self._filters, (way, turned), strict=True))
        wanted = Rotation.from_rotvec(turned) * turn0 if self.config.turns else turn0
        return self._step(result.stamp_ns, np.clip(xyz0 + way, self._low, self._high), wanted, dt_s)

    def _step(self, stamp_ns: int, wanted_m: np.ndarray, wanted: Rotation, dt_s: float) -> ToolCommand:
        """As far towards what is wanted as the limits let it."""
        step_s = min(dt_s, LONGEST_STEP_S)
        way = _shortened(wanted_m - self.xyz_m, self.config.speed_m_s * step_s)
        turn = _shortened((wanted * self.turn.inv()).as_rotvec(), self.config.turn_rad_s * step_s)
        self.xyz_m, self.turn = self.xyz_m + way, Rotation.from_rotvec(turn) * self.turn
        return ToolCommand(stamp_ns, self.config.frame, self.xyz_m, self.turn.as_quat(), way / dt_s, turn / dt_s)


def _shortened(vector: np.ndarray, longest: float) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector * (longest / length) if length > longest else vector

"""`Driver`: one robot. A result in, a command out, or the reason why the robot holds still."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.control import gate
from pose3d_ros.control.config import JointRobotConfig, RobotConfig, RobotHandConfig
from pose3d_ros.control.follow import Followed
from pose3d_ros.control.hands import HandSolver
from pose3d_ros.control.limits import Limiter
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Hand3D, JointState, Skeletons3D
from pose3d_ros.tracking.smoothing import OneEuro

NS_PER_S = 1e9
FIRST_STEP_S = 1 / 30  # there is nothing before the first input


@dataclass(frozen=True)
class JointCommand:
    """Targets of joints `names` (J,) in rad and rad/s at the stamp of the input; `dt_s` after the ones before."""

    stamp_ns: int
    names: tuple[str, ...]
    position_rad: np.ndarray
    velocity_rad_s: np.ndarray
    dt_s: float
    base_quat_xyzw: np.ndarray | None = None  # of a floating base, in a world with z up


class Driver:
    """What is common to hands, bodies and arms: time, validity, and holding still.

    `reason` is "" after a command, else why there was none. `held` counts held inputs by reason, `stops` how often a
    moving robot was stopped. Subclasses find their source (`_source`), command (`_command`) and restart (`_restart`).
    """

    def __init__(self, config: RobotConfig) -> None:
        self.config = config
        self.held: Counter[str] = Counter()
        self.stops, self.reason = 0, gate.SILENT
        self.blocked = ""  # a reason from outside, such as a robot that has not told where it is
        self._last_ns: int | None = None
        self._well_ns: int | None = None

    def push(self, result: Skeletons3D, followed: Followed, age_s: float = 0.0) -> Any:
        """The command for this result, or None: see `reason`. `age_s` NaN: the input is of another clock."""
        dt_s, reason = self._time(result.stamp_ns)
        stale = result.stale or age_s > self.config.hold.age_s
        reason = reason or (gate.STALE if stale else self.blocked or followed.reason)
        source = None
        if not reason:
            source, reason = self._source(result, followed)
        reason = reason or self._settled(result.stamp_ns)
        try:
            command = None if reason else self._command(result, source, dt_s)
        except InputError as error:
            reason, command = str(error), None
        if command is None:
            self.hold(reason)
            if reason != gate.SETTLING:
                self._well_ns = None
        self.reason = reason
        return command

    def hold(self, reason: str) -> None:
        """Nothing is commanded; what comes next may be far away."""
        self.stops += not self.reason
        self.held[reason] += 1
        self.reason = reason
        self._restart()

    def silence(self) -> None:
        """No input came for too long."""
        if self.reason != gate.SILENT:
            self.hold(gate.SILENT)
        self._well_ns = None

    def forget(self) -> None:
        """As before the first input."""
        self._last_ns = self._well_ns = None
        self.reason = gate.SILENT
        self._restart()

    def _time(self, stamp_ns: int) -> tuple[float, str]:
        """Seconds since the input before, and what is odd about that."""
        last_ns, self._last_ns = self._last_ns, stamp_ns
        if last_ns is None:
            return FIRST_STEP_S, ""
        dt_s = (stamp_ns - last_ns) / NS_PER_S
        if dt_s <= 0:
            return dt_s, gate.BACK
        return dt_s, gate.GAP if dt_s > self.config.hold.gap_s else ""

    def _settled(self, stamp_ns: int) -> str:
        if self._well_ns is None:
            self._well_ns = stamp_ns
        return "" if stamp_ns - self._well_ns >= self.config.hold.settle_s * NS_PER_S else gate.SETTLING

    def _source(self, result: Skeletons3D, followed: Followed) -> tuple[Any, str]:
        raise NotImplementedError

    def _command(self, result: Skeletons3D, source: Any, dt_s: float) -> Any:
        raise NotImplementedError

    def _restart(self) -> None:
        raise NotImplementedError


class JointDriver(Driver):
    """Robots that take joint positions. `position_rad`: of all joints of the model after the last command."""

    config: JointRobotConfig
    solver: Any  # finds joints; a HandSolver or a BodySolver
    floats = False  # commands tell how the base is turned, too
    limiter: Limiter
    published: np.ndarray
    names: tuple[str, ...]

    @property
    def position_rad(self) -> np.ndarray | None:
        return self.limiter.position

    @property
    def published_names(self) -> tuple[str, ...]:
        return tuple(self.names[row] for row in self.published)

    def forget(self) -> None:
        """Also where the robot is."""
        super().forget()
        self.solver.reset()
        self.limiter.position = None

    def start(self, positions: dict[str, float]) -> None:
        """Where the real robot is, by joint; only while it holds still does that matter."""
        if self.reason and self.published_names and set(self.published_names) <= set(positions):
            all_rad = np.zeros(len(self.names)) if self.position_rad is None else self.position_rad.copy()
            all_rad[self.published] = [positions[name] for name in self.published_names]
            self.limiter.start(all_rad)

    def _restart(self) -> None:
        self.limiter.careful()
        self._filter = OneEuro(self.config.smoothing) if self.config.smoothing.min_cutoff_hz else None

    def _smooth(self, stamp_ns: int, position: np.ndarray) -> np.ndarray:
        return self._filter(stamp_ns, position[:, None])[:, 0] if self._filter else position

    def _limited(self, result: Skeletons3D, wanted: np.ndarray, dt_s: float, careful: bool) -> JointCommand:
        if careful:
            self.limiter.careful()
        before = self.limiter.position
        after = self.limiter.step(self._smooth(result.stamp_ns, wanted), dt_s)
        velocity = np.zeros_like(after) if before is None else (after - before) / dt_s
        return JointCommand(
            result.stamp_ns, self.published_names, after[self.published], velocity[self.published], dt_s
        )


class HandDriver(JointDriver):
    """A robot hand from one hand of the followed person."""

    def __init__(self, config: RobotHandConfig) -> None:
        super().__init__(config)
        self.solver = HandSolver(config)
        self.names, self.published = self.solver.names, self.solver.published
        self.limiter = self.solver.limiter()
        self._restart()

    def _source(self, result: Skeletons3D, followed: Followed) -> tuple[Hand3D | None, str]:
        return gate.hand_of(result, followed.track, self.config.side, self.config.hold)

    def _command(self, result: Skeletons3D, hand: Hand3D, dt_s: float) -> JointCommand:
        palm_m = Rotation.from_quat(hand.quat_xyzw).apply(hand.xyz_m - hand.wrist_m, inverse=True)
        if self.limiter.position is not None:
            self.solver.seed(self.limiter.position)
        wanted = self.solver.solve(palm_m)
        command = self._limited(result, wanted, dt_s, bool((hand.state != JointState.MEASURED).any()))
        self.limiter.position = self.solver.coupled(self.limiter.position)
        return command

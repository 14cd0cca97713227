"""`Watch`: the separation over time. What is odd, late or missing is UNKNOWN, at once; better news wait a while.

NOT A SAFETY FUNCTION (see `separation`).
"""

from dataclasses import dataclass, field

import numpy as np

from pose3d_ros.control.robot_shape import RobotShape
from pose3d_ros.control.separation import Gap, ProtectiveConfig, Zone, odd, smallest
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.types import Person3D, Skeletons3D, TrackState

NO_INPUT = "no skeletons yet"
_HALTS = {Zone.CLEAR: 0, Zone.SLOW: 1, Zone.STOP: 2, Zone.UNKNOWN: 2}
FUTURE_S = 0.05  # clocks of two machines differ by less


@dataclass(frozen=True)
class WatchConfig:
    """When the distance is known, and what follows from it."""

    confidence: float = param(
        0.99, "with which the true distance lies between the bounds", low=0.5, high=0.9999, live=True
    )
    depth_sigma: float = param(0.06, "error of a person's distance from the camera, as a share of it, where the "
                               "skeletons carry no root covariance", low=0.0, high=1.0, live=True)  # fmt: skip
    timeout_s: float = param(0.08, "unknown after so long without skeletons; above the time between two frames",
                             unit="s", low=0.02, high=5.0, live=True)  # fmt: skip
    max_age_s: float = param(0.3, "unknown where skeletons are of an image older than that", unit="s", low=0.02,
                             high=10.0, live=True)  # fmt: skip
    jump_m: float = param(0.3, "unknown where a person is farther from where they were", unit="m", low=0.0, high=5.0,
                          live=True)  # fmt: skip
    jump_speed_m_s: float = param(4.0, "added to that for each second", unit="m/s", low=0.0, high=20.0, live=True)
    vanish_s: float = param(2.0, "unknown for so long after a person is not there any more", unit="s", low=0.0,
                            high=60.0, live=True)  # fmt: skip
    hold_s: float = param(
        0.5, "a better state must last so long before it is told", unit="s", low=0.0, high=10.0, live=True
    )
    protective: ProtectiveConfig = field(default_factory=ProtectiveConfig)

    __post_init__ = validate


@dataclass(frozen=True)
class Verdict:
    """`ratio`: lower bound over the protective distance. `reason`: why unknown, or what holds a worse state."""

    zone: Zone
    reason: str = ""
    gap: Gap = field(default_factory=lambda: Gap(np.nan, np.nan, np.nan))
    protective_m: float = np.nan
    ratio: float = np.nan
    closing_m_s: float = np.nan
    age_s: float = np.nan


class Watch:
    """`now_s` of every call is a steady clock's. One robot; people in its base frame."""

    def __init__(self, config: WatchConfig, robot: RobotShape) -> None:
        self.config, self.robot = config, robot
        self.reset()

    def reset(self) -> None:
        """As if nothing had ever come."""
        self.last = Verdict(Zone.UNKNOWN, NO_INPUT)
        self._stamp_ns, self._heard_s = -1, -np.inf
        self._roots: dict[int, np.ndarray] = {}
        self._vanished_s = -np.inf
        self._before: tuple[float, int] | None = None  # gap and stamp, for the speed
        self._worse, self._worse_until_s = Zone.UNKNOWN, -np.inf

    def see(
        self, result: Skeletons3D, robot_ends_m: np.ndarray | None, camera_m: np.ndarray, age_s: float, now_s: float
    ) -> Verdict:
        """People in the base frame, the robot's capsules as they were then, and how old the image is."""
        reason = self._odd(result, robot_ends_m, age_s, now_s)
        self._stamp_ns = max(self._stamp_ns, result.stamp_ns)
        if reason:
            return self.fail(reason, now_s)
        self._heard_s = now_s
        config = self.config
        gap = smallest(
            list(result.people), self.robot, robot_ends_m, config.confidence, camera_m, config.depth_sigma
        )  # fmt: skip
        if result.people and not np.isfinite((gap.distance_m, gap.lower_m, gap.upper_m)).all():
            return self.fail("the distance is not finite", now_s)
        closing = self._closing(gap, result.stamp_ns)
        protective_m = config.protective.distance_m(max(closing, 0.0) if np.isfinite(closing) else 0.0, max(age_s, 0.0))
        ratio = gap.lower_m / max(protective_m, 1e-6)
        zone = Zone.STOP if ratio < 1 else Zone.SLOW if ratio < config.protective.slow_ratio else Zone.CLEAR
        return self._told(Verdict(zone, "", gap, protective_m, ratio, closing, age_s), now_s)

    def fail(self, reason: str, now_s: float) -> Verdict:
        """Input that cannot be used, or a robot whose place is not known."""
        self._before = None
        return self._told(Verdict(Zone.UNKNOWN, reason), now_s)

    def tick(self, now_s: float) -> Verdict:
        """What holds now, if nothing has come."""
        if self.last.zone is not Zone.UNKNOWN and now_s - self._heard_s > self.config.timeout_s:
            return self.fail(f"no skeletons for {1e3 * (now_s - self._heard_s):.0f} ms", now_s)
        return self.last

    def _odd(self, result: Skeletons3D, ends_m: np.ndarray | None, age_s: float, now_s: float) -> str:
        """Why this input tells no distance; "" if it does. People are remembered, whatever it is."""
        since_s = (result.stamp_ns - self._stamp_ns) / 1e9
        moved, gone = self._people(result.people, since_s)
        if gone:
            self._vanished_s = now_s
        if since_s <= 0 and self._stamp_ns >= 0:
            return "stamps do not increase"
        if result.stale or not -FUTURE_S <= age_s <= self.config.max_age_s:
            return f"skeletons are {age_s:.2f} s old"
        if ends_m is None or not np.isfinite(ends_m).all():
            return "where the robot is is not known"
        for person in result.people:
            if why := odd(person):
                return f"person {person.id or person.track}: {why}"
            if person.track_state == TrackState.LOST:
                return f"person {person.id or person.track} is lost"
        if moved:
            return moved
        if now_s - self._vanished_s < self.config.vanish_s:
            return "a person is not there any more"
        return ""

    def _people(self, people: tuple[Person3D, ...], since_s: float) -> tuple[str, bool]:
        """Who jumped, and whether somebody is gone, since the frame before."""
        roots = {p.track: p.xyz_m[0].astype(np.float64) for p in people if np.isfinite(p.xyz_m[0]).all()}
        far_m = self.config.jump_m + self.config.jump_speed_m_s * max(since_s, 0.0)
        moved = [
            track for track, root in roots.items()
            if track in self._roots and np.linalg.norm(root - self._roots[track]) > far_m
        ]  # fmt: skip
        gone = self._roots.keys() - {person.track for person in people}
        self._roots = roots
        return f"person of track {moved[0]} jumped" if moved else "", bool(gone)

    def _closing(self, gap: Gap, stamp_ns: int) -> float:
        """The faster of what joints' velocities tell and how the gap has shrunk."""
        before, self._before = self._before, (gap.distance_m, stamp_ns) if np.isfinite(gap.distance_m) else None
        shrunk = (before[0] - gap.distance_m) / max((stamp_ns - before[1]) / 1e9, 1e-3) if before else np.nan
        return float(np.fmax(gap.approach_m_s, shrunk))

    def _told(self, verdict: Verdict, now_s: float) -> Verdict:
        """Worse news at once, better news after they have held for a while."""
        if _HALTS[verdict.zone] >= _HALTS[self._worse]:
            self._worse, self._worse_until_s = verdict.zone, now_s + self.config.hold_s
        elif now_s < self._worse_until_s:
            held = f"{self._worse.name.lower()} a moment ago"
            verdict = Verdict(**{**vars(verdict), "zone": self._worse, "reason": held})
        else:
            self._worse, self._worse_until_s = verdict.zone, now_s + self.config.hold_s
        self.last = verdict
        return verdict

"""The separation's interval against the truth with a virtual robot, and injected faults. See control/separation."""

from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.control.robot_shape import RobotShape
from pose3d_ros.control.separation import Zone, smallest
from pose3d_ros.control.separation_watch import Watch, WatchConfig
from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D, Skeletons3D, TrackState
from pose3d_ros.lab.evaluation.motion.pairs import RAYS_AS_PIXELS, Pair, record_pairs
from pose3d_ros.lab.evaluation.motion.recordings import FIRST_STAMP_NS
from pose3d_ros.pipeline import Pipeline

RATE_HZ = 30.0
SETTLE = 15  # frames until windows hold something
# a virtual arm on a post, in the camera's frame, beside where the people dance
ARM_M = np.array([[[0, 0.8, 0], [0, 0.2, 0]], [[0, 0.2, 0], [0, -0.1, 0.35]], [[0, -0.1, 0.35], [0, 0.1, 0.7]]], float)
ROBOT = RobotShape("base", ("post", "upper", "lower"), ARM_M, np.array([0.12, 0.08, 0.07]))
CAMERA_M = np.zeros(3)
FAULTS = (
    "person lost", "person vanished", "old", "marked stale", "from the future", "jumped", "NaN joint", "NaN sigma",
    "NaN covariance", "joint invalid", "no stamp progress", "stamps back", "robot unknown", "robot NaN",
    "source killed",
)  # fmt: skip


def evaluate_interval(file: Path, pipeline: Pipeline, config: WatchConfig, seed: int = 1) -> dict[str, float]:
    """Share of frames whose true distance lies in the interval, and how far the lower bound is below it."""
    slack, width, held, wrong = [], [], [], 0
    for number, pair in enumerate(record_pairs(file, RATE_HZ, 1, seed)):
        pipeline.reset()
        ends_m = _beside(pair, np.random.default_rng(seed + number))
        for i in range(pair.score.shape[1]):
            stamp_ns = FIRST_STAMP_NS + round(i * 1e9 / RATE_HZ)
            name = pipeline.body_skeleton.name
            people = [Person2D(name, pair.rays[who, i], pair.score[who, i], id=str(who)) for who in range(2)]
            out = pipeline.push(Keypoints2D(stamp_ns, tuple(people)), RAYS_AS_PIXELS).people
            if i < SETTLE or len(out) < 2:
                wrong += i >= SETTLE
                continue
            truth = [_known(name, pair.truth_m[who, i], who) for who in range(2)]
            true_m = smallest(truth, ROBOT, ends_m, config.confidence, CAMERA_M, 0.0).distance_m
            gap = smallest(list(out), ROBOT, ends_m, config.confidence, CAMERA_M, config.depth_sigma)
            held.append(gap.lower_m <= true_m <= gap.upper_m)
            slack.append(true_m - gap.lower_m)
            width.append(gap.upper_m - gap.lower_m)
    slack_m = np.array(slack)
    return {
        "frames": len(held),
        "without_both": wrong,
        "inside": float(np.mean(held)),
        "above_lower": float(np.mean(slack_m >= 0)),
        "mean_slack_m": float(slack_m.mean()),
        "mean_width_m": float(np.mean(width)),
    }


def _known(name: str, xyz_m: np.ndarray, track: int) -> Person3D:
    joints = len(xyz_m)
    return Person3D(str(track), track, name, xyz_m, np.full(joints, 1e-6), np.full(joints, JointState.MEASURED))


def _beside(pair: Pair, rng: np.random.Generator) -> np.ndarray:
    """The arm, about a metre and a half to the side of the middle of all that is danced, turned at random."""
    middle = pair.truth_m.reshape(-1, 3).mean(0)
    turn = rng.uniform(0, 2 * np.pi)
    offset = 1.5 * np.array([np.cos(turn), 0.0, np.sin(turn)])
    return ARM_M + middle + offset


def inject(
    count: int,
    seed: int = 1,
    config: WatchConfig = WatchConfig(),
    on_progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, Any]:
    """`count` faults into a running watch, each kind in turn, and how many were not UNKNOWN or STOP within 100 ms."""
    rng = np.random.default_rng(seed)
    watch, now_s, stamp_ns = Watch(config, ROBOT), 100.0, FIRST_STAMP_NS
    found, missed, worst_s = Counter(), Counter(), 0.0
    for number in range(count):
        if number % 100 == 0:  # another place, and until all is well
            base = standing(rng)
            watch.reset()
            for _ in range(40):
                now_s, stamp_ns = now_s + 1 / RATE_HZ, stamp_ns + 33_333_333
                watch.see(with_noise(base, stamp_ns, rng), ARM_M, CAMERA_M, 0.02, now_s)
            assert watch.last.zone in (Zone.CLEAR, Zone.SLOW), watch.last
        kind = FAULTS[number % len(FAULTS)]
        took_s = _until_halt(_copied(watch), kind, base, stamp_ns, now_s, rng)
        found[kind] += 1
        missed[kind] += took_s > 0.1
        worst_s = max(worst_s, took_s)
        if on_progress and number % 1000 == 0:
            on_progress("faults", number, count)
    kinds = {kind: {"injected": found[kind], "missed": int(missed[kind])} for kind in found}
    return {"faults": count, "missed": int(sum(missed.values())), "worst_ms": 1e3 * float(worst_s), "kinds": kinds}


def _until_halt(
    watch: Watch, kind: str, base: np.ndarray, stamp_ns: int, now_s: float, rng: np.random.Generator
) -> float:
    """Seconds from the last good frame to UNKNOWN or STOP, 1 where that takes longer."""
    due_s = now_s + 1 / RATE_HZ
    if kind == "source killed":
        return next((t for t in np.arange(0.01, 1.0, 0.01) if _halted(watch.tick(now_s + t))), 1.0)
    result, age_s, ends_m = with_noise(base, stamp_ns + 33_333_333, rng), rng.uniform(0.0, 0.1), ARM_M
    if kind in CHANGES:
        result = CHANGES[kind](result, rng)
    elif kind == "old":
        age_s = rng.uniform(0.31, 20)
    elif kind == "from the future":
        age_s = -rng.uniform(0.06, 20)
    elif kind == "robot unknown":
        ends_m = None
    elif kind == "robot NaN":
        ends_m = ARM_M.copy()
        ends_m[rng.integers(3), rng.integers(2), rng.integers(3)] = np.nan
    verdict = watch.see(result, ends_m, CAMERA_M, age_s, due_s)
    return due_s - now_s if _halted(verdict) else 1.0


def _halted(verdict: Any) -> bool:
    return verdict.zone in (Zone.UNKNOWN, Zone.STOP)


def _copied(watch: Watch) -> Watch:
    other = copy(watch)
    other._roots = dict(watch._roots)
    return other


def standing(rng: np.random.Generator) -> np.ndarray:
    """h36m17 of somebody who stands two to four metres away from the arm."""
    half = formats.get("h36m17")
    xyz_m = np.zeros((len(half), 3))
    heights = {"pelvis": 0.0, "hip": 0.0, "knee": 0.43, "ankle": 0.86, "spine": -0.25, "thorax": -0.5, "nose": -0.65,
               "top": -0.8, "shoulder": -0.5, "elbow": -0.2, "wrist": 0.05}  # fmt: skip
    for row, joint in enumerate(half.joints):
        side = 0.18 if joint.startswith("left") else -0.18 if joint.startswith("right") else 0.0
        xyz_m[row] = side, heights[joint.split("_")[-1]], 0.0
    turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(2.6, 4.0)
    return xyz_m + np.array([far * np.cos(turn), 0.0, far * np.sin(turn)])


def with_noise(base: np.ndarray, stamp_ns: int, rng: np.random.Generator) -> Skeletons3D:
    """That person as seen at this stamp."""
    xyz_m = base + rng.normal(0, 0.005, base.shape)
    count = len(base)
    person = Person3D(
        "1", 1, "h36m17", xyz_m, np.full(count, 0.03), np.full(count, JointState.MEASURED),
        root_covariance=np.eye(3) * 1e-3, velocity_m_s=np.zeros((count, 3)),
    )  # fmt: skip
    return Skeletons3D(stamp_ns, "base", (person,))


def _person(result: Skeletons3D, **changes: Any) -> Skeletons3D:
    return replace(result, people=(replace(result.people[0], **changes),))


def _spoilt(result: Skeletons3D, rng: np.random.Generator, name: str, value: float = np.nan) -> Skeletons3D:
    """One number of an array made unusable, past the checks of the border: messages are not trusted."""
    person = copy(result.people[0])
    array = getattr(person, name).copy()
    array.flat[rng.integers(array.size)] = value
    object.__setattr__(person, name, array)
    return replace(result, people=(person,))


def _jumped(result: Skeletons3D, rng: np.random.Generator) -> Skeletons3D:
    way = rng.normal(size=3)
    way *= rng.uniform(0.5, 3.0) / np.linalg.norm(way)
    return _person(result, xyz_m=result.people[0].xyz_m + way)


CHANGES: dict[str, Callable[[Skeletons3D, np.random.Generator], Skeletons3D]] = {
    "person lost": lambda result, _: _person(result, track_state=TrackState.LOST),
    "person vanished": lambda result, _: replace(result, people=()),
    "marked stale": lambda result, _: replace(result, stale=True),
    "jumped": _jumped,
    "NaN joint": lambda result, rng: _spoilt(result, rng, "xyz_m"),
    "NaN sigma": lambda result, rng: _spoilt(result, rng, "sigma_m"),
    "NaN covariance": lambda result, rng: _spoilt(result, rng, "root_covariance"),
    "no stamp progress": lambda result, _: replace(result, stamp_ns=result.stamp_ns - 33_333_333),
    "stamps back": lambda result, rng: replace(result, stamp_ns=result.stamp_ns - int(rng.uniform(0.04, 20) * 1e9)),
    "joint invalid": lambda result, rng: _spoilt(result, rng, "state", 0),
}

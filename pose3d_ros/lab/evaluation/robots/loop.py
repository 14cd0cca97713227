"""Error of a robot that the estimate drives against the same robot driven by the truth."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.control.config import ArmConfig, RobotHandConfig, load
from pose3d_ros.control.driver import HandDriver, JointDriver
from pose3d_ros.control.robots import driver
from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Hand3D, JointState, Person3D, Skeletons3D
from pose3d_ros.geometry import hand
from pose3d_ros.lab.evaluation.metrics import Sequence
from pose3d_ros.lab.evaluation.motion.hands import HandEvaluationConfig, HandSequence
from pose3d_ros.lab.evaluation.motion.hands import lift_all as lift_hands
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, lift_all
from pose3d_ros.lab.evaluation.motion.recordings import FIRST_STAMP_NS
from pose3d_ros.lab.evaluation.report import identity, machine
from pose3d_ros.lab.evaluation.robots.drive import Driven, drive, speeds
from pose3d_ros.lab.synthesis import hand_recordings
from pose3d_ros.lab.synthesis import motion as motion_files
from pose3d_ros.models import registry

HAND_RATE_HZ = 30.0
TRUTH_SIGMA_M = 0.001
WRISTS = ("left_wrist", "right_wrist")
Progress = Callable[[str, int, int], Any]
Results = Iterator[tuple[Skeletons3D, bool]]


def evaluate_robots(
    robots: tuple[str, ...], file: Path, weights: str, config: EvaluationConfig | HandEvaluationConfig,
    device: str = "auto", on_progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """{"robots": {robot: {protocol: figures}}, "meta"}; hands of one side, or bodies, all driven by the same estimates.

    Raises CheckpointError, ConfigError, InputError; ConfigError for an arm, which has no joints of its own here, and
    for robots of several kinds or sides.
    """
    configs = [load(robot) for robot in robots]
    kinds = {(each.kind, getattr(each, "side", "")) for each in configs}
    if len(kinds) != 1 or isinstance(configs[0], ArmConfig):
        raise ConfigError(f"robots {', '.join(robots)}: expected hands of one side, or bodies")
    lifter = registry.load_lifter(weights, device)
    measure: Callable[..., dict[str, Any]]
    if isinstance(configs[0], RobotHandConfig):
        found = lift_hands(_hands_of(file, configs[0]), {"": lifter}, config, on_progress=on_progress)[""]
        measure = hands_figures
    else:
        motion = motion_files.load([file])
        found = lift_all(motion, [candidate("", lifter)], config, on_progress=on_progress)[""]
        measure = body_figures
    drivers = {each.name: driver(each) for each in configs}
    meta = {"motion": file.name, "weights": identity(weights), "config": asdict(config)}
    return {
        "robots": {
            name: {protocol: measure(made, sequences) for protocol, sequences in found.items()}
            for name, made in drivers.items()
        },
        "meta": meta | machine(lifter.description),
    }


def _hands_of(file: Path, config: RobotHandConfig) -> list[hand_recordings.Recording]:
    """Recordings of the side; of a file that holds some that no generator has seen, only these. Raises ConfigError."""
    recordings = hand_recordings.load(file, HAND_RATE_HZ)
    recordings = [rec for rec in recordings if rec.name in hand_recordings.LEFT_OUT] or recordings
    wanted = [rec for rec in recordings if rec.left == (config.side == "left")]
    if not wanted:
        raise ConfigError(f"{file}: no {config.side} hand in it for {config.name}")
    return wanted


def hands_figures(robot: HandDriver, sequences: list[HandSequence]) -> dict[str, Any]:
    """Over all frames from the first command on, a held robot included.

    `tip_error_mm`: tips of the robot from where the person's true tips, scaled to the robot, are; `exact_`: the same
    driven by the true joints; `tip_apart_mm`: between the two robots. The rest as `_common`.
    """
    estimated, exact, errors, bare, apart = [], [], [], [], []
    for sequence in sequences:
        by_estimate = _restarted(robot, _hand_results(sequence, sequence.predicted_m, robot.config.side))
        by_truth = _restarted(robot, _hand_results(sequence, sequence.truth_m, robot.config.side, exact=True))
        wanted = np.array([_wanted_tips(robot, xyz, sequence.left) for xyz in sequence.truth_m])
        both = by_estimate.moving & by_truth.moving & np.isfinite(wanted).all((1, 2))
        tips, true_tips = (_tips(robot, d.whole_rad[both]) for d in (by_estimate, by_truth))
        errors.append(_mm(tips - wanted[both]))
        bare.append(_mm(true_tips - wanted[both]))
        apart.append(_mm(tips - true_tips))
        estimated.append(by_estimate)
        exact.append(by_truth)
    figures = {"tip_error_mm": _mean(errors), "exact_tip_error_mm": _mean(bare), "tip_apart_mm": _mean(apart)}
    return figures | _common(robot, estimated, exact)


def body_figures(robot: JointDriver, sequences: list[Sequence]) -> dict[str, Any]:
    """`wrist_error_mm`: the robot's wrists from those of the robot that the truth drives. `pelvis_lean_deg` from
    the person's own true pelvis, median, and 95 % of the frames lean no farther than `pelvis_lean_p95_deg`;
    `exact_pelvis_lean_p95_deg`: driven by the truth."""
    estimated, exact, wrists, lean, exact_lean = [], [], [], [], []
    for sequence in sequences:
        by_estimate = _restarted(robot, _body_results(sequence, sequence.predicted_m))
        by_truth = _restarted(robot, _body_results(sequence, sequence.truth_m, exact=True))
        own = _own_pelvis(robot, sequence)
        both = np.flatnonzero(by_estimate.moving & by_truth.moving)
        for row in both:
            frames, true_frames = (robot.solver.frames(d.whole_rad[row], d.base[row]) for d in (by_estimate, by_truth))
            wrists.append([frames[joint][0] - true_frames[joint][0] for joint in WRISTS])
            lean.append(_lean(frames["pelvis"][1], own[row]))
            exact_lean.append(_lean(true_frames["pelvis"][1], own[row]))
        estimated.append(by_estimate)
        exact.append(by_truth)
    figures = {
        "wrist_error_mm": _mean([_mm(np.array(wrists))]) if wrists else None,
        "pelvis_lean_deg": _percentile(lean, 50),
        "pelvis_lean_p95_deg": _percentile(lean, 95),
        "exact_pelvis_lean_p95_deg": _percentile(exact_lean, 95),
    }
    return figures | _common(robot, estimated, exact)


def _common(robot: JointDriver, estimated: list[Driven], exact: list[Driven]) -> dict[str, Any]:
    """`joint_speed_rad_s` and that of the robot driven by the truth; `within_limits`: no joint was faster than its
    limit; `jumps`: `Driven.jumps`; `held_share` of the frames from the first command on, `stops`, `frames`."""
    moving = sum(int(each.moving.sum()) for each in estimated)
    held = sum(int((each.moving & ~each.commanded).sum()) for each in estimated)
    limits = robot.limiter.speed[robot.published] * (1 + 1e-6)
    return {
        "joint_speed_rad_s": speeds(estimated),
        "exact_joint_speed_rad_s": speeds(exact),
        "within_limits": bool(all((np.nan_to_num(each.speeds()) <= limits).all() for each in estimated)),
        "finite": bool(all(np.isfinite(each.position_rad[each.moving]).all() for each in estimated)),
        "jumps": sum(each.jumps() for each in estimated),
        "held_share": round(held / moving, 4) if moving else None,
        "stops": sum(each.stops for each in estimated),
        "frames": moving,
    }


def _restarted(robot: JointDriver, results: Results) -> Driven:
    """With a robot that knows nothing of what it did before."""
    robot.forget()
    return drive(robot, results)


def _hand_results(sequence: HandSequence, xyz_m: np.ndarray, side: str, exact: bool = False) -> Results:
    poses = hand.describe(xyz_m.astype(np.float64), np.full(len(xyz_m), sequence.left))
    for row, xyz in enumerate(xyz_m):
        seen = np.ones(len(xyz), bool) if exact else sequence.seen[row]
        given = poses.valid[row] and np.isfinite(xyz).all() and (exact or sequence.valid[row])
        state = np.where(seen, JointState.MEASURED, JointState.INFERRED).astype(np.uint8)
        sigma_m = np.full(len(xyz), TRUTH_SIGMA_M, np.float32) if exact else sequence.sigma_m[row]
        found = Hand3D("", 1, side, xyz[0], xyz_m=xyz, sigma_m=sigma_m, state=state, **poses.of(row)) if given else None
        yield Skeletons3D(_stamp(row, HAND_RATE_HZ), "", (), (found,) if found else ()), not seen.all()


def _body_results(sequence: Sequence, xyz_m: np.ndarray, exact: bool = False) -> Results:
    name = next(n for n in ("h36m17", "body19") if len(formats.get(n)) == xyz_m.shape[1])
    for row, xyz in enumerate(xyz_m):
        seen = np.ones(len(xyz), bool) if exact else sequence.seen[row]
        given = np.isfinite(xyz).all() and (exact or sequence.valid[row])
        state = np.where(seen, JointState.MEASURED, JointState.INFERRED).astype(np.uint8)
        sigma_m = np.full(len(xyz), TRUTH_SIGMA_M, np.float32) if exact else sequence.sigma_m[row]
        people = (Person3D("", 1, name, xyz, sigma_m, state),) if given else ()
        yield Skeletons3D(_stamp(row, sequence.rate_hz), "", people), not seen.all()


def _own_pelvis(robot: JointDriver, sequence: Sequence) -> np.ndarray:
    """Axes (F, 3, 3) of the person's true pelvis as the robot's world has them."""
    found = []
    robot.forget()
    for result, _ in _body_results(sequence, sequence.truth_m, exact=True):
        if result.people:
            found.append(robot.solver.targets(*robot.body24(result, result.people[0]))["pelvis"][1])
        else:
            found.append(np.full((3, 3), np.nan))
    return np.array(found)


def _wanted_tips(robot: HandDriver, xyz_m: np.ndarray, left: bool) -> np.ndarray:
    axes, valid = hand.palm_axes(xyz_m[None].astype(np.float64), np.array([left]))
    if not valid[0] or not np.isfinite(xyz_m).all():
        return np.full((len(robot.config.tips), 3), np.nan)
    return robot.solver.wanted_tips((xyz_m - xyz_m[0]) @ axes[0])


def _tips(robot: HandDriver, position_rad: np.ndarray) -> np.ndarray:
    empty = np.zeros((0, len(robot.config.tips), 3))
    return np.array([robot.solver.tips(row) for row in position_rad]) if len(position_rad) else empty


def _stamp(row: int, rate_hz: float) -> int:
    return FIRST_STAMP_NS + round(row * 1e9 / rate_hz)


def _lean(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between the up axes."""
    return float(np.degrees(np.arccos(np.clip(a[:, 2] @ b[:, 2], -1, 1))))


def _mm(off_m: np.ndarray) -> np.ndarray:
    return 1e3 * np.linalg.norm(off_m, axis=-1)


def _mean(parts: list[np.ndarray]) -> float | None:
    values = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)
    return round(float(values.mean()), 2) if len(values) else None


def _percentile(values: list[float], share: float) -> float | None:
    found = np.array(values)[np.isfinite(values)] if values else np.zeros(0)
    return round(float(np.percentile(found, share)), 2) if len(found) else None

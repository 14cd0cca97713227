"""Evaluation on recorded motion: occlusion protocols, online, as the pipeline would have lifted it frame by frame."""

import itertools
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pose3d_ros.core import formats
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.estimation.body_state import BodyStates, Lifted, StateConfig
from pose3d_ros.estimation.ego_motion import STILL
from pose3d_ros.geometry.placement import PlacementConfig
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.evaluation.metrics import Metrics, Sequence, frame_errors, mean, measure
from pose3d_ros.lab.evaluation.motion.baselines import Fill
from pose3d_ros.lab.evaluation.motion.recordings import Recordings, record
from pose3d_ros.lab.synthesis import detector, occlusion
from pose3d_ros.lab.synthesis.detector import DetectorConfig
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.occlusion import PROTOCOLS
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models import Lifter, checkpoint, registry
from pose3d_ros.models.conditions import Told
from pose3d_ros.models.lifter import Streams
from pose3d_ros.stages.bodies import lift_windows
from pose3d_ros.tracking.keypoints import hide_weak
from pose3d_ros.tracking.window import Window

BASELINE_SUFFIX = "_clean"
BODY, SKELETON = formats.get("h36m17"), formats.get("body19")
TOLD = ("gravity", "height", "bones")
BATCH = 256  # windows lifted at once
_CLIPS = itertools.count()  # every clip is a new stream


@dataclass(frozen=True)
class EvaluationConfig:
    """What is evaluated. `min_score` and `min_joints` are those of the pipeline, and so are their defaults."""

    protocols: tuple[str, ...] = param(PROTOCOLS, "names of occlusion protocols")
    rate_hz: float = param(30.0, "frame rate of the camera", unit="Hz", low=10, high=60)
    lookahead: int = param(0, "slots of the model's rate by which the output is late", low=0, high=350)
    cameras: int = param(2, "cameras for each clip", low=1, high=16)
    clips: int = param(0, "only so many clips, spread over the file; 0 = all", low=0)
    seed: int = param(1, "fixes cameras, noise and occlusion", low=0)
    min_score: float = param(0.3, "keypoints with a lower score count as missing", low=0, high=1)
    told: tuple[str, ...] = param((), "what lifters that take it are told beside the keypoints")
    min_joints: int = param(4, "joints that must have been seen within the window", low=2, high=17)
    state: StateConfig = field(default_factory=StateConfig)  # of the pipeline; switched off by lookahead

    __post_init__ = validate


@dataclass(frozen=True)
class Candidate:
    """A lifter, and the name under which its numbers are reported; `fill` in place of its guidance (baselines.py)."""

    name: str
    lifter: Lifter
    fill: Fill | None = None


def candidate(name: str, lifter: Lifter, guidance: GuidanceConfig | None = None, fill: Fill | None = None) -> Candidate:
    """The lifter as it is, or with another guidance than its weights were trained with, or fed by a baseline."""
    if guidance is not None:
        lifter = copy(lifter)
        lifter.spec = replace(lifter.spec, guidance=guidance)
    return Candidate(name, lifter, fill)


def find_baseline(weights: str) -> str:
    """Name or path of the same network trained clean, which lies beside the weights. Raises CheckpointError."""
    stem = weights.removesuffix(registry.SUFFIX)
    name = stem + BASELINE_SUFFIX + weights[len(stem) :]
    try:
        checkpoint.read_header(registry.find(name))
    except CheckpointError as error:
        raise CheckpointError(f"baseline of {weights}: {error}; give --baseline NAME_OR_PATH, or none") from None
    return name


def evaluate(
    motion: MotionSet,
    candidates: list[Candidate],
    config: EvaluationConfig,
    noise: DetectorConfig = detector.STANDARD,
    on_progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, dict[str, Metrics]]:
    """{candidate: {protocol: metrics}}, of `lift_all`."""
    found = lift_all(motion, candidates, config, noise, on_progress)
    return {name: {p: measure_body(sequences) for p, sequences in per.items()} for name, per in found.items()}


def lift_all(
    motion: MotionSet,
    candidates: list[Candidate],
    config: EvaluationConfig,
    noise: DetectorConfig = detector.STANDARD,
    on_progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, dict[str, list[Sequence]]]:
    """{candidate: {protocol: sequences}}. All of them see the very same cameras, noise and occlusions.

    `on_progress(protocol, done, total)` is told about clips. Raises ConfigError: unknown protocol, lookahead beyond
    the window, candidates of different rates or skeletons.
    """
    _check(candidates, config)
    chosen = _spread(len(motion), config.clips)
    found: dict[str, dict[str, list[Sequence]]] = {c.name: {p: [] for p in config.protocols} for c in candidates}
    for done, index in enumerate(chosen):
        recordings = record(motion, index, config.rate_hz, config.cameras, config.seed, noise)
        for protocol in config.protocols:
            for name, sequences in _lift_clip(recordings, protocol, candidates, config).items():
                found[name][protocol] += sequences
            if on_progress:
                on_progress(protocol, done, len(chosen))
    return found


def measure_body(sequences: list[Sequence]) -> Metrics:
    """All metrics over the joints of h36m17, so that lifters with and without toes are compared on the same joints; the
    toes' errors stand among those of the single joints."""
    body = len(BODY)
    found = measure([_joints(sequence, slice(body)) for sequence in sequences], BODY.name)
    if sequences[0].truth_m.shape[1] == body:
        return found
    feet = [frame_errors(_joints(sequence, [0, *range(body, len(SKELETON))])) for sequence in sequences]
    error = np.concatenate([part.relative_mm for part in feet])
    toes = {name: mean(error[:, 1 + i]) for i, name in enumerate(SKELETON.joints[body:])}
    return replace(found, per_joint_mm={**found.per_joint_mm, **toes})


def _joints(sequence: Sequence, rows: Any) -> Sequence:
    of = {name: getattr(sequence, name)[:, rows] for name in ("predicted_m", "truth_m", "sigma_m", "seen")}
    return replace(sequence, **of)


def _check(candidates: list[Candidate], config: EvaluationConfig) -> None:
    if set(config.told) - set(TOLD):
        raise ConfigError(f"told: expected some of {', '.join(TOLD)}, got {', '.join(config.told)}")
    rates = {c.lifter.spec.rate_hz for c in candidates}
    if len(rates) != 1:
        raise ConfigError(f"expected lifters with the same rate to compare, got {sorted(rates)}")
    frames = min(c.lifter.spec.frames for c in candidates)
    if config.lookahead >= frames:
        raise ConfigError(f"lookahead: expected below the window's {frames} frames, got {config.lookahead}")
    for protocol in config.protocols:  # an unknown one is refused before the work begins
        occlusion.mask(protocol, Rng(0), torch.zeros(1, 2, len(BODY), 2), config.rate_hz)


def _spread(total: int, wanted: int) -> list[int]:
    count = min(wanted, total) if wanted else total
    return [int(i) for i in np.linspace(0, total - 1, count).round()]


def _lift_clip(
    recordings: Recordings, protocol: str, candidates: list[Candidate], config: EvaluationConfig
) -> dict[str, list[Sequence]]:
    """One sequence for each camera and candidate."""
    score = np.where(recordings.hidden(protocol, config.seed), 0, recordings.score.numpy())
    rays, score = hide_weak(recordings.rays.numpy(), score, config.min_score)
    delay = config.lookahead * config.rate_hz / candidates[0].lifter.spec.rate_hz
    truth_m = np.stack([_delayed(truth_m, delay) for truth_m in recordings.truth_m])
    told, stamps_ns = known(recordings.told, config.told), recordings.stamps_ns
    found = {}
    for name, lifter, fill in ((c.name, c.lifter, c.fill) for c in candidates):
        joints = len(lifter.spec.joints)  # with toes or without
        given = rays[:, :, :joints], score[:, :, :joints]
        if fill is not None:
            given = fill(*given, config.rate_hz)
        more = told if lifter.spec.told else None
        found[name] = _lift(lifter, *given, truth_m[:, :, :joints], stamps_ns, (more, told), config)
        if fill is not None:  # what was filled counts as hidden
            first = len(stamps_ns) - len(found[name][0].seen)
            seen = score[:, first:, :joints] > 0
            found[name] = [replace(one, seen=rows) for one, rows in zip(found[name], seen, strict=True)]
    return found


def known(told: Told, names: tuple[str, ...]) -> Told | None:
    """Of what is told, that which is named, as arrays; None of nothing."""
    if not names:
        return None
    parts = {name: part.numpy() for name, part in told._asdict().items()}
    for name, (part, unknown) in zip(TOLD, (("up", np.nan), ("height_m", np.nan), ("bones_m", np.nan)), strict=True):
        if name not in names:
            parts[part] = np.full_like(parts[part], unknown)
    return Told(**parts)


def window_slots(stamps_ns: np.ndarray, score: np.ndarray, frames: int, rate_hz: float) -> np.ndarray:
    """int32 (F, T, J): which frame each joint of each slot of the window that ends at each frame is taken from, F
    where none.

    The pipeline's own window, filled with frame numbers. `score` (F, J), 0 where missing; frames that show nothing
    never come to it.
    """
    count, joints = score.shape
    window = Window(frames, joints, rate_hz)
    slots = np.empty((count, frames, joints), np.int32)
    for i, stamp_ns in enumerate(stamps_ns):
        if score[i].any():
            window.push(int(stamp_ns), np.full((joints, 2), i, np.float32), score[i])
        number, known = window.grid(int(stamp_ns))
        slots[i] = np.where(known > 0, np.nan_to_num(number[..., 0]), count)
    return slots


def _delayed(truth_m: np.ndarray, frames: float) -> np.ndarray:
    """The truth (F, J, 3) so many frames earlier, between frames by linear interpolation; NaN before the start."""
    rows = np.arange(len(truth_m)) - frames
    low = np.floor(rows).astype(int)
    part = (rows - low)[:, None, None]
    between = (1 - part) * truth_m[low.clip(0)] + part * truth_m[(low + 1).clip(0, len(truth_m) - 1)]
    return np.where(rows[:, None, None] >= 0, between, np.nan)


def _lift(
    lifter: Lifter,
    rays: np.ndarray,
    score: np.ndarray,
    truth_m: np.ndarray,
    stamps_ns: np.ndarray,
    both_told: tuple[Told | None, Told | None],
    config: EvaluationConfig,
) -> list[Sequence]:
    """Every frame of a clip in each camera; rays (K, F, J, 2). Leading frames without truth are left out. `both_told`:
    what the lifter is told, and what the state is."""
    spec, (told, of_pose) = lifter.spec, both_told
    slots = np.stack([window_slots(stamps_ns, one, spec.frames, spec.rate_hz) for one in score])
    # one row more than frames: what a slot without a frame reads
    rays = np.concatenate((rays, np.full_like(rays[:, :1], np.nan)), 1)
    score = np.concatenate((score, np.zeros_like(score[:, :1])), 1)
    first = int(np.isnan(truth_m[0, :, 0, 0]).sum())
    cameras, count, joints = truth_m.shape[:3]
    xyz_m, sigma_m = np.zeros((cameras, count, joints, 3), np.float32), np.zeros((cameras, count, joints), np.float32)
    seen, valid = np.zeros((cameras, count, joints), bool), np.zeros((cameras, count), bool)
    enough = (slots < count).any(2).sum(2) >= config.min_joints
    clip = next(_CLIPS)
    kept = config.state.enabled and not config.lookahead
    placement = PlacementConfig(keypoint_sigma_m=0.0) if kept else PlacementConfig()
    for of, at in _batches(lifter, enough & (np.arange(count) >= first)):
        rows = of[:, None, None], slots[of, at], np.arange(joints)
        streams = Streams(of.tolist(), [clip] * len(of), int(stamps_ns[at[-1]]))
        given = None if told is None else Told(told.up[of, at], *(part[of] for part in told[1:]))
        lifted = lift_windows(lifter, rays[rows], score[rows], placement, config.lookahead, streams=streams, told=given)
        xyz_m[of, at], sigma_m[of, at], seen[of, at], valid[of, at] = lifted
    covariance = None
    if kept:
        newest = np.arange(cameras)[:, None, None], slots[:, :, -1], np.arange(joints)
        frames = Lifted(xyz_m, sigma_m, rays[newest], score[newest])
        xyz_m, sigma_m, covariance = keep_states(spec.joints, config.state, stamps_ns, frames, valid, of_pose)
    parts = [xyz_m, truth_m, sigma_m, seen, valid]
    return [
        Sequence(
            *(part[k, first:] for part in parts), config.rate_hz,
            root_covariance=covariance[k, first:] if kept else None,
        )
        for k in range(cameras)
    ]  # fmt: skip


def keep_states(
    skeleton: Skeleton, config: StateConfig, stamps_ns: np.ndarray, frames: Lifted, valid: np.ndarray,
    told: Told | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """What the pipeline's state makes of F frames in order, from K cameras at once; arrays of `frames` (K, F, ...).

    Cameras that are `told` gravity and their height are followed one by one, each before its own floor. Returns joints
    (K, F, J, 3), sigma (K, F, J) and covariances of the roots (K, F, 3, 3); what is not `valid` (K, F) was not lifted
    and stays as it is.
    """
    xyz_m, sigma_m = frames.xyz_m.copy(), frames.sigma_m.copy()
    covariance = np.full((*valid.shape, 3, 3), np.nan)
    floors = told is not None and np.isfinite(told.height_m).all() and np.isfinite(told.up).all()
    for cameras in np.arange(len(valid))[:, None] if floors else [np.arange(len(valid))]:
        states = BodyStates(skeleton, config)
        for at, stamp_ns in enumerate(stamps_ns):
            rows = cameras[valid[cameras, at]]
            if not len(rows):
                continue
            k = cameras[0]
            pose = CameraPose(up=told.up[k, at], height_m=float(told.height_m[k])) if floors else STILL
            found = states.update(rows.tolist(), int(stamp_ns), Lifted(*(part[rows, at] for part in frames)), pose)
            xyz_m[rows, at], sigma_m[rows, at] = found.xyz_m, found.sigma_m
            covariance[rows, at] = found.root_covariance
    return xyz_m, sigma_m, covariance


def _batches(lifter: Lifter, wanted: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cameras and frames, (n,) each, that are lifted at once; `wanted` (K, F). Streams take frame after frame."""
    of, at = np.nonzero(wanted)
    if lifter.keeps_state:
        for frame in np.unique(at):
            yield np.flatnonzero(wanted[:, frame]), np.full(wanted[:, frame].sum(), frame)
    else:
        for first in range(0, len(at), BATCH):
            yield of[first : first + BATCH], at[first : first + BATCH]

"""Evaluation of hands on recorded motion: random robot cameras, detector noise, occlusion, the newest frame."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry import hand
from pose3d_ros.geometry.align import procrustes
from pose3d_ros.geometry.hand import J
from pose3d_ros.lab.evaluation.motion.motion import BATCH, find_baseline, window_slots
from pose3d_ros.lab.evaluation.motion.recordings import FIRST_STAMP_NS, seeded
from pose3d_ros.lab.evaluation.report import BASELINE, LIFTER, machine
from pose3d_ros.lab.synthesis import hand_detector, hand_occlusion
from pose3d_ros.lab.synthesis.cameras import VirtualCameraConfig, view
from pose3d_ros.lab.synthesis.hand_detector import HandDetectorConfig
from pose3d_ros.lab.synthesis.hand_recordings import LEFT_OUT, Recording, load
from pose3d_ros.models import Lifter, registry
from pose3d_ros.stages.hands import lift_hands
from pose3d_ros.tracking.keypoints import hide_weak

CAMERAS = VirtualCameraConfig(
    distance_low_m=0.4, distance_high_m=4.0, height_low_m=0.3, height_high_m=2.5, rolled=0.0, moving=0.0
)
TABLE_M = 0.8  # the recordings' origin lies on a table
PINCH_M = 0.03
RATE_HZ = 30.0


@dataclass(frozen=True)
class HandEvaluationConfig:
    """What is evaluated."""

    protocols: tuple[str, ...] = param(hand_occlusion.PROTOCOLS, "names of occlusion protocols")
    cameras: int = param(4, "cameras for each recording", low=1, high=64)
    seed: int = param(1, "fixes cameras, noise and occlusion", low=0)
    min_score: float = param(0.3, "keypoints with a lower score count as missing", low=0, high=1)
    min_joints: int = param(6, "joints that must have been seen within the window", low=2, high=21)

    __post_init__ = validate


@dataclass
class HandSequence:
    """F frames of one hand in one camera: `predicted_m`, `truth_m` (F, 21, 3) in the camera frame, `sigma_m` and `seen`
    (F, 21), `valid` bool (F,): a hand was given, `left`: the side, `wrist_ray` (F, 2): as the detector gave it."""

    predicted_m: np.ndarray
    truth_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    valid: np.ndarray
    left: bool
    wrist_ray: np.ndarray


def measure(sequences: list[HandSequence]) -> dict[str, Any]:
    """Errors over all frames in which a hand was given; None where there was nothing to measure.

    `mpjpe_mm`: joints relative to the wrist; `known_size_mm`: the same after scaling to the true length of the hand;
    `palm_deg`: median angle between the palm frames; `pinch`: share of frames in which an aperture below 3 cm is told
    from a wider one, `pinch_seen`: where both tips are seen, `pinch_balanced`: mean over both kinds; `skipped`: frames
    without a hand; `accel_error_m_s2`: of the wrist-relative joints; `wrist_accel_error_m_s2`: of the wrist in the
    image, in metres at its true depth, `input_wrist_accel_error_m_s2`: the same of the keypoint that was given.
    """
    rows = [s.valid for s in sequences]
    if not any(row.any() for row in rows):
        return {"frames": 0, "skipped": sum(len(row) for row in rows)}
    predicted, truth, sigma, seen = (
        np.concatenate([getattr(s, name)[row] for s, row in zip(sequences, rows, strict=True)])
        for name in ("predicted_m", "truth_m", "sigma_m", "seen")
    )
    left = np.concatenate([np.full(int(row.sum()), s.left) for s, row in zip(sequences, rows, strict=True)])
    predicted, truth = (xyz.astype(np.float64) - xyz[:, :1] for xyz in (predicted, truth))
    size = hand.hand_length(truth) / np.maximum(hand.hand_length(predicted), 1e-3)
    off = _mm(predicted - truth)
    closed, said = hand.aperture(truth) < PINCH_M, hand.aperture(predicted) < PINCH_M
    right = [(said == closed)[closed == kind].mean() for kind in (True, False) if (closed == kind).any()]
    inside = (off < 1e3 * sigma)[:, 1:]
    return {
        "mpjpe_mm": _mean(off),
        "pa_mpjpe_mm": _mean(_mm(procrustes(predicted, truth) - truth)),
        "known_size_mm": _mean(_mm(predicted * size[:, None, None] - truth)),
        "seen_mm": _mean(off[:, 1:][seen[:, 1:]]),
        "hidden_mm": _mean(off[:, 1:][~seen[:, 1:]]),
        "palm_deg": round(float(np.median(_palm_errors(predicted, truth, left))), 2),
        "pinch": _mean(said == closed, 4),
        "pinch_seen": _mean((said == closed)[seen[:, [J["thumb_tip"], J["index_tip"]]].all(1)], 4),
        "pinch_balanced": _mean(np.array(right), 4),
        "pinch_share": _mean(closed, 4),
        "accel_error_m_s2": _acceleration(sequences),
        "wrist_accel_error_m_s2": _wrist_acceleration(sequences, given=False),
        "input_wrist_accel_error_m_s2": _wrist_acceleration(sequences, given=True),
        "sigma_coverage": _mean(inside, 3),
        "frames": len(off),
        "skipped": int(sum((~row).sum() for row in rows)),
    }


def lift_all(
    recordings: list[Recording],
    lifters: dict[str, Lifter],
    config: HandEvaluationConfig,
    noise: HandDetectorConfig = hand_detector.STANDARD,
    on_progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, dict[str, list[HandSequence]]]:
    """{lifter: {protocol: sequences}} of recordings at 30 Hz; all lifters see the same cameras, noise and occlusion."""
    found = {name: {protocol: [] for protocol in config.protocols} for name in lifters}
    for done, recording in enumerate(recordings):
        # the pieces of a recording are told apart by their length and side
        key = f"{recording.name}/{recording.left}/{len(recording.xyz_m)}"
        xyz = _views(recording, config, key)
        rays, score = hand_detector.detect(seeded(config.seed, key, "detector"), xyz, noise, RATE_HZ)
        for protocol in config.protocols:
            hidden = hand_occlusion.mask(protocol, seeded(config.seed, key, protocol), rays, RATE_HZ)
            given = torch.where(hidden, 0.0, score).numpy()
            for camera in range(config.cameras):
                for name, lifter in lifters.items():
                    sequence = _lift(
                        lifter, rays[camera].numpy(), given[camera], xyz[camera].numpy(), recording, config
                    )
                    found[name][protocol].append(sequence)
            if on_progress:
                on_progress(protocol, done, len(recordings))
    return found


def evaluate_hands(
    file: Path,
    weights: str,
    baseline: str,
    config: HandEvaluationConfig,
    device: str = "auto",
    on_progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, Any]:
    """The report of a file: {"lifter": {protocol: metrics}, "baseline_interpolation": the same or None, "meta"}.

    Of a file that holds recordings which were left out of the generator's statistics only these are used.
    Raises CheckpointError, ConfigError, InputError.
    """
    recordings = load(file, RATE_HZ)
    recordings = [rec for rec in recordings if rec.name in LEFT_OUT] or recordings
    named = {LIFTER: weights}
    if baseline != "none":
        named[BASELINE] = find_baseline(weights) if baseline == "auto" else baseline
    lifters = {name: registry.load_lifter(source, device) for name, source in named.items()}
    report: dict[str, Any] = {LIFTER: None, BASELINE: None}
    for name, per_protocol in lift_all(recordings, lifters, config, on_progress=on_progress).items():
        report[name] = {protocol: measure(sequences) for protocol, sequences in per_protocol.items()}
    report["meta"] = {
        "motion": Path(file).name,
        "recordings": sorted({rec.name for rec in recordings}),
        "config": asdict(config),
        **machine(lifters[LIFTER].description),
    }
    return report


def _views(recording: Recording, config: HandEvaluationConfig, key: str) -> torch.Tensor:
    """(K, F, 21, 3) in the cameras' frames."""
    xyz = torch.from_numpy(recording.xyz_m.astype(np.float32)) + torch.tensor((0.0, 0.0, TABLE_M))
    joints, root = (x.expand(config.cameras, *x.shape) for x in (xyz - xyz[:, :1], xyz[:, 0]))
    return view(seeded(config.seed, key, "cameras"), joints, root, CAMERAS).xyz


def _lift(
    lifter: Lifter,
    rays: np.ndarray,
    score: np.ndarray,
    truth_m: np.ndarray,
    recording: Recording,
    config: HandEvaluationConfig,
) -> HandSequence:
    """Every frame of one hand in one camera, as the pipeline would have lifted it then, without a body."""
    spec, count = lifter.spec, len(rays)
    rays, score = hide_weak(rays, score, config.min_score)
    stamps_ns = FIRST_STAMP_NS + np.rint(np.arange(count) * (1e9 / RATE_HZ)).astype(np.int64)
    slots = window_slots(stamps_ns, score, spec.frames, spec.rate_hz)
    # one row more than frames: what a slot without a frame reads
    rays = np.concatenate((rays, np.full_like(rays[:1], np.nan)))
    score = np.concatenate((score, np.zeros_like(score[:1])))
    xyz_m, sigma_m = np.zeros((count, 21, 3), np.float32), np.zeros((count, 21), np.float32)
    seen, valid = np.zeros((count, 21), bool), np.zeros(count, bool)
    rows = np.flatnonzero((slots < count).any(1).sum(1) >= config.min_joints)
    joints = np.arange(21)
    for batch in np.array_split(rows, range(BATCH, len(rows), BATCH)):
        if len(batch):
            left, depth_m = np.full(len(batch), recording.left), np.full(len(batch), np.nan)
            lifted = lift_hands(lifter, rays[slots[batch], joints], score[slots[batch], joints], left, depth_m)
            xyz_m[batch], sigma_m[batch], seen[batch], valid[batch] = lifted
    return HandSequence(xyz_m, truth_m, sigma_m, seen, valid, recording.left, rays[:count, 0])


def _palm_errors(predicted: np.ndarray, truth: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Degrees between the palm frames of hands that have one; a predicted hand without one counts as 180."""
    (a, valid), (b, known) = (hand.palm_axes(xyz, left) for xyz in (predicted, truth))
    cosine = (np.einsum("nij,nij->n", a, b) - 1) / 2
    return np.where(valid, np.degrees(np.arccos(np.clip(cosine, -1, 1))), 180.0)[known]


def _acceleration(sequences: list[HandSequence]) -> float | None:
    """Of the joints about the wrist."""
    return _mean(
        np.concatenate([
            _second_differences((s.predicted_m - s.predicted_m[:, :1]) - (s.truth_m - s.truth_m[:, :1]), s.valid)
            for s in sequences
        ]), 2,
    )  # fmt: skip


def _wrist_acceleration(sequences: list[HandSequence], given: bool) -> float | None:
    """Of the wrist in the image, of the keypoint or of the lifted hand, over the same frames: those with both."""
    found = []
    for s in sequences:
        depth_m = s.truth_m[:, 0, 2:].astype(np.float64)
        seen = s.valid & s.seen[:, 0] & np.isfinite(s.wrist_ray).all(1)
        lifted = s.predicted_m[:, 0, :2] / np.maximum(s.predicted_m[:, 0, 2:], 1e-3)
        rays = s.wrist_ray if given else lifted
        found.append(_second_differences(rays * depth_m - s.truth_m[:, 0, :2], seen))
    return _mean(np.concatenate(found), 2)


def _second_differences(off_m: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """m/s² of differences (F, ..., D) over three frames that are all valid, flat."""
    whole = valid[2:] & valid[1:-1] & valid[:-2]
    return np.linalg.norm(np.diff(off_m.astype(np.float64), n=2, axis=0)[whole], axis=-1).ravel() * RATE_HZ**2


def _mm(metres: np.ndarray) -> np.ndarray:
    return 1e3 * np.linalg.norm(metres, axis=-1)


def _mean(values: np.ndarray, digits: int = 2) -> float | None:
    return round(float(np.mean(values)), digits) if np.size(values) else None

"""Errors of 3D skeletons against the truth, as papers report them, and whether sigma keeps its promise.

Body errors are root-relative (the skeleton's first joint in the origin) and, as is customary, averaged over all joints
with the root among them. Only what is said of seen and hidden joints and of sigma leaves the root out: its error is 0
by definition.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.geometry.align import fit_scale, procrustes

PCK_MM = 150.0
GAP_STEPS = 2.5  # stamps farther apart than so many usual steps do not follow each other
AUC_STEPS_MM = np.linspace(0, PCK_MM, 31)  # of MPI-INF-3DHP


@dataclass
class Sequence:
    """F consecutive frames of one clip, or of one person of a recording, at `rate_hz`.

    `predicted_m`, `truth_m` (F, J, 3) in the camera frame, NaN for joints not to be compared; `sigma_m` (F, J);
    `seen` bool (F, J): not occluded in that frame; `valid` bool (F,): a skeleton was given. What is not valid may hold
    anything and is not counted. `stamps_ns` int64 (F,) where the frames are not `rate_hz` apart.
    """

    predicted_m: np.ndarray
    truth_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    valid: np.ndarray
    rate_hz: float
    stamps_ns: np.ndarray | None = None


@dataclass(frozen=True)
class Metrics:
    """What `measure` found. Lengths in mm, rates in seconds, shares in 0..1; None where there was nothing to measure.

    `pck150`: share of joints within 150 mm; `auc`: mean of that share over thresholds from 0 to 150 mm.
    `root_error_percent`: distance of the root from the truth, in percent of its true distance from the camera.
    `mpjpe_absolute_mm`: in the camera frame, without laying the roots onto each other.
    `sigma_coverage`: share of errors below sigma; 0.68 is right. `skipped`: frames without a skeleton.
    """

    mpjpe_mm: float | None
    pa_mpjpe_mm: float | None
    n_mpjpe_mm: float | None
    pck150: float | None
    auc: float | None
    velocity_error_mm_s: float | None
    accel_error_mm_s2: float | None
    root_error_percent: float | None
    sigma_coverage: float | None
    frames: int
    skipped: int
    seen_mm: float | None
    hidden_mm: float | None
    hidden_share: float | None
    sigma_coverage_seen: float | None
    sigma_coverage_hidden: float | None
    per_joint_mm: dict[str, float | None]
    mpjpe_absolute_mm: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: floats rounded to what is meant by them."""
        return {name: rounded(value) for name, value in vars(self).items()}


@dataclass
class FrameErrors:
    """Errors of F frames before they are averaged; NaN where there is nothing to measure.

    float64 (F, J): `absolute_mm` in the camera frame, `relative_mm` after the roots were laid onto each other,
    `aligned_mm` after the best similarity, `scaled_mm` after the best factor, `velocity_mm_s` and `accel_mm_s2` (in the
    last frame of the two or three that they need), `inside`: 1 where the error is below sigma, else 0, NaN at the root.
    float64 (F,): `root_percent`. bool: `seen` (F, J), `valid` (F,).
    """

    absolute_mm: np.ndarray
    relative_mm: np.ndarray
    aligned_mm: np.ndarray
    scaled_mm: np.ndarray
    velocity_mm_s: np.ndarray
    accel_mm_s2: np.ndarray
    inside: np.ndarray
    root_percent: np.ndarray
    seen: np.ndarray
    valid: np.ndarray


def frame_errors(sequence: Sequence, root: tuple[int, ...] = (0,)) -> FrameErrors:
    """Errors of every frame. The mean of the joints `root` is the root."""
    known = sequence.valid[:, None] & np.isfinite(sequence.predicted_m - sequence.truth_m).all(-1)
    predicted, truth = (
        np.where(known[..., None], xyz.astype(np.float64), np.nan) for xyz in (sequence.predicted_m, sequence.truth_m)
    )
    absolute = _mm(predicted - truth)
    root_p, root_t = (xyz[:, list(root)].mean(1, keepdims=True) for xyz in (predicted, truth))
    root_percent = 100 * np.linalg.norm(root_p - root_t, axis=-1) / np.linalg.norm(root_t, axis=-1)
    predicted, truth = predicted - root_p, truth - root_t
    off = predicted - truth
    relative = _mm(off)
    inside = np.where(np.isfinite(relative), relative < 1e3 * sequence.sigma_m, np.nan)
    if len(root) == 1:
        inside[:, root[0]] = np.nan
    return FrameErrors(
        absolute_mm=absolute,
        relative_mm=relative,
        aligned_mm=_aligned(procrustes, predicted, truth, 3),
        scaled_mm=_aligned(fit_scale, predicted, truth, 1),
        velocity_mm_s=_mm(derivative(off, 1, sequence.rate_hz, sequence.stamps_ns)),
        accel_mm_s2=_mm(derivative(off, 2, sequence.rate_hz, sequence.stamps_ns)),
        inside=inside,
        root_percent=root_percent[:, 0],
        seen=sequence.seen,
        valid=sequence.valid,
    )


def measure(sequences: list[Sequence], skeleton: str, root: tuple[int, ...] = (0,)) -> Metrics:
    """All metrics over all valid frames of all clips; every joint of every frame counts alike."""
    return summarise([frame_errors(sequence, root) for sequence in sequences], skeleton)


def summarise(parts: list[FrameErrors], skeleton: str) -> Metrics:
    """The means over all frames of all parts."""
    joints = formats.get(skeleton).joints
    if not parts:
        parts = [_nothing(len(joints))]
    of = {entry.name: np.concatenate([getattr(part, entry.name) for part in parts]) for entry in fields(FrameErrors)}
    error, inside, seen = of["relative_mm"], of["inside"], of["seen"]
    compared = error[np.isfinite(error)]
    limbs = np.where(np.isfinite(inside), error, np.nan)
    counted = np.isfinite(inside)
    return Metrics(
        mpjpe_mm=mean(error),
        pa_mpjpe_mm=mean(of["aligned_mm"]),
        n_mpjpe_mm=mean(of["scaled_mm"]),
        pck150=mean(compared <= PCK_MM),
        auc=mean([mean(compared <= step) for step in AUC_STEPS_MM]) if compared.size else None,
        velocity_error_mm_s=mean(of["velocity_mm_s"]),
        accel_error_mm_s2=mean(of["accel_mm_s2"]),
        root_error_percent=mean(of["root_percent"]),
        sigma_coverage=mean(inside),
        frames=int(of["valid"].sum()),
        skipped=int((~of["valid"]).sum()),
        seen_mm=mean(limbs[seen]),
        hidden_mm=mean(limbs[~seen]),
        hidden_share=mean(~seen[counted]),
        sigma_coverage_seen=mean(inside[seen]),
        sigma_coverage_hidden=mean(inside[~seen]),
        per_joint_mm={name: mean(error[:, i]) for i, name in enumerate(joints)},
        mpjpe_absolute_mm=mean(of["absolute_mm"]),
    )


def _nothing(joints: int) -> FrameErrors:
    empty = np.zeros((0, joints))
    return FrameErrors(*[empty] * 7, np.zeros(0), empty.astype(bool), np.zeros(0, bool))


def _aligned(align: Callable, predicted: np.ndarray, truth: np.ndarray, least: int) -> np.ndarray:
    """Error (F, J) in mm after `align`, of the joints that are known; NaN in frames with fewer than `least` of them."""
    error = np.full(truth.shape[:2], np.nan)
    known = np.isfinite(predicted).all(-1)
    for pattern in np.unique(known, axis=0):
        if pattern.sum() >= least:
            rows = np.ix_((known == pattern).all(1), pattern)
            error[rows] = _mm(align(predicted[rows], truth[rows]) - truth[rows])
    return error


def derivative(xyz: np.ndarray, order: int, rate_hz: float, stamps_ns: np.ndarray | None = None) -> np.ndarray:
    """`order`th time derivative (1 or 2) of (F, J, 3), in the last frame that it needs; per second.

    NaN where one of the frames is missing: nothing is differentiated across clips or gaps.
    """
    found = np.full_like(xyz, np.nan)
    if len(xyz) <= order:
        return found
    if stamps_ns is None:
        step_s = np.full(len(xyz) - 1, 1 / rate_hz)
    else:
        step_s = np.diff(stamps_ns) / 1e9
        step_s = np.where((step_s > 0) & (step_s * rate_hz < GAP_STEPS), step_s, np.nan)
    rate = np.diff(xyz, axis=0) / step_s[:, None, None]
    if order == 2:
        rate = np.diff(rate, axis=0) / (0.5 * (step_s[1:] + step_s[:-1]))[:, None, None]
    found[order:] = rate
    return found


def _mm(metres: np.ndarray) -> np.ndarray:
    return 1e3 * np.linalg.norm(metres, axis=-1)


def mean(values: "np.ndarray | list") -> float | None:
    """Of what is finite; None of nothing."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    return float(np.mean(values)) if values.size else None


def rounded(value: Any) -> Any:
    """Floats, also those in a dict, to four digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value

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
from pose3d_ros.estimation.bones import lengths_m, tree
from pose3d_ros.estimation.calibration import SIGMA_99
from pose3d_ros.geometry.align import fit_scale, procrustes

PCK_MM = 150.0
GAP_STEPS = 2.5  # stamps farther apart than so many usual steps do not follow each other
AUC_STEPS_MM = np.linspace(0, PCK_MM, 31)  # of MPI-INF-3DHP
SETTLED_S = 5.0  # a track that is so old knows its person's limbs
LEAST_SETTLED = 30  # frames, to speak of a spread
CHI2_3 = 3.506, 11.345  # squared Mahalanobis distance of three axes that holds 68 and 99 %


@dataclass
class Sequence:
    """F consecutive frames of one clip, or of one person of a recording, at `rate_hz`.

    `predicted_m`, `truth_m` (F, J, 3) in the camera frame, NaN for joints not to be compared; `sigma_m` (F, J);
    `seen` bool (F, J): not occluded in that frame; `valid` bool (F,): a skeleton was given. What is not valid may hold
    anything and is not counted. `stamps_ns` int64 (F,) where the frames are not `rate_hz` apart. `root_covariance`
    (F, 3, 3) of the root's position in m^2, where it is told.
    """

    predicted_m: np.ndarray
    truth_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    valid: np.ndarray
    rate_hz: float
    stamps_ns: np.ndarray | None = None
    root_covariance: np.ndarray | None = None


@dataclass(frozen=True)
class Metrics:
    """What `measure` found. Lengths in mm, rates in seconds, shares in 0..1; None where there was nothing to measure.

    `pck150`: share of joints within 150 mm; `auc`: mean of that share over thresholds from 0 to 150 mm.
    `root_error_percent`: distance of the root from the truth, in percent of its true distance from the camera.
    `mpjpe_absolute_mm`: in the camera frame, without laying the roots onto each other.
    `sigma_coverage`: share of errors below sigma; 0.68 is right; `sigma_coverage_99`: below 2.6 sigma; 0.99 is right.
    `skipped`: frames without a skeleton. `root_error_mm`, `root_accel_error_mm_s2`: of the root in the camera frame;
    `root_coverage`, `root_coverage_99`: share of roots within the ellipsoids of their covariance that hold 68 and 99 %,
    `_unseen`: in frames in which no joint is seen. `limb_spread_mm`: standard deviation of one person's limb lengths
    in a track after 5 s.
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
    root_error_mm: float | None
    root_accel_error_mm_s2: float | None
    sigma_coverage_99: float | None
    sigma_coverage_99_seen: float | None
    sigma_coverage_99_hidden: float | None
    root_coverage: float | None
    root_coverage_99: float | None
    root_coverage_unseen: float | None
    root_coverage_99_unseen: float | None
    limb_spread_mm: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: floats rounded to what is meant by them."""
        return {name: rounded(value) for name, value in vars(self).items()}


@dataclass
class FrameErrors:
    """Errors of F frames before they are averaged; NaN where there is nothing to measure.

    float64 (F, J): `absolute_mm` in the camera frame, `relative_mm` after the roots were laid onto each other,
    `aligned_mm` after the best similarity, `scaled_mm` after the best factor, `velocity_mm_s` and `accel_mm_s2` (in the
    last frame of the two or three that they need), `inside`: 1 where the error is below sigma, else 0, NaN at the root.
    `inside_99` the same below 2.6 sigma. float64 (F,): `root_percent`, `root_mm`, `root_accel_mm_s2`, and
    `root_inside`, `root_inside_99` of the covariance's ellipsoids. bool: `seen` (F, J), `valid` (F,). `limbs_mm`
    float64 (F, L): lengths of the limbs after `SETTLED_S`.
    """

    absolute_mm: np.ndarray
    relative_mm: np.ndarray
    aligned_mm: np.ndarray
    scaled_mm: np.ndarray
    velocity_mm_s: np.ndarray
    accel_mm_s2: np.ndarray
    inside: np.ndarray
    root_percent: np.ndarray
    root_mm: np.ndarray
    root_accel_mm_s2: np.ndarray
    root_inside: np.ndarray
    root_inside_99: np.ndarray
    inside_99: np.ndarray
    limbs_mm: np.ndarray
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
    root_off = root_p - root_t
    root_mm = _mm(root_off)
    limbs_mm = _settled_limbs_mm(predicted, sequence)
    predicted, truth = predicted - root_p, truth - root_t
    off = predicted - truth
    relative = _mm(off)
    inside, inside_99 = (
        np.where(np.isfinite(relative), relative < 1e3 * k * sequence.sigma_m, np.nan) for k in (1.0, SIGMA_99)
    )
    if len(root) == 1:
        inside[:, root[0]] = inside_99[:, root[0]] = np.nan
    root_inside = _inside_ellipsoids(root_off[:, 0], sequence.root_covariance)
    return FrameErrors(
        absolute_mm=absolute,
        relative_mm=relative,
        aligned_mm=_aligned(procrustes, predicted, truth, 3),
        scaled_mm=_aligned(fit_scale, predicted, truth, 1),
        velocity_mm_s=_mm(derivative(off, 1, sequence.rate_hz, sequence.stamps_ns)),
        accel_mm_s2=_mm(derivative(off, 2, sequence.rate_hz, sequence.stamps_ns)),
        inside=inside,
        root_percent=0.1 * root_mm[:, 0] / np.linalg.norm(root_t, axis=-1)[:, 0],
        root_mm=root_mm[:, 0],
        root_accel_mm_s2=_mm(derivative(root_off, 2, sequence.rate_hz, sequence.stamps_ns))[:, 0],
        root_inside=root_inside[0],
        root_inside_99=root_inside[1],
        inside_99=inside_99,
        limbs_mm=limbs_mm,
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
    unseen = ~seen.any(1)
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
        root_error_mm=mean(of["root_mm"]),
        root_accel_error_mm_s2=mean(of["root_accel_mm_s2"]),
        sigma_coverage_99=mean(of["inside_99"]),
        sigma_coverage_99_seen=mean(of["inside_99"][seen]),
        sigma_coverage_99_hidden=mean(of["inside_99"][~seen]),
        root_coverage=mean(of["root_inside"]),
        root_coverage_99=mean(of["root_inside_99"]),
        root_coverage_unseen=mean(of["root_inside"][unseen]),
        root_coverage_99_unseen=mean(of["root_inside_99"][unseen]),
        limb_spread_mm=mean([_spread_mm(part.limbs_mm) for part in parts]),
    )


def _nothing(joints: int) -> FrameErrors:
    of_joints, of_frames = np.zeros((0, joints)), np.zeros(0)
    return FrameErrors(
        *[of_joints] * 7, *[of_frames] * 5, of_joints, of_joints, of_joints.astype(bool), of_frames.astype(bool)
    )


def _settled_limbs_mm(xyz_m: np.ndarray, sequence: Sequence) -> np.ndarray:
    """Lengths (F, L) of the limbs once the track is `SETTLED_S` old, NaN before; of h36m17 and what extends it."""
    bones = tree(formats.get("h36m17"))
    since = np.flatnonzero(sequence.valid)[:1]
    stamps_s = np.arange(len(xyz_m)) / sequence.rate_hz if sequence.stamps_ns is None else sequence.stamps_ns * 1e-9
    settled = stamps_s - (stamps_s[since[0]] if len(since) else np.inf) >= SETTLED_S
    if xyz_m.shape[1] < len(formats.get("h36m17")):
        return np.full((len(xyz_m), 1), np.nan)
    return np.where(settled[:, None], 1e3 * lengths_m(xyz_m, bones)[:, bones.rigid], np.nan)


def _spread_mm(limbs_mm: np.ndarray) -> float:
    known = limbs_mm[np.isfinite(limbs_mm).all(1)]
    return float(known.std(0).mean()) if len(known) >= LEAST_SETTLED else np.nan


def _inside_ellipsoids(off_m: np.ndarray, covariance: np.ndarray | None) -> np.ndarray:
    """(2, F): 1 where (F, 3) is inside of the ellipsoid that holds 68, or 99 %, else 0; NaN where that is unknown."""
    known = np.isfinite(off_m).all(-1)
    if covariance is None or not known.any():
        return np.full((2, len(off_m)), np.nan)
    found = np.full(len(off_m), np.nan)
    found[known] = (off_m[known] * np.linalg.solve(covariance[known], off_m[known, :, None])[..., 0]).sum(-1)
    return np.where(np.isfinite(found), found[None] < np.array(CHI2_3)[:, None], np.nan)


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

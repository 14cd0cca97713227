"""Errors of 3D skeletons against the truth, as papers report them, and whether sigma keeps its promise.

Body errors are root-relative (the skeleton's first joint in the origin) and, as is customary, averaged over all joints
with the root among them. Only what is said of seen and hidden joints and of sigma leaves the root out: its error is 0
by definition.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.geometry.align import fit_scale, procrustes

PCK_MM = 150.0
AUC_STEPS_MM = np.linspace(0, PCK_MM, 31)  # of MPI-INF-3DHP


@dataclass
class Sequence:
    """F consecutive frames of one clip at `rate_hz`.

    `predicted_m`, `truth_m` (F, J, 3) in the camera frame; `sigma_m` (F, J); `seen` bool (F, J): not occluded in that
    frame; `valid` bool (F,): a skeleton was given. What is not valid may hold anything and is not counted.
    """

    predicted_m: np.ndarray
    truth_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    valid: np.ndarray
    rate_hz: float


@dataclass(frozen=True)
class Metrics:
    """What `measure` found. Lengths in mm, rates in seconds, shares in 0..1; None where there was nothing to measure.

    `pck150`: share of joints within 150 mm; `auc`: mean of that share over thresholds from 0 to 150 mm.
    `root_error_percent`: distance of the root from the truth, in percent of its true distance from the camera.
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
    per_joint_mm: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: floats rounded to what is meant by them."""
        return {name: _rounded(value) for name, value in vars(self).items()}


def measure(sequences: list[Sequence], skeleton: str) -> Metrics:
    """All metrics over all valid frames of all clips; every frame counts alike."""
    predicted, truth = (_joined(sequences, name) for name in ("predicted_m", "truth_m"))
    sigma, seen = (_joined(sequences, name) for name in ("sigma_m", "seen"))
    root_error = np.linalg.norm(predicted[:, 0] - truth[:, 0], axis=-1) / np.linalg.norm(truth[:, 0], axis=-1)
    predicted, truth = predicted - predicted[:, :1], truth - truth[:, :1]
    error = _mm(predicted - truth)
    velocity, acceleration = (_derivative_errors(sequences, order) for order in (1, 2))
    limbs, sigma, seen = error[:, 1:], 1e3 * sigma[:, 1:], seen[:, 1:]
    inside = limbs < sigma
    return Metrics(
        mpjpe_mm=_mean(error),
        pa_mpjpe_mm=_mean(_mm(procrustes(predicted, truth) - truth)),
        n_mpjpe_mm=_mean(_mm(fit_scale(predicted, truth) - truth)),
        pck150=_mean(error <= PCK_MM),
        auc=_mean([_mean(error <= step) for step in AUC_STEPS_MM]) if error.size else None,
        velocity_error_mm_s=_mean(velocity),
        accel_error_mm_s2=_mean(acceleration),
        root_error_percent=_mean(100 * root_error),
        sigma_coverage=_mean(inside),
        frames=len(error),
        skipped=sum(int((~sequence.valid).sum()) for sequence in sequences),
        seen_mm=_mean(limbs[seen]),
        hidden_mm=_mean(limbs[~seen]),
        hidden_share=_mean(~seen),
        sigma_coverage_seen=_mean(inside[seen]),
        sigma_coverage_hidden=_mean(inside[~seen]),
        per_joint_mm={name: _mean(error[:, i]) for i, name in enumerate(formats.get(skeleton).joints)},
    )


def _joined(sequences: list[Sequence], name: str) -> np.ndarray:
    rows = np.concatenate([getattr(sequence, name)[sequence.valid] for sequence in sequences])
    return rows.astype(np.float64) if rows.dtype != bool else rows


def _derivative_errors(sequences: list[Sequence], order: int) -> np.ndarray:
    """Error of the `order`th time derivative of the root-relative joints, in mm / s^order; flat.

    Only where order + 1 frames in a row are valid: nothing is differentiated across clips or gaps.
    """
    found = [np.zeros(0)]
    for sequence in sequences:
        count = len(sequence.valid) - order
        if count < 1:
            continue
        whole = np.all([sequence.valid[i : i + count] for i in range(order + 1)], axis=0)
        off = sequence.predicted_m.astype(np.float64) - sequence.truth_m
        off = np.diff(off - off[:, :1], n=order, axis=0)[whole]
        found.append(_mm(off).ravel() * sequence.rate_hz**order)
    return np.concatenate(found)


def _mm(metres: np.ndarray) -> np.ndarray:
    return 1e3 * np.linalg.norm(metres, axis=-1)


def _mean(values: "np.ndarray | list") -> float | None:
    return float(np.mean(values)) if np.size(values) else None


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value

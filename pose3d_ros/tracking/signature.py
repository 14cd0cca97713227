"""By what a body is known again without a face: its proportions.

A lifter cannot see size, so lengths count against each other: logarithms of seven of them, less the mean of the long
ones. Two people are compared by the two-covariance model (PLDA: Prince and Elder, ICCV 2007): how much likelier are
both measurements of one body than of two.
"""

from dataclasses import dataclass

import numpy as np

from pose3d_ros.core.skeleton import Skeleton

# fmt: off
LENGTHS = {
    "thigh": (("left_hip", "left_knee"), ("right_hip", "right_knee")),
    "shin": (("left_knee", "left_ankle"), ("right_knee", "right_ankle")),
    "upper arm": (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    "shoulders": (("left_shoulder", "right_shoulder"),),
    "hips": (("left_hip", "right_hip"),),
    "trunk": (("pelvis", "thorax"),),
    "head": (("thorax", "head_top"),),
    "forearm": (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")),
}
AGAINST = ("thigh", "shin", "upper arm", "forearm", "trunk")  # their mean is taken off; the forearm then says no more
# Of lifted people of the training recordings: mean, spread between people, and of one person from time to time
MEAN = np.array([0.108, 0.119, -0.252, -0.025, -0.633, 0.359, -0.144])
BETWEEN = np.array([0.042, 0.081, 0.051, 0.090, 0.113, 0.065, 0.083])
WITHIN = np.array([0.026, 0.024, 0.024, 0.046, 0.033, 0.024, 0.034])
# fmt: on
CORRELATED_S = 1.0  # what is wrong now is wrong for about so long
LONGEST_STEP_S = 0.2


class Proportions:
    """Measures them on lifted bodies of a skeleton."""

    def __init__(self, skeleton: Skeleton) -> None:
        bones = [[skeleton.indices(bone) for bone in group] for group in LENGTHS.values()]
        self._bones = np.array([(group + group)[:2] for group in bones])  # (8, 2, 2), single ones twice
        self._against = [list(LENGTHS).index(name) for name in AGAINST]

    def __call__(self, xyz_m: np.ndarray) -> np.ndarray:
        """(N, 7) of joints (N, J, 3)."""
        ends = xyz_m[:, self._bones]
        lengths = np.linalg.norm(ends[..., 0, :] - ends[..., 1, :], axis=-1).mean(-1)
        log = np.log(np.maximum(lengths, 1e-3))
        return (log - log[:, self._against].mean(1, keepdims=True))[:, : len(MEAN)]


@dataclass
class Signature:
    """Mean proportions (7,) over `seconds` of good views."""

    mean: np.ndarray
    seconds: float
    stamp_ns: int

    def add(self, stamp_ns: int, proportions: np.ndarray) -> None:
        """Another frame; what does not advance counts nothing."""
        step_s = min(max((stamp_ns - self.stamp_ns) * 1e-9, 0.0), LONGEST_STEP_S)
        self.stamp_ns = max(self.stamp_ns, stamp_ns)
        self.seconds += step_s
        self.mean = self.mean + step_s / max(self.seconds, 1e-9) * (proportions - self.mean)

    def joined(self, later: "Signature") -> "Signature":
        """Both as one person's."""
        seconds = self.seconds + later.seconds
        mean = self.mean + later.seconds / max(seconds, 1e-9) * (later.mean - self.mean)
        return Signature(mean, seconds, later.stamp_ns)

    @property
    def variance(self) -> np.ndarray:
        """(7,) of the mean about the person's own proportions."""
        return WITHIN**2 * (1 + CORRELATED_S / max(self.seconds, 1e-3))


def log_ratio(a: Signature, b: Signature) -> float:
    """Log of how much likelier the two are one person than two."""
    x, y = a.mean - MEAN, b.mean - MEAN
    shared = BETWEEN**2
    xx, yy = shared + a.variance, shared + b.variance
    determinant = xx * yy - shared**2
    together = (yy * x**2 - 2 * shared * x * y + xx * y**2) / determinant + np.log(determinant)
    apart = x**2 / xx + y**2 / yy + np.log(xx * yy)
    return float(0.5 * (apart - together).sum())

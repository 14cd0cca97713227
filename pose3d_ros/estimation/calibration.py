"""Sigma that tells the truth: how the errors of what is published grow with the time since it was measured.

The networks' sigma is calibrated with their weights, on joints that are hidden for a while as training hides them. What
is left is its growth with age, and what lies about the root: measured on recorded motion of people that no training
saw, by `pose3d sweep-state --calibrate` (docs/state.md).
"""

from typing import NamedTuple

import numpy as np

from pose3d_ros.estimation.root import Root, ray_covariance

SIGMA_99 = 2.6  # 99 % of the errors lie within so many sigma


class Growth(NamedTuple):
    """sigma = at_once * sigma of the lifter, and in the square `per_s` * age, at most `most_m`."""

    seen: float
    hidden: float
    per_s: float
    most_m: float


JOINTS = Growth(seen=1.0, hidden=1.0, per_s=0.0, most_m=0.6)
DISTANCE_SHARE = 0.075  # how far off a person is who is seen, along the ray, as a share of the distance
ACROSS_M = 0.04
UNSEEN_M_S2 = 2.0  # people who are not seen change their way so fast


def joint_sigma_m(lifted_m: np.ndarray, age_s: np.ndarray) -> np.ndarray:
    """Sigma (N, J) of joints from the lifter's, `age_s` (N, J) after they were measured; 0 = now."""
    grown = np.minimum(JOINTS.per_s * age_s, JOINTS.most_m)
    return np.hypot(lifted_m * np.where(age_s > 0, JOINTS.hidden, JOINTS.seen), grown)


def root_covariance(root: Root, unseen_s: np.ndarray) -> np.ndarray:
    """Covariance (N, 3, 3) of the root's position in camera axes, `unseen_s` (N,) after the person was seen.

    The filter knows of noise only; on top comes what it cannot see: people's size is guessed, and distance with it.
    """
    distance = np.linalg.norm(root.xyz_m, axis=-1)
    drift = 0.5 * UNSEEN_M_S2 * unseen_s**2
    return ray_covariance(root.xyz_m, DISTANCE_SHARE * distance, np.full_like(distance, ACROSS_M)) + (
        root.covariance[:, :3, :3] + drift[:, None, None] ** 2 * np.eye(3)
    )

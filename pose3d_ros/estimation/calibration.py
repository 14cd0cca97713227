"""Sigma that tells the truth: how the errors of what is published grow with the time since it was measured.

The networks' sigma is calibrated with their weights, on joints that are hidden for a while as training hides them. What
is left is its growth with age, and what lies about the root: measured on recorded motion of people that no training
saw, and watched by `pose3d sweep-state` (docs/state.md).
"""

import numpy as np

from pose3d_ros.estimation.root import USUAL_SIGMA_M, Root, ray_covariance

SIGMA_99 = 3.2  # 99 % of the errors lie within so many sigma

# of the lifter's sigma, which its weights calibrate for seen and hidden joints
SEEN, JUST_HIDDEN, LONG_HIDDEN = 0.96, 0.68, 1.1
HIDDEN_S = 0.6  # time to get from the one to the other
SCARCE = 0.6  # how much worse everything is where joints were not measured for a second, in the mean
LONGEST_S = 1.0  # that it grows

# of the root, where the mean sigma of the joints is the usual one
ALONG_SHARE, ALONG_POWER = 0.088, 0.8  # how far off its distance is, as a share
ACROSS_M, ACROSS_POWER = 0.013, 3.5
UNSEEN_M_S2 = 1.5  # people who are not seen change their way so fast


def joint_sigma_m(lifted_m: np.ndarray, age_s: np.ndarray) -> np.ndarray:
    """Sigma (N, J) of joints from the lifter's, `age_s` (N, J) after they were measured: 0 = now, inf = never."""
    hidden = LONG_HIDDEN + (JUST_HIDDEN - LONG_HIDDEN) * np.exp(-age_s / HIDDEN_S)
    scarce = 1 + SCARCE * np.minimum(age_s, LONGEST_S).mean(1, keepdims=True)
    return lifted_m * np.where(age_s > 0, hidden, SEEN) * scarce


def root_covariance(root: Root, sigma_m: np.ndarray, unseen_s: np.ndarray) -> np.ndarray:
    """Covariance (N, 3, 3) of the root's position in camera axes, `unseen_s` (N,) after the person was seen; `sigma_m`
    (N,) of the joints as they are lifted, in the mean.

    The filter knows of noise only; on top comes what it cannot see: people's size is guessed, and distance with it.
    """
    unusual = np.maximum(sigma_m / USUAL_SIGMA_M, 0.5)
    along = ALONG_SHARE * np.linalg.norm(root.xyz_m, axis=-1) * unusual**ALONG_POWER
    across = ACROSS_M * np.minimum(unusual, 2.0) ** ACROSS_POWER
    drift = 0.5 * UNSEEN_M_S2 * unseen_s**2
    return ray_covariance(root.xyz_m, along, across) + drift[:, None, None] ** 2 * np.eye(3)

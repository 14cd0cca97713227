"""Where a person's root is and how it moves: a Kalman filter with an error model along and across the ray.

What the lifter says of the distance errs along the ray, and from frame to frame alike: most of that error is slow, and
no filter takes it away. What changes from frame to frame is noise: people do not jump by decimetres.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate

COAST_S = 1.0  # whoever is not seen is expected to slow down over this time
FIRST_SPEED_M_S = 1.0  # of somebody new
USUAL_SIGMA_M = 0.09  # of lifted joints that are seen, in the mean
MAX_STEP_S = 0.5  # after a longer break the velocity says nothing


@dataclass(frozen=True)
class RootConfig:
    """How a root moves, and how a lifted one errs."""

    along_sigma: float = param(
        0.08, "frame to frame error of the lifted distance, as a share of it", low=0.001, high=1.0, live=True
    )
    across_sigma_m: float = param(
        0.05, "frame to frame error of the lifted root across the line of sight", unit="m", low=0.001, high=1.0,
        live=True,
    )  # fmt: skip
    along_accel_m_s2: float = param(
        1.5, "acceleration of people along the line of sight; less is steadier and later", unit="m/s^2", low=0.01,
        high=100.0, live=True,
    )  # fmt: skip
    across_accel_m_s2: float = param(4.0, "the same across it", unit="m/s^2", low=0.01, high=100.0, live=True)

    __post_init__ = validate


class Root(NamedTuple):
    """`xyz_m`, `velocity_m_s` (N, 3) and their covariance (N, 6, 6), all in one frame."""

    xyz_m: np.ndarray
    velocity_m_s: np.ndarray
    covariance: np.ndarray


def ray_covariance(xyz_m: np.ndarray, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(..., 3, 3) with these standard deviations along and across the rays to points (..., 3)."""
    ray = xyz_m / np.maximum(np.linalg.norm(xyz_m, axis=-1, keepdims=True), 1e-6)
    outer = ray[..., :, None] * ray[..., None, :]
    return across[..., None, None] ** 2 * (np.eye(3) - outer) + along[..., None, None] ** 2 * outer


def lifted_noise(xyz_m: np.ndarray, share_seen: np.ndarray, sigma_m: np.ndarray, config: RootConfig) -> np.ndarray:
    """Covariance (N, 3, 3) of lifted roots (N, 3), camera axes; `share_seen` (N,) of the joints, above 0, and the mean
    `sigma_m` (N,) of the joints: where the lifter does not know the posture, it does not know the size either."""
    wider = np.square(np.maximum(sigma_m, 0.25 * USUAL_SIGMA_M) / USUAL_SIGMA_M) / np.sqrt(share_seen)
    distance = np.linalg.norm(xyz_m, axis=-1)
    return ray_covariance(xyz_m, config.along_sigma * distance * wider, config.across_sigma_m * wider)


def travel_s(dt_s: np.ndarray, coasting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) how long the velocity counts within `dt_s` (N,), and the share of it that is left then."""
    left = np.where(coasting, np.exp(-dt_s / COAST_S), 1.0)
    return np.where(coasting, COAST_S * (1 - left), dt_s), left


def predicted(root: Root, dt_s: np.ndarray, coasting: np.ndarray, config: RootConfig) -> Root:
    """The roots `dt_s` (N,) later; `coasting` bool (N,): not seen meanwhile. Axes of a camera at the origin."""
    travel, left = travel_s(dt_s, coasting)
    accel = ray_covariance(
        root.xyz_m, np.full_like(dt_s, config.along_accel_m_s2), np.full_like(dt_s, config.across_accel_m_s2)
    )
    step = np.zeros((len(dt_s), 6, 6))
    step[:, range(6), range(6)] = 1
    step[:, range(3), range(3, 6)] = travel[:, None]
    step[:, range(3, 6), range(3, 6)] = left[:, None]
    covariance = step @ root.covariance @ step.swapaxes(1, 2)
    dt = dt_s[:, None, None]
    covariance[:, :3, :3] += accel * dt**3 / 3
    covariance[:, :3, 3:] += accel * dt**2 / 2
    covariance[:, 3:, :3] += accel * dt**2 / 2
    covariance[:, 3:, 3:] += accel * dt
    velocity = root.velocity_m_s * left[:, None]
    return Root(root.xyz_m + root.velocity_m_s * travel[:, None], velocity, covariance)


def corrected(root: Root, xyz_m: np.ndarray, noise: np.ndarray, measured: np.ndarray) -> Root:
    """The roots after they were measured at `xyz_m` (N, 3) with covariance `noise` (N, 3, 3), where `measured`."""
    gain = root.covariance[:, :, :3] @ np.linalg.inv(root.covariance[:, :3, :3] + noise)
    gain = gain * measured[:, None, None]
    change = (gain @ (xyz_m - root.xyz_m)[..., None])[..., 0]
    covariance = root.covariance - gain @ root.covariance[:, :3]
    return Root(root.xyz_m + change[:, :3], root.velocity_m_s + change[:, 3:], covariance)


def first(xyz_m: np.ndarray, noise: np.ndarray) -> Root:
    """Roots of new people."""
    covariance = np.zeros((len(xyz_m), 6, 6))
    covariance[:, :3, :3] = noise
    covariance[:, range(3, 6), range(3, 6)] = FIRST_SPEED_M_S**2
    return Root(xyz_m, np.zeros_like(xyz_m), covariance)


def turned(root: Root, R: np.ndarray, t_m: np.ndarray) -> Root:
    """In another frame: points p become R p + t."""
    both = np.zeros((6, 6))
    both[:3, :3] = both[3:, 3:] = R
    return Root(root.xyz_m @ R.T + t_m, root.velocity_m_s @ R.T, both @ root.covariance @ both.T)

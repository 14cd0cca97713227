"""The posture of one frame: what keypoints, lifter, bones, the floor and the frames before say of it, put together.

Maximum a posteriori by Gauss-Newton. All terms but the bones' are linear, so that the normal equations are built once
and one or two steps do. Positions are relative to the root, whose place is the business of `root`; the root still moves
across the line of sight in here, as a nuisance, so that a root that is off does not bend limbs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.estimation.bones import Tree
from pose3d_ros.estimation.root import ray_covariance

MIN_SIGMA_M = 0.02  # no lifted joint is known better
MIN_SCORE = 0.05
ROOT_ALONG_M, ROOT_ACROSS_M = 1e-2, 0.10  # how far the root may move in here


@dataclass(frozen=True)
class PostureConfig:
    """What each source of a posture is worth. Chosen by `pose3d sweep-state` on recorded motion (docs/state.md)."""

    keypoint_sigma_m: float = param(
        0.02, "how far a keypoint of score 1 lies beside its joint; less follows keypoints closer", unit="m", low=0.001,
        high=1.0, live=True,
    )  # fmt: skip
    along: float = param(
        0.9, "error of a lifted joint along the line of sight, in its sigma", low=0.05, high=10.0, live=True
    )
    across: float = param(0.5, "the same across it", low=0.05, high=10.0, live=True)
    limb_sigma_m: float = param(
        0.015, "by how much limbs may differ from their learned length", unit="m", low=0.001, high=1.0, live=True
    )
    trunk_sigma_m: float = param(
        0.03, "the same of chains of joints that bend: spine, neck, hips, shoulders", unit="m", low=0.001, high=1.0,
        live=True,
    )  # fmt: skip
    motion_sigma_m: float = param(
        0.048, "error of constant velocity after a thirtieth of a second at rest; less is calmer and later", unit="m",
        low=0.001, high=10.0, live=True,
    )  # fmt: skip
    motion_share: float = param(
        1.2, "the same as a share of the way that the joint moves meanwhile", low=0.0, high=10.0, live=True
    )
    hidden_motion: float = param(
        1.5, "constant velocity of a hidden joint errs so many times more", low=0.1, high=10.0, live=True
    )
    velocity_gain: float = param(
        0.5, "share of what constant velocity missed that the velocity takes on", low=0.0, high=1.0, live=True
    )
    steps: int = param(1, "Gauss-Newton steps", low=1, high=5, live=True)

    __post_init__ = validate


class Linear(NamedTuple):
    """Normal equations of N people: `H` (N, J, 3, J, 3) x = `g` (N, J, 3)."""

    H: np.ndarray
    g: np.ndarray

    @staticmethod
    def zeros(people: int, joints: int) -> "Linear":
        return Linear(np.zeros((people, joints, 3, joints, 3)), np.zeros((people, joints, 3)))

    def add_points(self, rows: np.ndarray, information: np.ndarray, xyz_m: np.ndarray) -> None:
        """Joints `rows` (K,) were measured at (N, K, 3) with this information (N, K, 3, 3)."""
        self.H[:, rows, :, rows] += information.swapaxes(0, 1)
        self.g[:, rows] += (information @ xyz_m[..., None])[..., 0]

    def add_relative(self, information: np.ndarray, xyz_m: np.ndarray) -> None:
        """Every joint less the first one was measured at (N, J, 3); the first row is not looked at."""
        rows = np.arange(1, xyz_m.shape[1])
        information, pull = information[:, 1:], (information[:, 1:] @ xyz_m[:, 1:, :, None])[..., 0]
        side = information.swapaxes(0, 1)
        self.H[:, rows, :, rows] += side
        self.H[:, rows, :, 0] -= side
        self.H[:, 0, :, rows] -= side
        self.H[:, 0, :, 0] += information.sum(1)
        self.g[:, 1:] += pull
        self.g[:, 0] -= pull.sum(1)


def lifted_information(xyz_m: np.ndarray, sigma_m: np.ndarray, config: PostureConfig) -> np.ndarray:
    """(N, J, 3, 3) of lifted joints (N, J, 3) in the camera with `sigma_m` (N, J)."""
    sigma = np.maximum(sigma_m, MIN_SIGMA_M)
    return ray_covariance(xyz_m, 1 / (config.along * sigma), 1 / (config.across * sigma))


def ray_information(rays: np.ndarray, score: np.ndarray, keypoint_sigma_m: np.ndarray | float) -> np.ndarray:
    """(N, J, 3, 3): the distance of a joint from its ray x/z, y/z (N, J, 2); 0 where `score` (N, J) is."""
    seen = score > 0
    direction = np.concatenate((np.where(seen[..., None], rays, 0), np.ones_like(score)[..., None]), -1)
    across = np.where(seen, np.clip(score, MIN_SCORE, 1) / keypoint_sigma_m, 0)
    return ray_covariance(direction, np.zeros_like(across), across)


def motion_information(speed_m_s: np.ndarray, seen: np.ndarray, dt_s: np.ndarray, config: PostureConfig) -> np.ndarray:
    """(N, J): of constant velocity over `dt_s` (N,), of joints that move with `speed_m_s` (N, J)."""
    sigma = config.motion_sigma_m * 30 * dt_s[:, None] + config.motion_share * speed_m_s * dt_s[:, None]
    return 1 / np.square(sigma * np.where(seen, 1.0, config.hidden_motion))


def solve(
    linear: Linear, start_m: np.ndarray, length_m: np.ndarray, unsure_m: np.ndarray, bones: Tree, config: PostureConfig
) -> np.ndarray:
    """Joints (N, J, 3) that fit the linear terms and bones of `length_m` +- `unsure_m` (N, B), from `start_m` on."""
    people, joints = start_m.shape[:2]
    weight = 1 / (np.where(bones.rigid, config.limb_sigma_m, config.trunk_sigma_m) ** 2 + unsure_m**2)
    corners = (bones.incidence[:, :, None] * bones.incidence[:, None, :]).reshape(len(bones.child), -1)
    xyz_m = start_m
    for _ in range(config.steps):
        bone = xyz_m[:, bones.child] - xyz_m[:, bones.parent]
        unit = bone / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-6)
        outer = (weight[..., None, None] * unit[..., :, None] * unit[..., None, :]).reshape(people, len(bones.child), 9)
        H = (corners.T @ outer).reshape(people, joints, joints, 3, 3).transpose(0, 1, 3, 2, 4) + linear.H
        g = bones.incidence.T @ (unit * (weight * length_m)[..., None]) + linear.g
        size = 3 * joints
        xyz_m = np.linalg.solve(H.reshape(people, size, size), g.reshape(people, size, 1)).reshape(people, joints, 3)
    return xyz_m


def root_information(root_m: np.ndarray) -> np.ndarray:
    """(N, 1, 3, 3) that keeps roots (N, 3) where they are, but for a little across their rays."""
    one = np.ones(len(root_m))
    return ray_covariance(root_m, one / ROOT_ALONG_M, one / ROOT_ACROSS_M)[:, None]

"""Where a hand stands: at the depth of its body's wrist, or where its own rays and its size put it."""

from typing import NamedTuple

import numpy as np

from pose3d_ros.geometry.placement import MIN_DEPTH_M, misfit, place

MIN_SEEN = 8  # fewer joints are met by almost any hand


class PlacedHands(NamedTuple):
    """`xyz_m` (N, 21, 3) in the camera frame; `determined` bool (N,): the 2D allowed to place the hand; `misfit` (N,):
    root mean square distance of the seen joints from their rays, in units of the hand's extent in the image."""

    xyz_m: np.ndarray
    determined: np.ndarray
    misfit: np.ndarray


def place_hands(
    xyz_m: np.ndarray, rays: np.ndarray, weight: np.ndarray, seen: np.ndarray, depth_m: np.ndarray
) -> PlacedHands:
    """Wrist-relative hands (N, 21, 3) with their rays (N, 21, 2), filled, and weights (N, 21); `seen` bool (N, 21): not
    filled; `depth_m` (N,): z of the wrist, NaN where no body tells it. With a depth, the rays fix the other two
    directions: the hand stays on its image."""
    root, determined = place(xyz_m, rays, weight)
    share = weight / np.maximum(weight.sum(-1, keepdims=True), 1e-9)
    hung = np.isfinite(depth_m) & (depth_m > MIN_DEPTH_M) & (weight.sum(-1) > 0)
    depth = np.where(hung, depth_m, 1.0)
    aside = (share[..., None] * (rays * (xyz_m[..., 2:] + depth[:, None, None]) - xyz_m[..., :2])).sum(1)
    root = np.where(hung[:, None], np.concatenate((aside, depth[:, None]), -1), root)
    placed = xyz_m + root[:, None]
    return PlacedHands(placed, determined | hung, misfit(placed, rays, weight * seen, MIN_SEEN))

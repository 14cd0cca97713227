"""Where the root stands: the translation that best explains the 2D, linear least squares on the rays."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.arrays import namespace

MIN_DEPTH_M = 0.1
FOOT_M = 0.08  # ankle joint above the sole
_H36M = formats.get("h36m17")
CHAINS = [_H36M.indices((f"{side}_ankle", f"{side}_knee", f"{side}_hip")).tolist() for side in ("left", "right")]
TRUNK = _H36M.indices(("pelvis", "spine", "thorax", "head_top")).tolist()


@dataclass(frozen=True)
class PlacementConfig:
    """What fixes the scale of people."""

    stature_m: float = param(
        0.0, "body height of everybody in view, where it is known; 0 = as the lifter guesses", unit="m", low=0.0,
        high=2.5, live=True,
    )  # fmt: skip
    keypoint_sigma_m: float = param(
        0.06, "standard deviation of a seen keypoint of score 1 on the body; less pulls joints closer to keypoints; "
        "0 = joints stay where the lifter puts them", unit="m", low=0.0, high=1.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


class Placed(NamedTuple):
    """`xyz_m` (N, J, 3) in the camera frame; `determined` (N,): the 2D allowed to place the person."""

    xyz_m: Any
    determined: Any


class DepthPrior(NamedTuple):
    """Where the roots were thought to be, `depth_m` (N,). A metre off counts like a metre between a joint and its
    keypoint of this `weight` (N,)."""

    depth_m: Any
    weight: Any


def place_people(
    xyz_m: Any, rays: Any, weight: Any, config: PlacementConfig, prior: DepthPrior | None = None
) -> Placed:
    """Root-relative bodies (N, J, 3) of h36m17 or body19 put where their rays (N, J, 2) say; all in camera axes.

    A known stature rescales the body first: distance follows size.
    """
    if config.stature_m:
        xyz_m = xyz_m * (config.stature_m / stature_m(xyz_m))[:, None, None]
    root, determined = place(xyz_m, rays, weight, prior)
    return Placed(xyz_m + root[:, None], determined)


def pull_to_rays(xyz_m: Any, rays: Any, score: Any, sigma_m: Any, keypoint_sigma_m: float) -> Any:
    """Placed joints (N, J, 3) moved sideways, at their depth, towards where they are seen now; camera axes.

    A fast wrist is seen better than it is predicted. Prediction and keypoint are averaged by their variances: sideways
    the prediction errs by half of `sigma_m` (N, J), which also holds the depth; the keypoint by `keypoint_sigma_m` over
    its score. `score` (N, J) is 0 where a joint is hidden, and it stays. The root has the uncertainty of its children.
    """
    if not keypoint_sigma_m:
        return xyz_m
    xp = namespace(xyz_m)
    sideways = 0.5 * sigma_m
    sideways = xp.concatenate((sideways[:, 1:].mean(1)[:, None], sideways[:, 1:]), 1)
    noise = keypoint_sigma_m / xp.clip(score, 0.05, None)
    gain = xp.where(score > 0, sideways**2 / (sideways**2 + noise**2), 0.0)[..., None]
    seen_at = rays * xyz_m[..., 2:]
    moved = xyz_m[..., :2] + gain * (seen_at - xyz_m[..., :2])
    return xp.concatenate((moved, xyz_m[..., 2:]), -1)


def place(xyz_m: Any, rays: Any, weight: Any, prior: DepthPrior | None = None) -> tuple[Any, Any]:
    """Root translations (N, 3) of N people, and whether they are determined (N,) bool.

    `xyz_m` (N, J, 3) root-relative, `rays` (N, J, 2) = x/z, y/z in the same axes, `weight` (N, J) >= 0.
    Minimises the sum of weight * ((X + t_x) - u (Z + t_z))^2 + the same in y, which is linear in t; with a `prior` also
    its weight * (t_z - depth)^2. Determined needs two joints apart from each other, or a prior; the depth is at least
    `MIN_DEPTH_M` in front of the camera.
    """
    xp = namespace(xyz_m)
    u, v = rays[..., 0], rays[..., 1]
    a = u * xyz_m[..., 2] - xyz_m[..., 0]  # wanted value of t_x - u t_z
    b = v * xyz_m[..., 2] - xyz_m[..., 1]
    total = xp.clip(weight.sum(-1), 1e-9, None)
    w = weight / total[:, None]
    mean_u, mean_v, mean_a, mean_b = ((w * value).sum(-1) for value in (u, v, a, b))
    du, dv = u - mean_u[:, None], v - mean_v[:, None]
    spread = (w * (du**2 + dv**2)).sum(-1)
    slope = (w * (du * a + dv * b)).sum(-1)
    if prior is not None:
        share = prior.weight / total
        spread, slope = spread + share, slope - share * prior.depth_m
    determined = (spread > 1e-8) & (total > 1e-6)
    depth = -slope / xp.where(determined, spread, 1.0)
    determined = determined & (depth > MIN_DEPTH_M)
    depth = xp.clip(depth, MIN_DEPTH_M, None)
    return xp.stack((mean_a + mean_u * depth, mean_b + mean_v * depth, depth), -1), determined


def misfit(xyz_m: np.ndarray, rays: np.ndarray, weight: np.ndarray, min_seen: int) -> np.ndarray:
    """(N,) root mean square distance of placed joints (N, J, 3) from their rays (N, J, 2), `weight` 0 where they are
    hidden, in units of their extent in the image, after the best shift and scale: what size and depth cannot
    explain. 0 where fewer than `min_seen` are seen."""
    share = weight / np.maximum(weight.sum(-1, keepdims=True), 1e-9)
    drawn = xyz_m[..., :2] / np.maximum(xyz_m[..., 2:], MIN_DEPTH_M)
    drawn, wanted = (points - (share[..., None] * points).sum(1, keepdims=True) for points in (drawn, rays))
    extent = (share[..., None] * wanted**2).sum((1, 2))
    scale = (share[..., None] * drawn * wanted).sum((1, 2)) / np.maximum(
        (share[..., None] * drawn**2).sum((1, 2)), 1e-12
    )
    off = (share[..., None] * (scale[:, None, None] * drawn - wanted) ** 2).sum((1, 2))
    return np.where((weight > 0).sum(-1) >= min_seen, np.sqrt(off / np.maximum(extent, 1e-12)), 0.0)


def stature_m(xyz_m: Any) -> Any:
    """Body height (N,) in metres of h36m17 or body19 bodies (N, J, 3), summed along the bones from sole to head top.

    Along the bones, so that a sitting person counts as tall as a standing one.
    """
    legs = sum(_length(xyz_m, chain) for chain in CHAINS) / len(CHAINS)
    return legs + _length(xyz_m, TRUNK) + FOOT_M


def _length(xyz_m: Any, chain: list[int]) -> Any:
    steps = xyz_m[:, chain[1:]] - xyz_m[:, chain[:-1]]
    return namespace(xyz_m).sqrt((steps**2).sum(-1)).sum(-1)

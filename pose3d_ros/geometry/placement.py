"""Where the root stands: the translation that best explains the 2D, linear least squares on the rays."""

from typing import Any

from pose3d_ros.geometry.arrays import namespace

MIN_DEPTH_M = 0.1


def place(xyz_m: Any, rays: Any, weight: Any) -> tuple[Any, Any]:
    """Root translations (N, 3) of N people, and whether they are determined (N,) bool.

    `xyz_m` (N, J, 3) root-relative, `rays` (N, J, 2) = x/z, y/z in the same axes, `weight` (N, J) >= 0.
    Minimises the sum of weight * ((X + t_x) - u (Z + t_z))^2 + the same in y, which is linear in t. Determined needs
    two joints apart from each other; the depth is at least `MIN_DEPTH_M` in front of the camera.
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
    determined = (spread > 1e-8) & (total > 1e-6)
    depth = -slope / xp.where(determined, spread, 1.0)
    determined = determined & (depth > MIN_DEPTH_M)
    depth = xp.clip(depth, MIN_DEPTH_M, None)
    return xp.stack((mean_a + mean_u * depth, mean_b + mean_v * depth, depth), -1), determined


def place_at_depth(xyz_m: Any, rays: Any, weight: Any, depth_m: Any) -> Any:
    """Root translations (N, 3) where the root's depth (N,) is already known (depth image, previous frame)."""
    xp = namespace(xyz_m)
    total = xp.clip(weight.sum(-1), 1e-9, None)[:, None]
    z = xyz_m[..., 2] + depth_m[:, None]
    x = (weight / total * (rays[..., 0] * z - xyz_m[..., 0])).sum(-1)
    y = (weight / total * (rays[..., 1] * z - xyz_m[..., 1])).sum(-1)
    return xp.stack((x, y, depth_m), -1)


def stature_m(xyz_m: Any, chains: list[list[int]]) -> Any:
    """Body height (N,) in metres as the mean over `chains` (joint rows from foot to head top) of summed bone lengths.

    Summed along the bones, so that a sitting person counts as tall as a standing one.
    """
    xp = namespace(xyz_m)
    sums = []
    for chain in chains:
        steps = xyz_m[:, chain[1:]] - xyz_m[:, chain[:-1]]
        sums.append(xp.sqrt((steps**2).sum(-1)).sum(-1))
    return sum(sums) / len(sums)



"""Reference skeletons from several calibrated views: robust triangulation of 2D keypoints."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.camera import Camera

REFINEMENTS = 8  # the linear solution is close: then steps are below a micrometre
STEP_M = 1e-5  # of the numeric derivative


@dataclass(frozen=True)
class View:
    """A calibrated camera in a common world: x_camera = R @ x_world + t. `R` (3, 3), `t` (3,) in metres."""

    camera: Camera
    R: np.ndarray
    t: np.ndarray

    def to_camera(self, xyz_m: np.ndarray) -> np.ndarray:
        """World points (..., 3) in this camera's optical frame, metres."""
        return xyz_m @ self.R.T + self.t

    def project(self, xyz_m: np.ndarray) -> np.ndarray:
        """World points (..., 3) to pixels (..., 2)."""
        return self.camera.project(self.to_camera(xyz_m))


@dataclass(frozen=True)
class Triangulation:
    """`xyz_m` (..., 3) in the world, NaN where fewer than two views agree. Per view, first axis V: `error_px` (V, ...)
    reprojection error, NaN where not seen; `used` (V, ...) whether the view took part."""

    xyz_m: np.ndarray
    error_px: np.ndarray
    used: np.ndarray


def triangulate(views: list[View], xy_px: np.ndarray, weight: np.ndarray, threshold_px: float) -> Triangulation:
    """Points (..., 3) from `xy_px` (V, ..., 2), NaN where not seen, and `weight` (V, ...) >= 0, 0 where not to use.

    Each point: of all pairs of views the one whose point is within `threshold_px` of the most views (then: the smallest
    error); then a weighted linear solution of these views, refined on the reprojection error with a robust loss.
    Raises InputError for wrong shapes or fewer than two views.
    """
    xy_px, weight = np.asarray(xy_px, np.float64), np.asarray(weight, np.float64)
    if len(views) < 2 or xy_px.shape != (len(views), *weight.shape[1:], 2) or weight.shape[0] != len(views):
        raise InputError(
            f"triangulate: expected at least two views, xy_px (V, ..., 2) and weight (V, ...), got {len(views)} views, "
            f"{xy_px.shape} and {weight.shape}"
        )
    shape = weight.shape[1:]
    xy_px, weight = xy_px.reshape(len(views), -1, 2), weight.reshape(len(views), -1)
    weight = np.where(np.isfinite(xy_px).all(axis=2), weight, 0.0)
    rays = np.stack([view.camera.rays(xy) for view, xy in zip(views, xy_px, strict=True)])
    used = _consensus(views, xy_px, rays, weight, threshold_px)
    xyz_m = _linear(views, rays, weight * used)
    xyz_m = _refined(views, xyz_m, xy_px, weight * used, threshold_px)
    error_px = _errors(views, xyz_m, xy_px)
    return Triangulation(
        xyz_m.reshape(*shape, 3), error_px.reshape(len(views), *shape), used.reshape(len(views), *shape)
    )


def triangulate_body(
    views: list[View], xy_px: np.ndarray, weight: np.ndarray, threshold_px: float, share: float = 0.5
) -> Triangulation:
    """Like `triangulate` for bodies `xy_px` (V, F, J, 2); a view is left out of a frame in which it is lost.

    Lost: fewer than `share` of the joints it offers agree with the other views (sides swapped, another person).
    Its remaining joints would agree by chance only.
    """
    first = triangulate(views, xy_px, weight, threshold_px)
    offered = (np.asarray(weight) > 0) & np.isfinite(xy_px).all(axis=-1) & np.isfinite(first.xyz_m).all(axis=-1)
    agree = (first.used & offered).sum(axis=2) / np.maximum(offered.sum(axis=2), 1)
    lost = agree < share
    return triangulate(views, xy_px, np.where(lost[..., None], 0.0, weight), threshold_px)


def _consensus(
    views: list[View], xy_px: np.ndarray, rays: np.ndarray, weight: np.ndarray, threshold_px: float
) -> np.ndarray:
    """bool (V, N): the views of the best pair's point; all False where no pair agrees."""
    seen = weight > 0
    best_count, best_error = np.ones(seen.shape[1]), np.full(seen.shape[1], np.inf)
    used = np.zeros_like(seen)
    for pair in combinations(range(len(views)), 2):
        mask = np.zeros_like(seen)
        mask[list(pair)] = seen[list(pair)].all(axis=0)
        error = _errors(views, _linear(views, rays, weight * mask), xy_px)
        agrees = seen & (error <= threshold_px)  # False for NaN
        count, total = agrees.sum(axis=0), np.where(agrees, error, 0.0).sum(axis=0)
        better = (count > best_count) | ((count == best_count) & (total < best_error) & (count >= 2))
        used[:, better] = agrees[:, better]
        best_count, best_error = np.where(better, count, best_count), np.where(better, total, best_error)
    return used


def _linear(views: list[View], rays: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted linear least squares (N, 3) on the rays (V, N, 2); NaN where fewer than two views have weight."""
    rows, right = [], []
    for view, ray, w in zip(views, rays, weight, strict=True):
        # x (R3 X + t3) = R1 X + t1, likewise y
        normal = ray[..., None] * view.R[2] - view.R[:2]
        offset = view.t[:2] - ray * view.t[2]
        use = w[:, None] > 0
        rows.append(np.where(use[..., None], w[:, None, None] * normal, 0.0))
        right.append(np.where(use, w[:, None] * offset, 0.0))
    A, b = np.concatenate(rows, axis=1), np.concatenate(right, axis=1)
    solvable = (weight > 0).sum(axis=0) >= 2
    xyz_m = np.full((len(A), 3), np.nan)
    if solvable.any():
        xyz_m[solvable] = (np.linalg.pinv(A[solvable]) @ b[solvable, :, None])[..., 0]
    return xyz_m


def _refined(
    views: list[View], xyz_m: np.ndarray, xy_px: np.ndarray, weight: np.ndarray, threshold_px: float
) -> np.ndarray:
    """Points (N, 3) moved to the least weighted soft-L1 reprojection error; Gauss-Newton, all points at once."""
    there = np.isfinite(xyz_m).all(axis=1)
    x, xy_px, weight = xyz_m[there], xy_px[:, there], weight[:, there]
    use = weight > 0
    for _ in range(REFINEMENTS):
        residual = _residuals(views, x, xy_px, use)
        J = (
            np.stack([_residuals(views, x + step, xy_px, use) - residual for step in STEP_M * np.eye(3)], axis=-1)
            / STEP_M
        )
        # far residuals count less: the weights of the loss sqrt(1 + (r / s)^2)
        robust = weight / np.sqrt(1 + (residual**2).sum(axis=2) / (threshold_px / 3) ** 2)
        normal = np.einsum("vnik,vn,vnil->nkl", J, robust, J)
        gradient = np.einsum("vnik,vn,vni->nk", J, robust, residual)
        x = x - np.einsum("nkl,nl->nk", np.linalg.pinv(normal, hermitian=True), gradient)
    refined = xyz_m.copy()
    refined[there] = x
    return refined


def _residuals(views: list[View], xyz_m: np.ndarray, xy_px: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Reprojection minus keypoint (V, N, 2); 0 where a view is not used or the point behind its camera."""
    gap = np.stack([view.project(xyz_m) - xy for view, xy in zip(views, xy_px, strict=True)])
    return np.where(use[..., None], np.nan_to_num(gap), 0.0)


def _errors(views: list[View], xyz_m: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """Reprojection errors (V, N) in pixels, NaN where there is no point or no keypoint."""
    return np.stack([np.linalg.norm(view.project(xyz_m) - xy, axis=1) for view, xy in zip(views, xy_px, strict=True)])

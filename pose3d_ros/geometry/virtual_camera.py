"""The virtual camera: turned to look at a person and scaled to them, so that a lifter sees the same numbers wherever
the person stands. Runs on numpy arrays (robot) and torch tensors (training) alike.
"""

from dataclasses import dataclass
from typing import Any

from pose3d_ros.geometry.arrays import namespace

MIN_SCALE = 1e-3  # rad; a person of one pixel. Keeps a single visible joint from dividing by zero
MAX_RAY = 4.0  # of a person's own size in the virtual image; wilder keypoints are cut to it


@dataclass(frozen=True)
class VirtualCamera:
    """The way back: `R` (N, 3, 3) turns camera axes into virtual axes, `scale` (N,) is the person's size as the
    root mean square distance of the joints from their middle, in units of x/z of the virtual camera."""

    R: Any
    scale: Any

    def normalise(self, rays: Any) -> Any:
        """Rays (N, T, J, 2) of the camera to coordinates (N, T, J, 2) in units of the person's size."""
        return namespace(rays).clip(self.turn_rays(rays) / self.scale[:, None, None, None], -MAX_RAY, MAX_RAY)

    def turn_rays(self, rays: Any) -> Any:
        """Rays (N, ..., 2) of the camera to rays of the virtual camera, not scaled."""
        xp = namespace(rays)
        x, y = rays[..., 0], rays[..., 1]
        R = self.R.reshape(self.R.shape[0], *(1,) * (x.ndim - 1), 3, 3)
        turned = [R[..., i, 0] * x + R[..., i, 1] * y + R[..., i, 2] for i in range(3)]
        depth = xp.where(turned[2] < 0.05, 0.05, turned[2])  # rays that point backward end at the border
        return xp.stack((turned[0] / depth, turned[1] / depth), -1)

    def to_camera(self, xyz: Any) -> Any:
        """Vectors (N, ..., 3) in virtual axes to camera axes: the inverse turn."""
        return namespace(xyz).einsum("nij,n...i->n...j", self.R, xyz)

    def from_camera(self, xyz: Any) -> Any:
        """Vectors (N, ..., 3) in camera axes to virtual axes."""
        return namespace(xyz).einsum("nij,n...j->n...i", self.R, xyz)


def look_at(rays: Any, confidence: Any) -> VirtualCamera:
    """The virtual camera of N people from the filled rays (N, J, 2) of one slot and their confidence (N, J).

    It looks at the confidence-weighted middle of the joints. No roll: the virtual image's x axis stays in the
    camera's x-z plane, so that up in the image stays up.
    """
    xp = namespace(rays)
    weight = confidence / xp.clip(confidence.sum(-1), 1e-6, None)[:, None]
    middle = (rays * weight[..., None]).sum(1)
    R = _turn_to(xp, middle)
    turned = VirtualCamera(R, None).turn_rays(rays)
    centre = (turned * weight[..., None]).sum(1)
    spread = (((turned - centre[:, None]) ** 2).sum(-1) * weight).sum(-1)
    return VirtualCamera(R, xp.clip(xp.sqrt(spread), MIN_SCALE, None))


def look_along(ray: Any, scale: Any) -> VirtualCamera:
    """The virtual camera that looks along `ray` (N, 2), scaled by `scale` (N,)."""
    return VirtualCamera(_turn_to(namespace(ray), ray), namespace(ray).clip(scale, MIN_SCALE, None))


def _turn_to(xp: Any, ray: Any) -> Any:
    """Rotations (N, 3, 3) whose rows are the axes of a camera that looks along `ray` (N, 2), pan then tilt."""
    one = xp.ones_like(ray[:, 0])
    forward = xp.stack((ray[:, 0], ray[:, 1], one), -1)
    forward = forward / xp.sqrt((forward**2).sum(-1))[:, None]
    right = xp.stack((forward[:, 2], 0 * one, -forward[:, 0]), -1)
    right = right / xp.sqrt((right**2).sum(-1))[:, None]
    down = xp.stack(_cross(forward, right), -1)
    return xp.stack((right, down, forward), 1)


def _cross(a: Any, b: Any) -> tuple[Any, Any, Any]:
    return (
        a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
        a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
        a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
    )

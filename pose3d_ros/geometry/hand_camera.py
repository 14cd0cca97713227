"""The virtual camera of a hand. Hands come any way up and one network serves both sides: it rolls and mirrors too."""

from typing import Any

from pose3d_ros.geometry.arrays import namespace
from pose3d_ros.geometry.virtual_camera import MAX_RAY, VirtualCamera, look_at

WRIST = 0  # of hand21


def normalise_hand(camera: VirtualCamera, rays: Any, confidence: Any) -> Any:
    """Filled rays (N, T, 21, 2) to coordinates in units of the hand's size, each frame about its own middle; 0 where
    the confidence (N, T, 21) is 0. A hand crosses many of its sizes within a window: that says nothing of its pose."""
    xp = namespace(rays)
    turned = camera.turn_rays(rays)
    weight = confidence[..., None]
    middle = (turned * weight).sum(2) / xp.clip(weight.sum(2), 1e-6, None)
    xy = xp.clip((turned - middle[:, :, None]) / camera.scale[:, None, None, None], -MAX_RAY, MAX_RAY)
    return xp.where(weight > 0, xy, xp.zeros_like(xy))


def look_at_hand(rays: Any, confidence: Any, left: Any) -> VirtualCamera:
    """The virtual camera of N hands from the filled rays (N, 21, 2) of one slot, their confidence and `left` bool (N,).

    Looks at the hand's middle, is scaled to it, rolled so that the wrist is straight below the middle (no roll where
    the wrist was never seen), and mirrored for left hands: `R` is then a reflection, which `to_camera` undoes.
    """
    xp = namespace(rays)
    level = look_at(rays, confidence)
    down = level.turn_rays(rays)[:, WRIST]
    length = xp.sqrt((down**2).sum(-1))
    known = (confidence[:, WRIST] > 0) & (length > 1e-3 * level.scale)
    length = xp.where(known, length, xp.ones_like(length))
    sin = xp.where(known, down[:, 0] / length, xp.zeros_like(length))
    cos = xp.where(known, down[:, 1] / length, xp.ones_like(length))
    side = xp.where(left, -xp.ones_like(length), xp.ones_like(length))
    right, below, forward = level.R[:, 0], level.R[:, 1], level.R[:, 2]
    rolled = (cos[:, None] * right - sin[:, None] * below) * side[:, None]
    return VirtualCamera(xp.stack((rolled, sin[:, None] * right + cos[:, None] * below, forward), 1), level.scale)

"""Cameras of robots, looking at a person: where they stand, how they look, and a slow movement of their own."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.lab.synthesis.rng import Rng


@dataclass(frozen=True)
class VirtualCameraConfig:
    """Ranges a camera is drawn from."""

    height_low_m: float = param(0.2, "lowest mounting", unit="m", low=0)
    height_high_m: float = param(2.8, "highest mounting", unit="m", low=0)
    fov_low_deg: float = param(35.0, "narrowest horizontal field of view", unit="deg", low=5, high=150)
    fov_high_deg: float = param(110.0, "widest horizontal field of view", unit="deg", low=5, high=150)
    distance_low_m: float = param(0.7, "nearest person", unit="m", low=0.3)
    distance_high_m: float = param(10.0, "farthest person", unit="m", low=0.5)
    rolled: float = param(0.3, "chance of a camera held askew, by 14 degrees (1 sigma); else 2 degrees", low=0, high=1)
    upended: float = param(0.02, "chance of a camera mounted on its side", low=0, high=1)
    moving: float = param(0.3, "chance of a camera that turns and drives", low=0, high=1)
    centred: bool = param(False, "aim at the person's middle: whole people in the image")

    __post_init__ = validate


@dataclass
class Views:
    """`xyz` (N, T, J, 3) joints in the optical frame; `half_width`, `half_height` (N,) of the image as x/z, y/z; `up`
    (N, T, 3) against gravity in the optical frame, and the camera's `height_m` (N,) above the floor, where known."""

    xyz: Tensor
    half_width: Tensor
    half_height: Tensor
    up: Tensor | None = None
    height_m: Tensor | None = None

    def take(self, rows: Tensor) -> "Views":
        """The views of these rows."""
        parts = (getattr(self, part.name) for part in fields(self))
        return Views(*(part if part is None else part[rows] for part in parts))

    def inside(self, rays: Tensor) -> Tensor:
        """bool (N, T, J): the rays (N, T, J, 2) fall inside the image."""
        border = torch.stack((self.half_width, self.half_height), -1)[:, None, None]
        return (rays.abs() < border).all(-1)


ASPECTS = (3 / 4, 9 / 16, 1.0, 16 / 9)  # height / width


def view(rng: Rng, joints: Tensor, root: Tensor, config: VirtualCameraConfig) -> Views:
    """Place a camera before each person: joints (N, T, J, 3) about root (N, T, 3), world frame, z up.

    The person's heading relative to the camera is uniform; the aim leaves them anywhere in the image.
    """
    count, frames = root.shape[:2]
    fov = torch.deg2rad(rng.uniform(count, low=config.fov_low_deg, high=config.fov_high_deg))
    half_width = (fov / 2).tan()
    aspect = torch.tensor(ASPECTS, device=root.device)[rng.integers(count, low=0, high=len(ASPECTS) - 1)]
    half_height = half_width * aspect
    distance = rng.log_uniform(count, low=config.distance_low_m, high=config.distance_high_m)
    bearing = rng.uniform(count, high=6.2832)
    height = rng.uniform(count, low=config.height_low_m, high=config.height_high_m)
    middle = root[:, frames // 2]
    away = torch.stack((bearing.cos(), bearing.sin()), -1) * distance[:, None]
    position = torch.cat((middle[:, :2] - away, height[:, None]), -1)
    aim_up = torch.atan2(middle[:, 2] - height, distance)
    spread = 0.05 if config.centred else 0.6
    pan = rng.uniform(count, low=-spread, high=spread) * fov / 2
    tilt = aim_up + rng.uniform(count, low=-spread, high=spread) * half_height.atan()
    roll = rng.normal(count) * torch.where(rng.chance(count, p=config.rolled), 0.25, 0.03)
    if config.upended:
        side = torch.where(rng.chance(count, p=0.5), 1.571, -1.571)
        roll = roll + torch.where(rng.chance(count, p=config.upended), side, 0.0)
    drift = _movement(rng, count, frames, config.moving)
    R = _rotation((bearing + pan)[:, None] + drift[..., 0], tilt[:, None] + drift[..., 1], roll)
    moved = position[:, None] + torch.cat((drift[..., 2:], torch.zeros_like(drift[..., :1])), -1)
    world = joints + root[:, :, None]
    xyz = torch.einsum("ntij,ntkj->ntki", R, world - moved[:, :, None])
    return Views(xyz, half_width, half_height, R[..., 2], height)


def _movement(rng: Rng, count: int, frames: int, chance: float) -> Tensor:
    """(N, T, 4): pan, tilt in rad and x, y in m of a camera that moves at a constant rate."""
    rate = rng.normal(count, 1, 4) * torch.tensor([0.15, 0.05, 0.2, 0.2], device=rng.device)
    seconds = (torch.arange(frames, device=rng.device) - frames // 2) / 30
    return torch.where(rng.chance(count, 1, 1, p=chance), rate * seconds[None, :, None], 0.0)


def _rotation(pan: Tensor, tilt: Tensor, roll: Tensor) -> Tensor:
    """(N, T, 3, 3) rows right, down, forward of cameras at pan (about up), tilt (up positive) and roll."""
    forward = torch.stack((pan.cos() * tilt.cos(), pan.sin() * tilt.cos(), tilt.sin()), -1)
    right = torch.stack((pan.sin(), -pan.cos(), torch.zeros_like(pan)), -1)
    down = torch.linalg.cross(forward, right)
    cos, sin = roll.cos()[:, None, None], roll.sin()[:, None, None]
    return torch.stack((cos * right + sin * down, cos * down - sin * right, forward), -2)

"""What a 2D hand detector makes of true joints. Errors are in units of the hand's length in the image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.hand import CHAINS, SKELETON, TIPS, J
from pose3d_ros.lab.synthesis import detector
from pose3d_ros.lab.synthesis.rng import Rng

LENGTH_M = 0.18
PALM_RADIUS_M, FINGER_RADIUS_M, BEHIND_M = 0.012, 0.008, 0.012
EVERY = 3  # frames; what covers what changes slowly, and is dear to work out


@dataclass(frozen=True)
class HandDetectorConfig:
    """Spreads as a share of the hand's length in the image."""

    noise_low: float = param(0.005, "least noise of a window", low=0, high=0.2)
    noise_high: float = param(0.035, "most noise of a window", low=0, high=0.2)
    bias: float = param(0.012, "constant offset of a joint: another definition of it", low=0, high=0.2)
    outliers: float = param(0.006, "chance of a joint in a frame far off", low=0, high=1)
    swaps: float = param(0.06, "chance of a window with frames that show the other hand", low=0, high=1)
    covered: float = param(0.7, "chance that joints behind the own palm or fingers are worse, or lost", low=0, high=1)
    blur: float = param(0.5, "chance that fast motion blurs: more noise, and lost frames", low=0, high=1)
    flat_scores: float = param(0.4, "chance of one score for the whole hand, as many detectors give it", low=0, high=1)

    __post_init__ = validate


# What the evaluation uses: one moderate detector
STANDARD = HandDetectorConfig(
    noise_low=0.015, noise_high=0.015, bias=0.01, outliers=0.003, swaps=0, covered=1, blur=0, flat_scores=0
)
PERFECT = HandDetectorConfig(noise_low=0, noise_high=0, bias=0, outliers=0, swaps=0, covered=0, blur=0, flat_scores=0)


def detect(rng: Rng, xyz: Tensor, config: HandDetectorConfig, rate_hz: float) -> tuple[Tensor, Tensor]:
    """Noisy rays (N, T, 21, 2) and scores (N, T, 21), 0 where nothing is given, of hands (N, T, 21, 3) before it."""
    rays = detector.true_rays(xyz)
    count, frames, joints = rays.shape[:3]
    size = (LENGTH_M / xyz[:, :, J["wrist"], 2].clamp(min=0.1))[:, :, None, None]
    behind = covered(xyz) & rng.chance(count, 1, 1, p=config.covered)
    speed = _speed(rays / size)
    blur = speed * rng.uniform(count, 1, 1, high=0.25) * rng.chance(count, 1, 1, p=config.blur)
    worse = 1 + behind * rng.uniform(count, 1, 1, low=0.5, high=3.0)
    error = _error(rng, count, frames, joints, config, detector.MEMORY_30HZ ** (30.0 / rate_hz))
    error = error * worse[..., None] + blur[..., None] * rng.normal(count, frames, joints, 2)
    score = _score(rng, error, config)
    lost = behind & rng.chance(count, frames, joints, p=0.7) & rng.chance(count, 1, 1, p=0.4)
    lost = lost | ((blur.mean(-1, keepdim=True) > 0.05) & rng.chance(count, frames, 1, p=0.5))
    noisy = _exchange(rng, rays, size, config.swaps) + error * size
    score = torch.where(lost | ~torch.isfinite(noisy).all(-1), 0.0, score)
    return torch.where(score[..., None] > 0, noisy, 0.0), score


def covered(xyz: Tensor) -> Tensor:
    """bool (N, T, 21): the joint lies behind another finger or the palm, seen from the camera."""
    frames = xyz.shape[1]
    some = xyz[:, ::EVERY]
    depth = some[..., 2].clamp(min=0.1)
    flat = some[..., :2] / depth[..., None] * depth[..., :1, None]  # metres at the wrist's depth
    start, end = (rows.to(xyz.device) for rows in (START, END))
    a, b = flat[:, :, None, start], flat[:, :, None, end]
    along, to = b - a, flat[:, :, :, None] - a
    part = ((to * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-8)).clamp(0, 1)
    apart = (to - part[..., None] * along).norm(dim=-1)
    front = torch.lerp(depth[:, :, None, start].expand_as(part), depth[:, :, None, end].expand_as(part), part)
    hides = (apart < RADIUS.to(xyz.device)) & (front < depth[..., None] - BEHIND_M) & ~OWN.to(xyz.device)
    return hides.any(-1).repeat_interleave(EVERY, 1)[:, :frames]


def _bones() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Start and end rows (B,) of the bones, their radii (B,), and bool (21, B): bones that do not hide the joint."""
    pairs = torch.as_tensor(SKELETON.bones)
    finger = torch.zeros(21, dtype=torch.long)
    for number, chain in enumerate(CHAINS):
        finger[chain] = number + 1
    of_bone = finger[pairs[:, 1]]
    own = (finger[:, None] == of_bone) | (finger[:, None] == 0)
    palm = (pairs == 0).any(1) | torch.tensor([[int(a), int(b)] in PALM_EDGES for a, b in pairs])
    touching = (torch.arange(21)[:, None, None] == pairs).any(-1)
    return pairs[:, 0], pairs[:, 1], torch.where(palm, PALM_RADIUS_M, FINGER_RADIUS_M), (own & ~palm) | touching


PALM_EDGES = [[5, 9], [9, 13], [13, 17]]
START, END, RADIUS, OWN = _bones()


def _error(rng: Rng, count: int, frames: int, joints: int, config: HandDetectorConfig, memory: float) -> Tensor:
    """(N, T, J, 2) in hand lengths: white and slowly changing noise, a constant, and outliers."""
    level = rng.log_uniform(count, 1, 1, 1, low=max(config.noise_low, 1e-9), high=max(config.noise_high, 1e-9))
    white = rng.normal(count, frames, joints, 2, std=0.7)
    slow = detector.correlated(rng.normal(count, frames, joints, 2, std=0.7), memory)
    factor = torch.ones(joints, device=rng.device)
    factor[TIPS] = 1.2
    error = level * factor[:, None] * (white + slow)
    error = error + rng.normal(count, 1, joints, 2, std=config.bias) * rng.uniform(count, 1, 1, 1, low=0.2, high=1.8)
    far = rng.chance(count, frames, joints, 1, p=config.outliers)
    return error + far * rng.normal(count, frames, joints, 2, std=0.3)


def _score(rng: Rng, error: Tensor, config: HandDetectorConfig) -> Tensor:
    count, frames = error.shape[:2]
    score = detector.score_of(rng, error)
    flat = rng.uniform(count, 1, 1, low=0.6, high=1.0) + rng.normal(count, frames, 1, std=0.03)
    return torch.where(rng.chance(count, 1, 1, p=config.flat_scores), flat.clamp(0.3, 1.0), score)


def _speed(rays: Tensor) -> Tensor:
    """(N, T, J) hand lengths per frame; 0 where there is only one."""
    if rays.shape[1] == 1:
        return torch.zeros_like(rays[..., 0])
    step = rays.diff(dim=1).norm(dim=-1).nan_to_num()
    return torch.cat((step[:, :1], step), 1)


def _exchange(rng: Rng, rays: Tensor, size: Tensor, chance: float) -> Tensor:
    """The person's other hand in its place for some frames: another hand of the batch, mirrored, a little aside."""
    if chance == 0:
        return rays
    count, frames = rays.shape[:2]
    middle = rays.nan_to_num().mean(2, keepdim=True)
    other = ((rays - middle) / size).roll(1, 0) * torch.tensor((-1.0, 1.0), device=rays.device) * size
    aside = rng.normal(count, 1, 1, 2) * rng.uniform(count, 1, 1, 1, high=2.0) * size
    start = rng.uniform(count, 1, 1, low=-0.3, high=1.0) * frames
    length = rng.uniform(count, 1, 1, low=1.0, high=9.0)
    slot = torch.arange(frames, device=rays.device)[None, :, None]
    swapped = (slot >= start) & (slot < start + length) & rng.chance(count, 1, 1, p=chance)
    return torch.where(swapped[..., None], middle + aside + other, rays)

"""What a 2D detector makes of true joints: noise, bias, outliers, exchanged sides, and a score tied to all that.

Errors are in units of the person's stature in the image, since detectors work on crops scaled to the person.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.lab.synthesis.body import BODY, SKELETON, TOE, J, skeleton_of
from pose3d_ros.lab.synthesis.cameras import Views
from pose3d_ros.lab.synthesis.rng import Rng

STATURE_M = 1.7
MEMORY_30HZ = 0.85  # share of the slow noise that is left in the next frame at 30 Hz
# of the joint's own noise to the mean; extremities move more and are smaller
JOINT_NOISE = {
    "ankle": 1.2,
    "wrist": 1.3,
    "elbow": 1.1,
    "knee": 1.0,
    "hip": 1.2,
    "shoulder": 0.9,
    "head_top": 1.2,
    "spine": 1.3,
    "toe": 1.4,
}


@dataclass(frozen=True)
class DetectorConfig:
    """Spreads as a share of the person's stature in the image."""

    noise_low: float = param(0.002, "least noise of a window", low=0, high=0.1)
    noise_high: float = param(0.016, "most noise of a window", low=0, high=0.1)
    bias: float = param(0.007, "constant offset of a joint: another definition of it", low=0, high=0.1)
    slow_low: float = param(0.5, "least share of the slow part in the variance of a window's noise", low=0, high=1)
    slow_high: float = param(0.5, "most share of it", low=0, high=1)
    outliers: float = param(0.01, "chance of a joint in a frame far off", low=0, high=1)
    swaps: float = param(0.06, "chance of a window with sides exchanged for a while", low=0, high=1)
    derived: float = param(
        0.6, "chance that trunk joints are built from hips and shoulders, as from COCO", low=0, high=1
    )
    headless: float = param(0.2, "chance that the head top is never given", low=0, high=1)
    footless: float = param(0.4, "chance that the toes are never given, as by COCO", low=0, high=1)
    borders: float = param(0.7, "chance that the image's border cuts people", low=0, high=1)

    __post_init__ = validate


# what the evaluation protocols use: one moderate detector, no exchanged sides, whole format
STANDARD = DetectorConfig(
    noise_low=0.006, noise_high=0.006, bias=0.005, outliers=0.005, swaps=0.0, derived=0.0, headless=0.0,
    footless=0.0, borders=0.0,
)  # fmt: skip
PERFECT = DetectorConfig(
    noise_low=0.0, noise_high=0.0, bias=0.0, outliers=0.0, swaps=0.0, derived=0.0, headless=0.0, footless=0.0,
    borders=0.0,
)  # fmt: skip


def true_rays(xyz: Tensor) -> Tensor:
    """x/z, y/z of (..., 3); what is behind the camera or within 10 cm of it gives NaN."""
    depth = torch.where(xyz[..., 2:] > 0.1, xyz[..., 2:], float("nan"))
    return xyz[..., :2] / depth


def detect(rng: Rng, views: Views, config: DetectorConfig, rate_hz: float = 30.0) -> tuple[Tensor, Tensor]:
    """Noisy rays (N, T, J, 2) and scores (N, T, J), 0 where the detector gives nothing."""
    rays = true_rays(views.xyz)
    count, frames, joints = rays.shape[:3]
    size = (STATURE_M / views.xyz[:, :, 0, 2].clamp(min=0.3))[:, :, None, None]
    error = _error(rng, count, frames, joints, config, MEMORY_30HZ ** (30.0 / rate_hz))
    exchanged = _exchange(rng, rays, config.swaps)
    cut = rng.chance(count, 1, 1, p=config.borders) & ~views.inside(rays)
    cut = cut & ((~cut).float().mean((1, 2), keepdim=True) > 0.2)  # a person cut away almost whole teaches nothing
    absent = cut | ~torch.isfinite(rays).all(-1)
    noisy = exchanged + error * size
    score = score_of(rng, error)
    score = torch.where(absent | ~torch.isfinite(noisy).all(-1), 0.0, score)
    return torch.where(score[..., None] > 0, noisy, 0.0), score


def detect_apart(
    rng: Rng, toes_rng: Rng, views: Views, config: DetectorConfig, rate_hz: float = 30.0
) -> tuple[Tensor, Tensor]:
    """As `detect`, toes with draws of their own: the other joints are seen as if there were no toes."""
    body = len(BODY)
    rays, score = detect(rng, replace(views, xyz=views.xyz[:, :, :body]), config, rate_hz)
    if views.xyz.shape[2] == body:
        return rays, score
    toes = views.xyz[:, :, [0, *range(body, views.xyz.shape[2])]]  # the pelvis tells the person's size
    toe_rays, toe_score = detect(toes_rng, replace(views, xyz=toes), config, rate_hz)
    return torch.cat((rays, toe_rays[:, :, 1:]), 2), torch.cat((score, toe_score[:, :, 1:]), 2)


def derive_trunk(rng: Rng, rays: Tensor, score: Tensor, config: DetectorConfig) -> tuple[Tensor, Tensor]:
    """As formats without trunk joints give it: pelvis, thorax, spine from hips and shoulders, missing with them."""
    count = rays.shape[0]
    built, built_score = rays.clone(), score.clone()
    for target, left, right in (("pelvis", "left_hip", "right_hip"), ("thorax", "left_shoulder", "right_shoulder")):
        built[:, :, J[target]] = (rays[:, :, J[left]] + rays[:, :, J[right]]) / 2
        built_score[:, :, J[target]] = score[:, :, J[left]].minimum(score[:, :, J[right]])
    built[:, :, J["spine"]] = torch.lerp(built[:, :, J["pelvis"]], built[:, :, J["thorax"]], SPINE_SHARE)
    built_score[:, :, J["spine"]] = built_score[:, :, J["pelvis"]].minimum(built_score[:, :, J["thorax"]])
    use = rng.chance(count, 1, 1, p=config.derived)
    headless = rng.chance(count, 1, p=config.headless)
    score = torch.where(use, built_score, score)
    score[:, :, J["head_top"]] = torch.where(headless, 0.0, score[:, :, J["head_top"]])
    if score.shape[2] == len(SKELETON) and config.footless:
        toes = list(TOE.values())
        footless = rng.chance(count, 1, 1, p=config.footless)
        score[:, :, toes] = torch.where(footless, 0.0, score[:, :, toes])
    return torch.where(use[..., None], built, rays), score


SPINE_SHARE = 0.59  # where the recordings' spine lies between pelvis and thorax


def _error(rng: Rng, count: int, frames: int, joints: int, config: DetectorConfig, memory: float) -> Tensor:
    """(N, T, J, 2) in statures: white and slowly changing noise, a constant, and outliers."""
    level = rng.log_uniform(count, 1, 1, 1, low=max(config.noise_low, 1e-9), high=max(config.noise_high, 1e-9))
    slow, white = _slow_and_white(rng, count, config)
    white = white * rng.normal(count, frames, joints, 2)
    slow = slow * correlated(rng.normal(count, frames, joints, 2), memory)
    error = level * _factors(joints, rng.device)[:, None] * (white + slow)
    error = error + rng.normal(count, 1, joints, 2, std=config.bias) * rng.uniform(count, 1, 1, 1, low=0.2, high=1.8)
    far = rng.chance(count, frames, joints, 1, p=config.outliers) * rng.normal(count, frames, joints, 2, std=0.06)
    return error + far


def _slow_and_white(rng: Rng, count: int, config: DetectorConfig) -> tuple[Tensor, Tensor]:
    """Spreads (N, 1, 1, 1) of the slow and of the white part, whose squares add up to 0.98."""
    if config.slow_low == config.slow_high:
        share = torch.full((count, 1, 1, 1), config.slow_low, device=rng.device)
    else:
        share = rng.uniform(count, 1, 1, 1, low=config.slow_low, high=config.slow_high)
    return (0.98 * share).sqrt(), (0.98 * (1 - share)).sqrt()


def _factors(joints: int, device: torch.device) -> Tensor:
    if joints not in (len(BODY), len(SKELETON)):
        return torch.ones(joints, device=device)
    names = SKELETON.joints[:joints]
    kinds = [name.split("_", 1)[-1] if name.startswith(("left_", "right_")) else name for name in names]
    return torch.tensor([JOINT_NOISE.get(kind, 0.8) for kind in kinds], device=device)


def correlated(white: Tensor, memory: float) -> Tensor:
    """First-order autoregressive noise along axis 1 with the spread of `white`; `memory` from frame to frame."""
    frames = white.shape[1]
    lag = torch.arange(frames, device=white.device)
    kernel = torch.where(lag[:, None] >= lag, memory ** (lag[:, None] - lag).clamp(min=0).float(), 0.0)
    kernel[:, 1:] *= (1 - memory**2) ** 0.5
    return torch.einsum("ts,nsjc->ntjc", kernel, white)


def _exchange(rng: Rng, rays: Tensor, chance: float) -> Tensor:
    """Left and right exchanged for some frames of some windows: all joints, or only arms, or only legs."""
    if chance == 0:
        return rays
    count, frames, joints = rays.shape[:3]
    start = rng.uniform(count, 1, 1, low=-0.5, high=1.0) * frames
    length = rng.uniform(count, 1, 1, low=0.1, high=0.7) * frames
    slot = torch.arange(frames, device=rays.device)[None, :, None]
    part = rng.integers(count, 1, 1, low=0, high=2)
    row = torch.arange(joints, device=rays.device)
    arms = (row >= J["left_shoulder"]) & (row <= J["right_wrist"])
    of_part = (part == 0) | ((part == 1) == arms)
    swap = (slot >= start) & (slot < start + length) & of_part & rng.chance(count, 1, 1, p=chance)
    mirrored = rays[:, :, torch.as_tensor(skeleton_of(rays).mirror, device=rays.device)]
    return torch.where(swap[..., None], mirrored, rays)


def score_of(rng: Rng, error: Tensor) -> Tensor:
    """Falls with the error, as detectors' scores do on average, scattered, with a spread of its own per window."""
    distance = error.norm(dim=-1)
    half = rng.log_uniform(error.shape[0], 1, 1, low=0.015, high=0.1)
    score = half / (half + distance) + rng.normal(*distance.shape, std=0.05)
    return score.clamp(0.05, 1.0)

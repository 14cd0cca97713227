"""Training windows of hands: generated motion -> camera -> detector -> occlusion -> guidance -> virtual camera."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.hand_camera import look_at_hand, normalise_hand
from pose3d_ros.guidance import GuidanceConfig, fill
from pose3d_ros.lab.synthesis import hand_motion, hand_occlusion, occlusion
from pose3d_ros.lab.synthesis.hand_detector import HandDetectorConfig, detect
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.windows import DrawnWindows


@dataclass(frozen=True)
class HandOcclusionConfig:
    """Chances of each kind per window; the rest of the windows is not occluded. A second kind joins in `twice`."""

    random: float = param(0.32, "random joints in every frame", low=0, high=1)
    fingers: float = param(0.18, "one to three whole fingers for 0.3 to 1.2 s", low=0, high=1)
    object: float = param(0.1, "an edge covers a part of the hand", low=0, high=1)
    burst: float = param(0.06, "groups of joints for 0.3 to 2 s", low=0, high=1)
    whole: float = param(0.1, "the whole hand for 0.2 to 1 s", low=0, high=1)
    lost_frames: float = param(0.06, "whole frames, up to 0.4 s", low=0, high=1)
    twice: float = param(0.25, "chance of a second kind on top", low=0, high=1)
    slow: float = param(0.3, "chance of a camera below the model's rate, down to 10 Hz", low=0, high=1)

    __post_init__ = validate


NO_OCCLUSION = HandOcclusionConfig(random=0, fingers=0, object=0, burst=0, whole=0, lost_frames=0, twice=0, slow=0)


@dataclass(frozen=True)
class HandWindowConfig:
    """Everything that makes a window."""

    frames: int = param(27, "slots of the window", low=1, high=351)
    rate_hz: float = param(30.0, "slots per second", unit="Hz", low=1, high=240)
    distance_low_m: float = param(0.35, "nearest hand", unit="m", low=0.2)
    distance_high_m: float = param(4.5, "farthest hand", unit="m", low=0.5)
    detector: HandDetectorConfig = field(default_factory=HandDetectorConfig)
    occlusion: HandOcclusionConfig = field(default_factory=HandOcclusionConfig)
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)

    __post_init__ = validate


def draw(rng: Rng, count: int, config: HandWindowConfig) -> DrawnWindows:
    """`count` windows of right hands."""
    xyz = before_camera(rng, hand_motion.draw(rng, count, config.frames, config.rate_hz), config)
    rays, score = detect(rng, xyz, config.detector, config.rate_hz)
    score = torch.where(hidden_joints(rng, rays, config), 0.0, score)
    return assemble(rays, score, xyz, config.guidance, torch.zeros(count, dtype=torch.bool, device=rng.device))


def assemble(rays: Tensor, score: Tensor, xyz: Tensor, guidance: GuidanceConfig, left: Tensor) -> DrawnWindows:
    """Guidance and normalisation: rays (N, T, 21, 2), score (N, T, 21), truth (N, T, 21, 3), left (N,)."""
    filled, confidence = fill(rays, score, guidance)
    camera = look_at_hand(filled[:, -1], confidence[:, -1], left)
    coordinates = normalise_hand(camera, filled, confidence)
    targets = camera.from_camera(xyz - xyz[:, :, :1])
    return DrawnWindows(torch.cat((coordinates, confidence[..., None]), -1), targets, score > 0, camera=camera)


def before_camera(rng: Rng, hands: Tensor, config: HandWindowConfig) -> Tensor:
    """Hands (N, T, 21, 3) put anywhere into the image, never nearer than 15 cm. They are turned any way already."""
    count = hands.shape[0]
    distance = rng.log_uniform(count, 1, low=config.distance_low_m, high=config.distance_high_m)
    aside = rng.uniform(count, 2, low=-1.0, high=1.0) * torch.tensor((0.9, 0.6), device=hands.device)
    aside = aside * rng.uniform(count, 1, low=0.3, high=1.0)
    ray = torch.cat((aside, torch.ones_like(aside[:, :1])), -1)
    xyz = hands + (ray / ray.norm(dim=-1, keepdim=True) * distance)[:, None, None]
    nearest = xyz[..., 2].amin((1, 2)).clamp(max=0.15)
    return xyz + (0.15 - nearest)[:, None, None, None] * xyz.new_tensor((0.0, 0.0, 1.0))


def hidden_joints(rng: Rng, rays: Tensor, config: HandWindowConfig) -> Tensor:
    """bool (N, T, 21): hidden by the kinds of occlusion that `config.occlusion` has chances for."""
    chances = config.occlusion
    hidden = _one_kind(rng, rays, config)
    if chances.twice:
        hidden = hidden | (_one_kind(rng, rays, config) & rng.chance(rays.shape[0], 1, 1, p=chances.twice))
    if chances.slow:
        count = rays.shape[0]
        share = torch.where(rng.chance(count, p=chances.slow), rng.uniform(count, low=0.3, high=1.0), 1.0)
        hidden = hidden | occlusion.slower(rng, rays, share)
    return hidden


def _one_kind(rng: Rng, rays: Tensor, config: HandWindowConfig) -> Tensor:
    joints, rate = rays.shape[2], config.rate_hz
    return occlusion.one_kind(rng, rays, config.occlusion, {
        "random": lambda r: occlusion.random(rng, r, rng.integers(r.shape[0], low=2, high=joints - 3)),
        "fingers": lambda r: hand_occlusion.fingers(rng, r, rate),
        "object": lambda r: hand_occlusion.behind_object(rng, r, rate),
        "burst": lambda r: occlusion.burst(rng, r, rate),
        "whole": lambda r: hand_occlusion.whole(rng, r, rate),
        "lost_frames": lambda r: occlusion.lost_frames(rng, r, rate),
    })  # fmt: skip

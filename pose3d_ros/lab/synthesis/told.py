"""What a training window is told beside its keypoints: gravity, the camera's height, the person's bones; or not."""

from dataclasses import dataclass

import torch

from pose3d_ros.core.config import param, validate
from pose3d_ros.lab.synthesis.body import skeleton_of
from pose3d_ros.lab.synthesis.cameras import Views
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models.conditions import NAMES, Told, bone_lengths

UNKNOWN = float("nan")


@dataclass(frozen=True)
class ToldConfig:
    """Chances per window that something is known, and how well."""

    gravity: float = param(0.6, "chance that gravity is known", low=0, high=1)
    gravity_low_deg: float = param(0.3, "least error of its direction (1 sigma)", unit="deg", low=0, high=45)
    gravity_high_deg: float = param(4.0, "largest error of its direction (1 sigma)", unit="deg", low=0, high=45)
    height: float = param(0.6, "chance that the camera's height is known too, where gravity is", low=0, high=1)
    height_spread: float = param(0.03, "error of the height, as a share of it (1 sigma)", low=0, high=1)
    size: float = param(0.8, "chance that a windowed lifter is told the angle that the person fills", low=0, high=1)
    bones: float = param(0.55, "chance that the person's bones are known", low=0, high=1)
    bone: float = param(0.85, "chance of each of them, where they are", low=0, high=1)
    bones_low_m: float = param(0.008, "least error of a known length (1 sigma)", unit="m", low=0, high=1)
    bones_high_m: float = param(0.08, "largest error of a known length (1 sigma)", unit="m", low=0, high=1)

    __post_init__ = validate


NOTHING = ToldConfig(gravity=0, height=0, size=0, bones=0)
# for evaluation: a camera whose pose is in TF, and a person who was measured
EVERYTHING = ToldConfig(
    gravity=1, gravity_low_deg=1.0, gravity_high_deg=1.0, height=1, height_spread=0.02, size=1, bones=1,
    bone=1, bones_low_m=0.01, bones_high_m=0.01,
)  # fmt: skip


def tell(rng: Rng, views: Views, config: ToldConfig) -> Told:
    """What is known of N windows; errors stay the same within a window."""
    count = len(views.xyz)
    angle = torch.deg2rad(rng.log_uniform(count, 1, 1, low=config.gravity_low_deg, high=config.gravity_high_deg))
    up = views.up + angle * rng.normal(count, 1, 3)
    up = up / up.norm(dim=-1, keepdim=True)
    gravity = rng.chance(count, p=config.gravity)
    height_m = views.height_m * (1 + rng.normal(count, std=config.height_spread))
    height_m = torch.where(gravity & rng.chance(count, p=config.height), height_m, UNKNOWN)
    true_m = bone_lengths(views.xyz, skeleton_of(views.xyz)).mean(1)
    sigma_m = rng.log_uniform(count, 1, low=config.bones_low_m, high=config.bones_high_m)
    sigma_m = sigma_m * rng.log_uniform(count, len(NAMES), low=0.7, high=1.4)
    bones_m = true_m + sigma_m * rng.normal(count, len(NAMES))
    known = rng.chance(count, 1, p=config.bones) & rng.chance(count, len(NAMES), p=config.bone)
    up, bones_m = torch.where(gravity[:, None, None], up, UNKNOWN), torch.where(known, bones_m, UNKNOWN)
    return Told(up, height_m, bones_m, sigma_m, rng.chance(count, p=config.size))

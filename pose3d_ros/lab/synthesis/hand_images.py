"""HandScenes as the subject of images: generated motion. Right hands only: a left one is shown mirrored."""

import torch
from torch import Tensor

from pose3d_ros.geometry.hand import SKELETON
from pose3d_ros.lab.synthesis import hand_motion, hand_windows
from pose3d_ros.lab.synthesis.capsules import View
from pose3d_ros.lab.synthesis.hand_detector import LENGTH_M, detect
from pose3d_ros.lab.synthesis.hand_render import render
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Scene
from pose3d_ros.lab.synthesis.render import Images, RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng


class HandScenes:
    """A `Subject`."""

    skeleton = SKELETON
    length_m = LENGTH_M
    pck_m = 0.02

    def scene(self, rng: Rng, count: int, config: ImageWindowConfig) -> Scene:
        """HandScenes (N, T, 21, 3) anywhere in the image; some of them reach out of it."""
        motion = hand_motion.draw(rng, count, config.frames, config.rate_hz)
        xyz = hand_windows.before_camera(rng, motion, config)
        return Scene(xyz, _border(rng, xyz, config.cut))

    def detect(self, rng: Rng, scene: Scene, config: ImageWindowConfig) -> tuple[Tensor, Tensor]:
        """Noisy rays (N, T, 21, 2) and scores (N, T, 21), 0 where there is no keypoint."""
        rays, score = detect(rng, scene.xyz, config.detector, config.rate_hz)
        hidden = hand_windows.hidden_joints(rng, rays, config)
        if scene.border is not None:
            hidden = hidden | (rays.abs() > scene.border[:, None, None]).any(-1)
        return rays, torch.where(hidden, 0.0, score)

    def render(self, rng: Rng, xyz: Tensor, view: View, config: RenderConfig) -> Images:
        """HandScenes (N, T, 21, 3) as seen in the crops `view` of N * T images."""
        left = torch.zeros(len(xyz), dtype=torch.bool, device=xyz.device)
        return render(rng, xyz, left, view, config)


def _border(rng: Rng, xyz: Tensor, chance: float) -> Tensor:
    """(N, 2): where the image ends, through some hands (N, T, 21, 3), of which the larger part is inside."""
    rays = (xyz[..., :2] / xyz[..., 2:].clamp(min=0.05)).abs().flatten(1, 2)
    inner, outer = rays.quantile(0.5, dim=1), rays.amax(1)
    ends = torch.lerp(inner, outer, rng.uniform(len(xyz), 2))
    side = torch.arange(2, device=xyz.device) == rng.chance(len(xyz), 1, p=0.5).long()
    return torch.where(side & rng.chance(len(xyz), 1, p=chance), ends, torch.inf)


HANDS = HandScenes()

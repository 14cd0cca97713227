"""Hands as the subject of pictures: generated motion. Right hands only: a left one is shown mirrored."""

import torch
from torch import Tensor

from pose3d_ros.geometry.hand import SKELETON
from pose3d_ros.synthesis import hand_motion, hand_windows
from pose3d_ros.synthesis.capsules import View
from pose3d_ros.synthesis.hand_detector import LENGTH_M, detect
from pose3d_ros.synthesis.hand_render import render
from pose3d_ros.synthesis.picture_config import PictureWindowConfig, Scene
from pose3d_ros.synthesis.render import Pictures, RenderConfig
from pose3d_ros.synthesis.rng import Rng


class Hands:
    """A `Subject`."""

    skeleton = SKELETON
    length_m = LENGTH_M
    pck_m = 0.02

    def scene(self, rng: Rng, count: int, config: PictureWindowConfig) -> Scene:
        """Hands (N, T, 21, 3) anywhere in a picture without borders."""
        motion = hand_motion.draw(rng, count, config.frames, config.rate_hz)
        return Scene(hand_windows.before_camera(rng, motion, config), None)

    def detect(self, rng: Rng, scene: Scene, config: PictureWindowConfig) -> tuple[Tensor, Tensor]:
        """Noisy rays (N, T, 21, 2) and scores (N, T, 21), 0 where there is no keypoint."""
        rays, score = detect(rng, scene.xyz, config.detector, config.rate_hz)
        return rays, torch.where(hand_windows.hidden_joints(rng, rays, config), 0.0, score)

    def render(self, rng: Rng, xyz: Tensor, view: View, config: RenderConfig) -> Pictures:
        """Hands (N, T, 21, 3) as seen in the crops `view` of N * T pictures."""
        left = torch.zeros(len(xyz), dtype=torch.bool, device=xyz.device)
        return render(rng, xyz, left, view, config)


HANDS = Hands()

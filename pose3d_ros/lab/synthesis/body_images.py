"""People as the subject of images: recorded motion, widened for training, before the cameras of robots."""

from dataclasses import replace

import torch
from torch import Tensor

from pose3d_ros.lab.synthesis.augmentation import widen
from pose3d_ros.lab.synthesis.body import BODY
from pose3d_ros.lab.synthesis.body_render import render
from pose3d_ros.lab.synthesis.cameras import Views, view
from pose3d_ros.lab.synthesis.capsules import View
from pose3d_ros.lab.synthesis.detector import STATURE_M, derive_trunk, detect
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Scene
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.render import Images, RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.windows import hidden_joints

NEAREST_M = 0.3
LEAST_INSIDE = 0.3  # share of the joints; images that show less of a person teach nothing


class Bodies:
    """A `Subject`: the people of `motion`, `widened` to other bodies and poses or as they were recorded."""

    skeleton = BODY
    length_m = STATURE_M
    pck_m = 0.15

    def __init__(self, motion: MotionSet, widened: bool = True):
        self.motion, self.widened = motion, widened

    def scene(self, rng: Rng, count: int, config: ImageWindowConfig) -> Scene:
        """People (N, T, 17, 3) before cameras; nothing of them nearer than 30 cm."""
        body = config.body
        speed = rng.log_uniform(count, low=0.75, high=1.35)
        joints, root = self.motion.sample(rng, count, config.frames, config.rate_hz, speed)
        if self.widened:
            joints, root = widen(rng, joints, root, body.widen)
        views = view(rng, joints, root, body.camera)
        nearest = views.xyz[..., 2].amin((1, 2)).clamp(max=NEAREST_M)
        xyz = views.xyz + (NEAREST_M - nearest)[:, None, None, None] * views.xyz.new_tensor((0.0, 0.0, 1.0))
        placed = replace(views, xyz=xyz)
        inside = placed.inside(xyz[..., :2] / xyz[..., 2:]).float().mean((1, 2))
        ends = rng.chance(count, p=body.detector.borders) & (inside > LEAST_INSIDE)
        border = torch.stack((views.half_width, views.half_height), -1)
        return Scene(xyz, torch.where(ends[:, None], border, torch.inf))

    def detect(self, rng: Rng, scene: Scene, config: ImageWindowConfig) -> tuple[Tensor, Tensor]:
        """Noisy rays (N, T, 17, 2) and scores (N, T, 17), 0 where there is no keypoint."""
        body = config.body
        views = Views(scene.xyz, *scene.border.unbind(-1))
        # the scene says already which images have a border
        rays, score = detect(rng, views, replace(body.detector, borders=1.0), config.rate_hz)
        score = torch.where(hidden_joints(rng, rays, body.occlusion, config.rate_hz), 0.0, score)
        return derive_trunk(rng, rays, score, body.detector)

    def render(self, rng: Rng, xyz: Tensor, view: View, config: RenderConfig) -> Images:
        """People (N, T, 17, 3) as seen in the crops `view` of N * T images."""
        return render(rng, xyz, view, config)

"""Rendered people: joints lie in their bodies, what covers what, faces and feet; windows of them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pose3d_testing.agreement import assert_agreement

from pose3d_ros.geometry.crop import imagenet
from pose3d_ros.lab.synthesis import image_windows, motion
from pose3d_ros.lab.synthesis.body import BODY, J
from pose3d_ros.lab.synthesis.body_images import Bodies
from pose3d_ros.lab.synthesis.body_render import _build, render
from pose3d_ros.lab.synthesis.body_solid import DARK, HAIR, SHOES, SKIN, frame, solid
from pose3d_ros.lab.synthesis.cameras import VirtualCameraConfig
from pose3d_ros.lab.synthesis.capsules import NOTHING, Capsules, View, trace
from pose3d_ros.lab.synthesis.detector import PERFECT
from pose3d_ros.lab.synthesis.image_config import BodySceneConfig, ImageWindowConfig
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.windows import NO_OCCLUSION

SAMPLE = Path(__file__).parents[2] / "data" / "motion_sample.npz"
SMALL = RenderConfig(width=24, height=32, samples=1)
PLAIN = RenderConfig(width=48, height=64, samples=1, held=0, before=0, pasted=0, blurred=0, second=0, alike=0)
CONFIG = ImageWindowConfig(frames=3, render=SMALL)
WHOLE = BodySceneConfig(
    camera=VirtualCameraConfig(distance_low_m=3.0, centred=True), detector=PERFECT, occlusion=NO_OCCLUSION
)


@pytest.fixture(scope="module")
def subject():
    return Bodies(motion.load([SAMPLE]))


@pytest.fixture(scope="module")
def people(subject):
    """(12, 2, 17, 3) before cameras, whole in the image."""
    return subject.scene(Rng(3), 12, ImageWindowConfig(frames=2, body=WHOLE)).xyz


def around(xyz, factor=1.4):
    rays = (xyz[..., :2] / xyz[..., 2:]).flatten(0, 1)
    low, high = rays.amin(1), rays.amax(1)
    return View((low + high) / 2, factor * ((high - low) / 2 / torch.tensor([0.75, 1.0])).amax(-1))


def test_joints_lie_inside_of_their_body(people):
    xyz = people[:, 0]
    body = solid(xyz, _build(Rng(1), 12, PLAIN))
    axis = (body.b - body.a)[:, None]
    out = xyz[:, :, None] - body.a[:, None]
    place = ((out * axis).sum(-1) / (axis**2).sum(-1).clamp(min=1e-9)).clamp(0, 1)
    depth = (body.radius[:, None] - (out - place[..., None] * axis).norm(dim=-1)).amax(-1)
    crown = torch.arange(17) == J["head_top"]  # of bald people the joint is where their hair would be
    assert depth[:, ~crown].min() > -1e-3
    assert depth[:, crown].min() > -0.03


def test_joints_are_drawn_where_they_project(people):
    xyz = people[:, 0]
    body, view = solid(xyz, _build(Rng(1), 12, PLAIN)), around(people[:, :1])
    hits = trace(Capsules(*body[:3]), view, 64, 48)
    column, row = ((view.project(xyz) * 32 + torch.tensor([24.0, 32.0])).long()).unbind(-1)
    limbs = [J[name] for name in BODY.joints if name != "head_top"]
    depth = hits.depth[torch.arange(12)[:, None], 0, row[:, limbs], column[:, limbs]]
    assert (depth < NOTHING).float().mean() > 0.98
    assert (depth < xyz[:, limbs, 2] + 0.02)[depth < NOTHING].float().mean() > 0.98


def test_eyes_and_toes_are_in_front_of_standing_people():
    """Joints of a person who stands upright and looks away from the camera's z axis."""
    rest = motion.load([SAMPLE]).joints[:1] @ torch.tensor([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]).T
    body, axes = solid(rest, _build(Rng(2), 1, PLAIN)), frame(rest)
    skull = body.a[:, (body.first == SKIN).nonzero()[0]]
    eyes, shoes = body.a[:, body.first == DARK], body.b[:, body.first == SHOES] - body.a[:, body.first == SHOES]
    hair = body.b[:, (body.first == HAIR).nonzero()[0]]
    assert eyes.shape[1] == 2
    assert (((eyes - skull) * axes.forward[:, None]).sum(-1) > 0.03).all()
    assert (((hair - skull) * axes.forward[:, None]).sum(-1) < 0).all()
    assert ((shoes * axes.forward[:, None]).sum(-1) > 0.0).all()


def test_images_have_size_and_range_and_follow_the_seed(people):
    view = around(people)
    first, again, other = (render(Rng(seed), people, view, SMALL) for seed in (1, 1, 2))
    assert first.rgb.shape == (12, 2, 3, 32, 24)
    assert 0 <= first.rgb.min() < first.rgb.max() <= 1
    assert torch.equal(first.rgb, again.rgb)
    assert not torch.equal(first.rgb, other.rgb)
    assert first.inside.all()


@pytest.mark.parametrize("kind", ["before", "second", "pasted"])
def test_things_and_others_in_front_cover_joints_and_nothing_else_does(people, kind):
    view = around(people)
    assert not render(Rng(0), people, view, PLAIN).covered.any()
    covered = render(Rng(0), people, view, replace(PLAIN, **{kind: 1})).covered
    assert 0.01 < covered.float().mean() < 0.9


def test_keypoints_truth_and_crop_agree(subject):
    config = ImageWindowConfig(frames=2, render=PLAIN, body=WHOLE, by_keypoints=1.0)
    drawn = image_windows.draw(Rng(5), 6, config, subject)
    assert_agreement(drawn, PLAIN)


def test_windows_are_finite_and_hidden_joints_are_zero(subject):
    drawn = image_windows.draw(Rng(6), 16, CONFIG, subject)
    assert all(torch.isfinite(part).all() for part in drawn)
    assert drawn.image.shape == (16, 3, 3, 32, 24)
    hidden = drawn.score == 0
    assert hidden.any()
    assert (drawn.xy_px[hidden] == 0).all()


def test_beyond_the_cameras_border_images_are_black_and_joints_have_no_keypoints(subject):
    near = VirtualCameraConfig(distance_low_m=0.9, distance_high_m=1.2)
    body = BodySceneConfig(camera=near, detector=replace(PERFECT, borders=1.0), occlusion=NO_OCCLUSION)
    config = ImageWindowConfig(frames=1, render=PLAIN, body=body)
    scene = subject.scene(Rng(8), 16, config)
    ends = torch.isfinite(scene.border).all(-1)
    assert ends.any()
    outside = ((scene.xyz[..., :2] / scene.xyz[..., 2:]).abs() > scene.border[:, None, None]).any(-1)
    assert outside[ends].any()
    _, score = subject.detect(Rng(1), scene, config)
    assert not score[outside].any()
    drawn = image_windows.draw(Rng(8), 16, config, subject)
    black = imagenet(torch.zeros(1, 3, 1, 1))
    dark = (drawn.image[:, 0] == black).all(1)
    assert dark.flatten(1).any(1).any()
    # keypoints lie where there is an image, up to the border's own pixel
    column, row = drawn.xy_px[:, 0].round().long().unbind(-1)
    seen = (drawn.score[:, 0] > 0) & (column > 0) & (column < 47) & (row > 0) & (row < 63)
    number = torch.arange(16)[:, None].expand_as(row)
    assert not dark[number[seen], row[seen], column[seen]].float().mean() > 0.02

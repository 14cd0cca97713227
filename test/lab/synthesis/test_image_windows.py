"""Rendered hands: what covers what, sides, seeds; and windows of them: crops, keypoints and truth agree."""

from dataclasses import replace

import pytest
import torch
from pose3d_testing.agreement import assert_agreement

from pose3d_ros.geometry.crop import imagenet
from pose3d_ros.geometry.hand import TIPS, palm_axes
from pose3d_ros.geometry.skeleton_image import DEFAULT
from pose3d_ros.lab.synthesis import hand_motion, image_windows
from pose3d_ros.lab.synthesis.capsules import NOTHING, Capsules, View, trace
from pose3d_ros.lab.synthesis.detector import true_rays
from pose3d_ros.lab.synthesis.hand_detector import PERFECT
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.hand_render import render
from pose3d_ros.lab.synthesis.hand_solid import backs, solid
from pose3d_ros.lab.synthesis.hand_windows import NO_OCCLUSION
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig
from pose3d_ros.lab.synthesis.image_windows import pose_input
from pose3d_ros.lab.synthesis.render import Drawn, RenderConfig, another, moved
from pose3d_ros.lab.synthesis.rng import Rng

SMALL = RenderConfig(width=24, height=32, samples=1)
PLAIN = RenderConfig(width=48, height=64, samples=1, sleeve=0, held=0, before=0, pasted=0, blurred=0, second=0, alike=0)
CONFIG = ImageWindowConfig(frames=3, render=SMALL)


def hands(count=4, frames=1):
    return hand_motion.draw(Rng(3), count, frames, 30.0) + torch.tensor([0.1, 0.0, 0.8])


def around(xyz, factor=1.3):
    rays = (xyz[..., :2] / xyz[..., 2:]).flatten(0, 1)
    low, high = rays.amin(1), rays.amax(1)
    return View((low + high) / 2, factor * ((high - low) / 2 / torch.tensor([0.75, 1.0])).amax(-1))


def disc(view):
    """Layers with a disc in the middle, of another colour in each."""
    v, u = torch.meshgrid(torch.arange(64.0) - 31.5, torch.arange(48.0) - 23.5, indexing="ij")
    alpha = ((u**2 + v**2).sqrt() < 14).float().expand(len(view.centre), 1, 64, 48)
    paint = torch.linspace(0.1, 0.9, len(alpha))[:, None, None, None]
    return Drawn(paint.expand(-1, 3, 64, 48).clone(), alpha.clone(), torch.full((len(alpha), 64, 48), NOTHING))


def test_images_have_size_and_range_and_follow_the_seed():
    xyz = hands(3, 2)
    left = torch.tensor([False, True, False])
    first, again, other = (render(Rng(seed), xyz, left, around(xyz), SMALL) for seed in (1, 1, 2))
    assert first.rgb.shape == (3, 2, 3, 32, 24)
    assert 0 <= first.rgb.min() < first.rgb.max() <= 1
    assert torch.equal(first.rgb, again.rgb)
    assert not torch.equal(first.rgb, other.rgb)
    assert first.inside.all()


def test_joints_lie_inside_of_their_hand():
    xyz = hands(6)[:, 0]
    forearm = torch.tensor([[-1.0, 0, 0]]).expand(6, 3)
    body = solid(xyz, torch.zeros(6, dtype=torch.bool), torch.ones(6), forearm, torch.ones(6))
    axis = (body.b - body.a)[:, None]
    out = xyz[:, :, None] - body.a[:, None]
    place = ((out * axis).sum(-1) / (axis**2).sum(-1).clamp(min=1e-9)).clamp(0, 1)
    depth = body.radius[:, None] - (out - place[..., None] * axis).norm(dim=-1)
    assert depth.amax(-1).min() > -1e-3


def test_no_finger_is_lost_where_much_overlaps():
    """Every joint is drawn where it projects: tiles with many capsules must not drop those that lie behind others."""
    xyz, left = hands(24), torch.zeros(24, dtype=torch.bool)
    body = solid(xyz[:, 0], left, torch.ones(24), torch.tensor([[-1.0, 0, 0]]).expand(24, 3), torch.ones(24))
    view = around(xyz)
    hits = trace(Capsules(*body[:3]), view, 64, 48)
    column, row = (view.project(xyz[:, 0]) * 32 + torch.tensor([24.0, 32.0])).long().unbind(-1)
    inner = [joint for joint in range(21) if joint not in TIPS]
    depth = hits.depth[torch.arange(24)[:, None], 0, row[:, inner], column[:, inner]]
    assert (depth < NOTHING).float().mean() > 0.995


def test_nails_are_on_the_back_of_both_hands():
    xyz = hands(8)[:, 0]
    mirrored = xyz * torch.tensor([-1.0, 1.0, 1.0])
    right, left = torch.zeros(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool)
    torch.testing.assert_close(
        backs(mirrored, left) * torch.tensor([-1.0, 1.0, 1.0]), backs(xyz, right), atol=1e-4, rtol=0
    )
    axes, _ = palm_axes(xyz, right)
    straight = xyz[:, 8] - xyz[:, 5]  # the index finger
    along = (straight / straight.norm(dim=-1, keepdim=True) * axes[:, :, 0]).sum(-1)
    outward = -(backs(xyz, right)[:, 1] * axes[:, :, 2]).sum(-1)
    assert (along > 0.8).any()
    assert (outward[along > 0.8] > 0.3).all()


def test_a_thing_in_front_covers_joints_and_nothing_else_does():
    xyz = hands(24)
    left = torch.zeros(24, dtype=torch.bool)
    assert not render(Rng(0), xyz, left, around(xyz), PLAIN).covered.any()
    blocked = RenderConfig(width=48, height=64, samples=1, held=0, before=1, pasted=0, blurred=0)
    covered = render(Rng(0), xyz, left, around(xyz), blocked).covered
    assert 0.05 < covered.float().mean() < 0.9


def test_moved_while_taken_is_soft_and_stays_in_place():
    xyz = hands(12)
    view = around(xyz)
    still = disc(view)
    rgb, alpha = moved(Rng(1), still, xyz, view, replace(PLAIN, blurred=1.0))
    assert alpha.diff(dim=-1).abs().amax() < still.alpha.diff(dim=-1).abs().amax()
    assert alpha.sum() == pytest.approx(float(still.alpha.sum()), rel=0.05)
    places = torch.arange(48.0)
    centres = [(each.sum((1, 2)) * places).sum(1) / each.sum((1, 2, 3)) for each in (alpha, still.alpha)]
    torch.testing.assert_close(*centres, atol=1.5, rtol=0)
    assert torch.isfinite(rgb).all()


def test_a_hand_that_crosses_the_image_is_blurred_along_its_way_though_crops_follow_it():
    xyz = hands(4)[:, :1] + 0.05 * torch.arange(3.0)[:, None, None] * torch.tensor((1.0, 0.0, 0.0))
    view = around(xyz)
    still = disc(view)
    _, alpha = moved(Rng(1), still, xyz, view, replace(PLAIN, blurred=1.0))
    wider, higher = ((alpha.amax(dim) > 0).sum(-1) - (still.alpha.amax(dim) > 0).sum(-1) for dim in (2, 3))
    assert wider.min() >= 2
    assert higher.abs().max() == 0


def test_another_hand_is_behind_and_never_in_front():
    drawn = disc(around(hands(12)))
    mean = torch.full((12, 1, 3), 0.5)
    grey = torch.full_like(drawn.rgb, 0.5)
    behind = another(Rng(2), grey, drawn.rgb, drawn.alpha, mean, 1.0)
    changed = ((behind - grey).abs().amax(1) > 0.02).flatten(1).float().mean(1)
    assert (changed > 0.02).float().mean() > 0.6
    both = torch.lerp(behind, drawn.rgb, drawn.alpha)
    own = drawn.alpha.expand_as(both) == 1
    assert torch.equal(both[own], drawn.rgb[own])


def test_another_hand_stays_the_same_one_in_all_frames_of_a_window():
    drawn = disc(around(hands(12)))
    frames = 3
    layers = [each.repeat_interleave(frames, 0) for each in (torch.full_like(drawn.rgb, 0.5), drawn.rgb, drawn.alpha)]
    behind = another(Rng(2), *layers, torch.full((12, frames, 3), 0.5), 0.5).unflatten(0, (12, frames))
    torch.testing.assert_close(behind[:, 1:], behind[:, :1].expand(-1, frames - 1, -1, -1, -1))
    assert 0.1 < (behind[:, 0] != 0.5).flatten(1).any(1).float().mean() < 0.9


def test_a_cut_hand_has_no_keypoints_where_the_image_ends():
    config = ImageWindowConfig(render=PLAIN, cut=1.0)
    scene = HANDS.scene(Rng(3), 64, config)
    rays = true_rays(scene.xyz).abs()
    beyond = (rays > scene.border[:, None, None]).any(-1)
    assert 0.05 < beyond.float().mean() < 0.5
    _, score = HANDS.detect(Rng(4), scene, config)
    assert (score > 0).any()
    found, _ = HANDS.detect(Rng(4), scene._replace(border=None), config)
    assert (found[beyond] > 0).any()
    image = image_windows.draw(Rng(3), 64, config, HANDS).image
    black = (image - imagenet(torch.zeros(1, 3, 1, 1))).abs().amax(2) < 1e-4
    assert black.flatten(1).float().mean(1).quantile(0.5) > 0.02


def test_the_nearer_finger_hides_the_other():
    """The hand seen from the front and from behind: the same outline, other surfaces."""
    xyz = hands(1)
    middle = xyz.mean((1, 2), keepdim=True)
    turned = middle + (xyz - middle) * torch.tensor([-1.0, 1.0, -1.0])
    left = torch.zeros(1, dtype=torch.bool)
    front, back = (render(Rng(4), each, left, around(each), PLAIN).rgb[0, 0] for each in (xyz, turned))
    assert (front - back.flip(-1)).abs().mean() > 0.02


def test_keypoints_truth_and_crop_agree():
    config = ImageWindowConfig(
        frames=2, render=PLAIN, detector=PERFECT, occlusion=NO_OCCLUSION, by_keypoints=1.0, distance_low_m=0.8, cut=0
    )
    drawn = image_windows.draw(Rng(5), 6, config, HANDS)
    assert_agreement(drawn, PLAIN)


def test_windows_are_finite_and_hidden_joints_are_zero():
    drawn = image_windows.draw(Rng(6), 8, CONFIG, HANDS)
    assert all(torch.isfinite(part).all() for part in drawn)
    assert drawn.image.shape == (8, 3, 3, 32, 24)
    hidden = drawn.score == 0
    assert hidden.any()
    assert (drawn.xy_px[hidden] == 0).all()
    assert drawn.image.min() >= float(imagenet(torch.zeros(1, 3, 1, 1)).min()) - 1e-5


@pytest.mark.parametrize(
    ("kind", "shape"), [("image", (3, 32, 24)), ("heatmaps", (21, 32, 24)), ("coordinates", (21, 3))]
)
def test_a_keypoint_is_at_its_place_in_every_form(kind, shape):
    xy, score = torch.zeros(1, 2, 21, 2), torch.zeros(1, 2, 21)
    xy[0, 1, 8], score[0, 1, 8] = torch.tensor([6.0, 20.0]), 0.5
    made = pose_input(kind, xy, score, SMALL, DEFAULT, HANDS.skeleton)
    assert made.shape == (1, 2, *shape)
    assert not made[0, 0].any()
    if kind == "coordinates":
        torch.testing.assert_close(made[0, 1, 8], torch.tensor([13 / 24 - 1, 41 / 32 - 1, 0.5]))
    else:
        at = made[0, 1].sum(0).argmax()
        assert (int(at) // 24, int(at) % 24) == (20, 6)
        assert made.max() == pytest.approx(0.5, abs=0.01)

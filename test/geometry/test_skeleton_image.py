"""Skeleton images: half pixels, gradients, confidence, borders; numpy and torch draw the same."""

import numpy as np
import pytest
import torch

from pose3d_ros.core import formats
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig, draw_skeletons, palette

HAND = formats.get("hand21")
POINT = SkeletonImageConfig(joint_radius=0.25 / 64, bone_radius=0.25 / 64)  # a quarter of a pixel of 64


def alone(joint, xy, score=1.0, skeleton=HAND):
    """Keypoints of one skeleton of which only one joint is given."""
    points, scores = np.full((1, len(skeleton), 2), np.nan, np.float32), np.zeros((1, len(skeleton)), np.float32)
    points[0, joint], scores[0, joint] = xy, score
    return points, scores


@pytest.mark.parametrize("at", [(10, 20), (0, 0), (47, 63)])
def test_a_joint_at_the_centre_of_a_pixel_lights_that_pixel_alone(at):
    image = draw_skeletons(*alone(4, at), HAND, 48, 64, POINT)[0]
    lit = np.argwhere(image.any(0))
    np.testing.assert_array_equal(lit, [[at[1], at[0]]])


def test_a_joint_is_symmetric_about_its_pixel_and_a_half_pixel_moves_it_by_half():
    config = SkeletonImageConfig(joint_radius=3.2 / 64)
    image = draw_skeletons(*alone(4, (20, 30)), HAND, 48, 64, config)[0].sum(0)
    around = image[30 - 6 : 30 + 7, 20 - 6 : 20 + 7]
    np.testing.assert_allclose(around, around[::-1], atol=1e-6)
    np.testing.assert_allclose(around, around.T, atol=1e-6)
    moved = draw_skeletons(*alone(4, (20.5, 30)), HAND, 48, 64, config)[0].sum(0)
    assert (moved.sum(0) @ np.arange(48)) / moved.sum() == pytest.approx(20.5, abs=1e-3)


def test_a_bone_runs_from_one_colour_to_the_other():
    points, scores = alone(1, (5, 20))
    points[0, 2], scores[0, 2] = (40, 20), 1.0
    config = SkeletonImageConfig(joint_radius=0.001, bone_radius=1.2 / 64)
    row = draw_skeletons(points, scores, HAND, 48, 64, config)[0][:, 20]
    a, b = palette(21)[1:3]
    for x, share in ((12, 0.2), (22.5, 0.5), (33, 0.8)):
        seen = (row[:, int(x)] + row[:, int(np.ceil(x))]) / 2
        np.testing.assert_allclose(seen, a + share * (b - a), atol=0.01)
    assert not row[:, :3].any()
    assert not row[:, 43:].any()


def test_confidence_is_opacity_and_weak_joints_are_left_out():
    full = draw_skeletons(*alone(7, (20, 30)), HAND, 48, 64)
    half = draw_skeletons(*alone(7, (20, 30), 0.5), HAND, 48, 64)
    np.testing.assert_allclose(half, full / 2, atol=1e-6)
    assert not draw_skeletons(*alone(7, (20, 30), 0.09), HAND, 48, 64).any()


def test_a_bone_is_drawn_only_where_both_ends_are_known():
    points, scores = alone(5, (10, 10))
    points[0, 6], scores[0, 6] = (40, 50), 0.05
    image = draw_skeletons(points, scores, HAND, 48, 64)[0]
    assert not image[:, 20:].any()
    assert image[:, :20].any()


@pytest.mark.parametrize("name", formats.names())
def test_every_format_is_drawn_the_same_by_numpy_and_torch(name):
    skeleton = formats.get(name)
    rng = np.random.default_rng(3)
    points = rng.uniform(-60, 140, (4, len(skeleton), 2)).astype(np.float32)  # inside and outside of 70 x 90
    scores = rng.uniform(0, 1.2, (4, len(skeleton))).astype(np.float32)
    points[1, ::5], points[2, 1] = np.nan, (1e9, 3.0)
    drawn = draw_skeletons(points, scores, skeleton, 70, 90)
    torched = draw_skeletons(torch.from_numpy(points), torch.from_numpy(scores), skeleton, 70, 90)
    assert drawn.shape == (4, 3, 90, 70)
    assert drawn.dtype == np.float32
    assert torched.dtype == torch.float32
    assert 0 < drawn.max() <= 1
    assert drawn.any((1, 2, 3)).all()
    np.testing.assert_allclose(torched.numpy(), drawn, atol=2e-3)
    alone_drawn = draw_skeletons(points[2:3], scores[2:3], skeleton, 70, 90)
    np.testing.assert_allclose(alone_drawn[0], drawn[2], atol=1e-5)


def test_joints_outside_leave_their_bones_inside():
    points, scores = alone(5, (-20, 32))
    points[0, 6], scores[0, 6] = (70, 32), 1.0
    image = draw_skeletons(points, scores, HAND, 48, 64)[0]
    assert image[:, 32].max(0).min() > 0.5  # right across
    assert not image[:, :28].any()
    assert not image[:, 37:].any()


def test_colours_are_distinct():
    colours = palette(21)
    apart = np.linalg.norm(colours[:, None] - colours, axis=-1) + 9 * np.eye(21)
    assert apart.min() > 0.15


def test_nobody_is_an_empty_batch():
    assert draw_skeletons(np.zeros((0, 21, 2), np.float32), np.zeros((0, 21), np.float32), HAND, 48, 64).shape == (
        0,
        3,
        64,
        48,
    )

"""The way from a crop's virtual camera to metres before the real one."""

import numpy as np
import pytest

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import Crops
from pose3d_ros.geometry.crop_camera import look_at_crops, place_by_crop

IDEAL = Camera.from_fov(1280, 720, 70)
LENS = Camera(IDEAL.K, np.array([-0.25, 0.08, 1e-3, -5e-4, 0.0]), "plumb_bob", 1280, 720)
RNG = np.random.default_rng(0)
HANDS = RNG.normal(0, 0.05, (6, 21, 3))
HANDS -= HANDS[:, :1]
ROOTS = np.array([[0, 0, 0.6], [0.35, 0.1, 0.7], [-0.5, 0.2, 1.0], [0.2, -0.3, 0.9], [0.6, 0.3, 1.2], [0, 0, 2.5]])


def shown(camera, mirrored=None):
    """What a perfect network would say of `HANDS` at `ROOTS`, and what it was asked about."""
    xyz = HANDS + ROOTS[:, None]
    xy_px = camera.project(xyz)
    low, high = xy_px.min(1), xy_px.max(1)
    crops = Crops((low + high) / 2, (high - low).max(1) * 1.3 / 192, 192, 256)
    view = look_at_crops(crops, camera, mirrored)
    root = view.from_camera(ROOTS[:, None])[:, 0]
    weak = np.concatenate((1 / (root[:, 2:] * view.scale[:, None]), root[:, :2]), 1)
    return xyz, crops, view, view.from_camera(HANDS), weak, camera.rays(xy_px)


@pytest.mark.parametrize("camera", [IDEAL, LENS], ids=["ideal", "lens"])
@pytest.mark.parametrize("mirrored", [None, np.arange(6) % 2 == 0])
def test_a_perfect_answer_is_placed_where_the_hand_is(camera, mirrored):
    xyz, _, view, answer, weak, rays = shown(camera, mirrored)
    placed, determined = place_by_crop(answer, weak, view, rays, np.ones((6, 21)))
    assert determined.all()
    np.testing.assert_allclose(placed, xyz, atol=1e-4)
    # without a keypoint the weak-perspective camera says the same
    placed, determined = place_by_crop(answer, weak, view, np.full_like(rays, np.nan), np.zeros((6, 21)))
    assert not determined.any()
    np.testing.assert_allclose(placed, xyz, atol=1e-6)


def test_scale_and_shift_are_those_of_the_crop():
    """x_crop = scale (x + shift), in halves of the crop's height, holds for flat hands in the image of a lens."""
    _, crops, view, answer, weak, _ = shown(LENS)
    flat = answer * (1, 1, 0)
    root = np.concatenate((weak[:, 1:], 1 / (weak[:, :1] * view.scale[:, None])), 1)
    xy_px = LENS.project(view.to_camera(flat + root[:, None]))
    in_crop = (crops.to_crop(xy_px) - (95.5, 127.5)) / 128
    np.testing.assert_allclose(in_crop, weak[:, None, :1] * (flat[..., :2] + weak[:, None, 1:]), atol=0.05)


def test_keypoints_correct_a_wrong_camera_sideways_and_in_depth():
    xyz, _, view, answer, weak, rays = shown(IDEAL)
    wrong = weak * (0.7, 1, 1) + (0, 0.05, -0.05)
    placed, _ = place_by_crop(answer, wrong, view, rays, np.ones((6, 21)))
    np.testing.assert_allclose(placed, xyz, atol=1e-6)


def test_nonsense_stays_finite_and_in_front():
    _, _, view, answer, weak, rays = shown(IDEAL)
    for scale in (-1.0, 0.0, 1e9):
        placed, determined = place_by_crop(answer, weak * 0 + scale, view, rays, np.zeros((6, 21)))
        assert not determined.any()
        assert np.isfinite(placed).all()
    some = np.zeros((6, 21))
    some[:, :3] = 1
    assert not place_by_crop(answer, weak, view, rays, some)[1].any()


def test_a_crop_beyond_the_lens_has_no_camera():
    fisheye = Camera(IDEAL.K, np.zeros(4), "equidistant", 1280, 720)
    crops = Crops(np.array([[640.0, 360.0], [90000.0, 360.0]]), np.ones(2), 192, 256)
    view = look_at_crops(crops, fisheye)
    assert np.isfinite(view.R[0]).all()
    assert not np.isfinite(view.R[1]).any()

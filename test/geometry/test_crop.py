"""Crops: exact way back, half pixels, borders, and reasons."""

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.crop import Crops, as_input, boxes, boxes_of_shown, cut, imagenet, steady


@pytest.fixture
def gradient():
    """(120, 160, 3): red is x, green is y."""
    y, x = np.mgrid[:120, :160]
    return np.stack((x, y, 0 * x), -1).astype(np.uint8)


def crops(centre, scale, width=48, height=64):
    return Crops(np.array([centre], np.float64), np.array([scale], np.float64), width, height)


def test_there_and_back_is_exact_in_numpy_and_torch():
    rng = np.random.default_rng(0)
    some = Crops(rng.uniform(-50, 700, (5, 2)), rng.uniform(0.05, 9, 5), 192, 256)
    xy = rng.uniform(-100, 900, (5, 4, 21, 2))
    np.testing.assert_allclose(some.to_image(some.to_crop(xy)), xy, atol=1e-9)
    torched = Crops(torch.from_numpy(some.centre_px), torch.from_numpy(some.scale), 192, 256)
    np.testing.assert_allclose(torched.to_crop(torch.from_numpy(xy)).numpy(), some.to_crop(xy), atol=1e-9)


@pytest.mark.parametrize("scale", [0.37, 1.0, 1.6, 2.0, 2.9])
@pytest.mark.parametrize("centre", [(80.0, 60.0), (71.3, 66.9)])
def test_a_pixel_shows_the_place_that_it_stands_for(gradient, scale, centre):
    some = crops(centre, scale, 24, 20)
    image = cut(2 * gradient[:, :120], some)[0].astype(float) / 2  # steep, since pixels are whole numbers
    y, x = np.mgrid[:20, :24]
    place = some.to_image(np.stack((x, y), -1)[None].astype(float))[0]
    inside = (place > 3).all(-1) & (place < (116, 116)).all(-1)
    np.testing.assert_allclose(image[..., :2][inside], place[inside], atol=0.55)
    assert inside.sum() > 60


def test_the_whole_image_halved_averages_pairs(gradient):
    image = cut(gradient, crops((79.5, 59.5), 2.0, 80, 60))[0]
    assert abs(image[3, 5, 0] - 10.5) <= 0.5
    assert abs(image[3, 5, 1] - 6.5) <= 0.5


def test_a_crop_at_scale_one_is_a_piece_of_the_image(gradient):
    image = cut(gradient, crops((30 + 23.5, 20 + 31.5), 1.0))[0]
    np.testing.assert_array_equal(image, gradient[20:84, 30:78])


@pytest.mark.parametrize("centre", [(-500.0, 10.0), (10.0, 5000.0)])
def test_outside_of_the_image_it_is_black(gradient, centre):
    assert not cut(gradient, crops(centre, 1.0)).any()


def test_partly_outside_only_that_part_is_black():
    image = cut(np.full((120, 160), 200, np.uint8), crops((0.0, 60.0), 1.0))[0]
    assert (image[:, :23] == 0).all()
    assert (image[:, 25:] == 200).all()


def test_gray_images_become_gray_rgb(gradient):
    gray = gradient[..., 0]
    image = cut(gray, crops((80.0, 60.0), 1.7))
    np.testing.assert_array_equal(image, cut(gray[..., None], crops((80.0, 60.0), 1.7)))
    assert (image[..., 0] == image[..., 2]).all()
    assert image.any()


@pytest.mark.parametrize("image", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4)), np.zeros(4, np.uint8)])
def test_other_images_are_refused(image):
    with pytest.raises(InputError, match="expected a uint8 image"):
        cut(image, crops((1.0, 1.0), 1.0))


def keypoints(low, high):
    return np.stack(np.meshgrid(np.linspace(low[0], high[0], 3), np.linspace(low[1], high[1], 3)), -1).reshape(1, 9, 2)


def test_the_box_holds_all_keypoints_with_padding_and_aspect():
    xy = keypoints((100, 50), (220, 110))
    some, reasons = boxes(xy, np.ones((1, 9)), (640, 480), (192, 256))
    inside = some.to_crop(xy)
    assert reasons == [""]
    np.testing.assert_allclose(some.centre_px[0], (160, 80))
    assert np.ptp(inside[..., 0]) == pytest.approx(192 / 1.3, rel=1e-5)
    assert (inside > 0).all()
    assert (inside < (191, 255)).all()


def test_each_person_without_a_crop_has_its_reason():
    xy = np.concatenate(
        [keypoints((100, 50), (104, 58)), keypoints((900, 50), (990, 158)), keypoints((9, 9), (99, 99))]
    )
    xy[2, 2:] = np.nan
    _, reasons = boxes(xy, np.ones((3, 9)), (640, 480), (192, 256))
    assert reasons[0] == "8 px in the image, expected at least 16"
    assert reasons[1].startswith("0 % of the crop in the image")
    assert reasons[2] == "2 keypoints, expected at least 3"


def test_nobody_has_no_crops():
    some, reasons = boxes(np.zeros((0, 9, 2)), np.zeros((0, 9)), (640, 480), (192, 256))
    assert reasons == []
    assert cut(np.zeros((9, 9, 3), np.uint8), some).shape == (0, 256, 192, 3)


def test_steady_boxes_go_a_part_of_the_way():
    between = steady(crops((10.0, 20.0), 4.0), crops((0.0, 0.0), 1.0), 0.5)
    np.testing.assert_allclose(between.centre_px, [[5, 10]])
    np.testing.assert_allclose(between.scale, [2.0])


def test_normalisation_is_the_same_for_both_worlds(gradient):
    image = cut(gradient, crops((80.0, 60.0), 1.0))
    given = as_input(image)
    torched = imagenet(torch.from_numpy(image).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(given, torched.numpy(), atol=1e-5)
    assert given.dtype == np.float32
    np.testing.assert_allclose(imagenet(np.full((1, 3, 1, 1), 0.485, np.float32))[0, 0], 0, atol=1e-6)


def standing(at_px, height_px=200.0):
    """Joints (1, 11, 2) on a line, from head to foot."""
    return np.array(at_px) + np.linspace(0, 1, 11)[None, :, None] * np.array((0.0, height_px))


def test_whoever_is_all_in_the_image_is_shown_whole():
    xy_px = standing((300, 100))
    whole, _ = boxes(xy_px, np.ones((1, 11)), (640, 480), (48, 64))
    shown, reasons = boxes_of_shown(xy_px, (640, 480), (48, 64))
    assert reasons == [""]
    np.testing.assert_allclose(shown.centre_px, whole.centre_px)
    np.testing.assert_allclose(shown.scale, whole.scale)


def test_the_crop_is_around_what_the_image_shows_and_does_not_leap():
    moved = [boxes_of_shown(standing((300, top)), (640, 480), (48, 64))[0] for top in range(200, 439, 2)]
    centre, scale = (np.array([getattr(each, name)[0] for each in moved]) for name in ("centre_px", "scale"))
    top = np.arange(200, 439, 2)
    np.testing.assert_allclose(centre[:, 1], (top + np.minimum(top + 200, 479.5)) / 2, atol=1e-3)
    assert np.abs(np.diff(scale)).max() < 0.06  # 2 of 200 pixels
    assert scale[0] == pytest.approx(1.3 * 200 / 64)
    assert scale[-1] == pytest.approx(0.6 * 200 / 64)  # no nearer, however little is left


def test_of_whom_the_image_shows_hardly_anything_there_is_no_crop():
    _, reasons = boxes_of_shown(standing((300, 435)), (640, 480), (48, 64))
    assert reasons == [""]
    _, reasons = boxes_of_shown(standing((300, 450)), (640, 480), (48, 64))
    assert reasons == ["2 keypoints, expected at least 3"]


def test_a_joint_beside_the_lens_makes_no_crop_in_which_the_image_is_a_dot():
    xy_px = standing((300, 100))
    xy_px[0, 0, 0] = 1e6
    _, reasons = boxes_of_shown(xy_px, (640, 480), (48, 64))
    assert reasons == ["0 % of the crop in the image, expected 10"]
    xy_px[0, 0] = np.nan  # behind it
    shown, reasons = boxes_of_shown(xy_px, (640, 480), (48, 64))
    assert reasons == [""]
    assert np.isfinite(shown.centre_px).all()

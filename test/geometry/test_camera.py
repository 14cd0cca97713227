"""Pixels to rays and back through every lens model, and calibrations that cannot be used."""

import numpy as np
import pytest

from pose3d_ros.core.errors import CameraError, InputError
from pose3d_ros.geometry.camera import Camera

K = np.array([[500.0, 0, 330], [0, 510, 235], [0, 0, 1]])
LENSES = {
    "": [],
    "plumb_bob": [-0.28, 0.07, 1e-3, -5e-4, 0.0],
    "rational_polynomial": [0.3, -0.1, 1e-3, -1e-3, 0.02, 0.6, -0.05, 0.01],
    "equidistant": [-0.02, 0.01, -0.003, 0.0005],
}
CAMERAS = [Camera(K, np.array(D), model, 640, 480) for model, D in LENSES.items()]
all_lenses = pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.distortion_model or "ideal")


def points(rays: np.ndarray, depth: float = 1.0) -> np.ndarray:
    return depth * np.concatenate((rays, np.ones_like(rays[..., :1])), axis=-1)


@all_lenses
def test_every_pixel_of_the_image_comes_back(camera):
    u, v = np.meshgrid(np.linspace(0, 639, 23), np.linspace(0, 479, 17))
    xy_px = np.stack((u, v), axis=-1)
    rays = camera.rays(xy_px)
    assert rays.shape == xy_px.shape
    assert rays.dtype == np.float64
    np.testing.assert_allclose(camera.project(points(rays, depth=3.7)), xy_px, atol=1e-5)


@all_lenses
def test_points_in_view_come_back(camera):
    rng = np.random.default_rng(0)
    xyz_m = points(rng.uniform(-0.5, 0.5, (4, 17, 2))) * rng.uniform(0.3, 20, (4, 17, 1))
    rays = camera.rays(camera.project(xyz_m))
    np.testing.assert_allclose(rays, xyz_m[..., :2] / xyz_m[..., 2:], atol=1e-7)


@all_lenses
def test_missing_pixels_stay_missing_and_leave_the_others_alone(camera):
    xy_px = np.array([[100.0, 100], [np.nan, np.nan], [300, np.nan], [np.inf, 5], [400, 300]])
    rays = camera.rays(xy_px)
    assert np.isnan(rays).all(axis=1).tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(rays[[0, 4]], camera.rays(xy_px[[0, 4]]))


@all_lenses
def test_nothing_visible_and_nobody(camera):
    assert np.isnan(camera.rays(np.full((17, 2), np.nan))).all()
    assert camera.rays(np.empty((0, 17, 2))).shape == (0, 17, 2)
    assert camera.project(np.empty((0, 17, 3))).shape == (0, 17, 2)


@all_lenses
def test_far_outside_of_the_image_there_is_a_true_ray_or_none(camera):
    """Distortion polynomials fold back: a wild pixel must not become a ray near the axis."""
    xy_px = np.array([[1e4, 1e4], [-5e3, 240], [1e29, 0], [320, 5e3], [1500, 240], [-300, -300]])
    rays = camera.rays(xy_px)
    known = ~np.isnan(rays).any(axis=1)
    np.testing.assert_allclose(camera.project(points(rays[known])), xy_px[known], atol=0.51)
    assert np.isnan(rays[2]).all()
    assert not (np.abs(rays[known]) < 0.1).all(axis=1).any()


@all_lenses
def test_behind_the_camera_is_no_pixel(camera):
    xy_px = camera.project([[0.1, 0.1, -1], [0, 0, 0], [0, 0, np.nan], [np.inf, 0, 1], [0, 0, 2]])
    assert np.isnan(xy_px).all(axis=1).tolist() == [True, True, True, True, False]
    np.testing.assert_allclose(xy_px[-1], [330, 235], atol=1e-9)


def test_directions_of_the_optical_frame():
    """x to the right of the image, y down, whatever the image's shape."""
    camera = Camera.from_fov(1280, 480, 90)
    right, down = camera.project([[1, 0, 2], [0, 0.5, 2]]) - camera.project([0, 0, 2])
    assert (right > [1, -1e-9]).all()
    assert abs(right[1]) < 1e-9
    assert abs(down[0]) < 1e-9
    assert down[1] > 1
    np.testing.assert_allclose(camera.rays([639.5, 239.5]), 0, atol=1e-12)
    np.testing.assert_allclose(camera.rays([639.5 + 640, 239.5]), [1, 0], atol=1e-12)


def test_skew():
    skewed = Camera(np.array([[500.0, 20, 330], [0, 510, 235], [0, 0, 1]]))
    np.testing.assert_allclose(skewed.rays([330 + 20.0 + 50, 235 + 510.0]), [0.1, 1.0])


def test_coefficients_of_zero_are_no_distortion():
    xy_px = np.random.default_rng(0).uniform(0, 480, (17, 2))
    plain = Camera(K).rays(xy_px)
    np.testing.assert_array_equal(Camera(K, np.zeros(5), "plumb_bob").rays(xy_px), plain)
    np.testing.assert_array_equal(Camera(K, np.zeros(0), "plumb_bob").rays(xy_px), plain)
    assert not np.allclose(Camera(K, np.zeros(0), "equidistant").rays(xy_px), plain)


def test_equality_is_by_value():
    assert Camera(K, np.zeros(5), "plumb_bob", 640, 480) == Camera(K.copy(), np.zeros(5), "plumb_bob", 640, 480)
    assert len({Camera(K, width=640), Camera(K.copy(), width=640), Camera(K, width=641)}) == 2
    assert Camera(K) != Camera(K * [[2], [1], [1]])
    assert Camera(K) != "camera"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"K": np.zeros((3, 3))}, "not calibrated: focal lengths are 0.0, 0.0 px; calibrate it"),
        ({"K": np.diag([500.0, 0, 1])}, "not calibrated"),
        ({"K": np.diag([-500.0, 500, 1])}, "not calibrated"),
        ({"K": np.full((3, 3), np.nan)}, "finite K"),
        ({"D": np.array([0.1, np.inf, 0, 0, 0])}, "finite K and D"),
        ({"distortion_model": "mei"}, "unknown distortion model 'mei'; known are plumb_bob"),
        ({"D": np.full(6, 0.1)}, r"plumb_bob: expected \(0, 4, 5\) coefficients, got 6"),
    ],
)
def test_unusable_calibrations_say_what_and_why(change, words):
    given = {"K": K, "D": np.zeros(5), "distortion_model": "plumb_bob"}
    with pytest.raises(CameraError, match=words):
        Camera(**given | change)


def test_wrong_shape_of_k():
    with pytest.raises(InputError, match=r"K: expected shape \(3, 3\), got \(9,\)"):
        Camera(np.ones(9))


@pytest.mark.parametrize("fov", [0, 180, -10, float("nan")])
def test_impossible_field_of_view(fov):
    with pytest.raises(CameraError, match="field of view"):
        Camera.from_fov(640, 480, fov)


def test_image_of_another_size_is_refused():
    camera = Camera(K, width=640, height=480)
    camera.check_image(640, 480)
    camera.check_image(0, 0)
    Camera(K).check_image(1920, 1080)
    with pytest.raises(CameraError, match="in a 480x640 image but the camera is calibrated for 640x480"):
        camera.check_image(480, 640)

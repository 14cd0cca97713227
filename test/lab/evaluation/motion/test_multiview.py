import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.motion.multiview import View, triangulate, triangulate_body

THRESHOLD_PX = 20.0


def looking_at_origin(position):
    """A distorted camera at `position` (world z up), turned to the origin."""
    position = np.asarray(position, float)
    forward = -position / np.linalg.norm(position)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    camera = Camera(
        Camera.from_fov(1080, 1920, 35.0).K, np.array([-0.05, 0.14, 0.001, 0.0005]), "plumb_bob", 1080, 1920
    )
    return View(camera, R, -R @ position)


@pytest.fixture
def views():
    return [looking_at_origin(p) for p in ((3, 0, 1), (0, 3, 1.5), (-3, 0.5, 1), (0.5, -3, 2))]


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform(-0.7, 0.7, (5, 12, 3))


@pytest.fixture
def xy_px(views, points):
    return np.stack([view.project(points) for view in views])


def ones(xy_px):
    return np.ones(xy_px.shape[:-1])


def test_exact_projections_give_the_points_back(views, points, xy_px):
    found = triangulate(views, xy_px, ones(xy_px), THRESHOLD_PX)
    np.testing.assert_allclose(found.xyz_m, points, atol=1e-6)
    assert found.used.all()
    assert found.error_px.max() < 1e-3


def test_a_wrong_view_of_single_joints_is_left_out(views, points, xy_px):
    wrong = xy_px.copy()
    wrong[1, :, 3] += (150, -90)
    found = triangulate(views, wrong, ones(xy_px), THRESHOLD_PX)
    np.testing.assert_allclose(found.xyz_m, points, atol=1e-6)
    np.testing.assert_array_equal(found.used[1, :, 3], False)
    assert found.used.sum() == found.used.size - 5
    assert found.error_px[1, :, 3].min() > 100


def test_noise_is_averaged_by_its_weight(views, points, xy_px):
    rng = np.random.default_rng(1)
    sigma_px = np.array([1.0, 1.0, 6.0, 6.0])[:, None, None, None]
    noisy = xy_px + sigma_px * rng.normal(size=xy_px.shape)
    weight = ones(xy_px) / sigma_px[..., 0] ** 2
    error = [
        np.linalg.norm(triangulate(views, noisy, w, 60.0).xyz_m - points, axis=-1).mean() for w in (weight, ones(xy_px))
    ]
    # one pixel is about 2 mm here
    assert error[0] < 0.003
    assert error[0] < 0.6 * error[1]


def test_joints_that_one_view_sees_are_nan(views, points, xy_px):
    hidden = xy_px.copy()
    hidden[1:, 2, 5] = np.nan
    weight = ones(xy_px)
    weight[:3, 4, 1] = 0
    found = triangulate(views, hidden, weight, THRESHOLD_PX)
    missing = ~np.isfinite(found.xyz_m).all(axis=-1)
    assert list(zip(*np.nonzero(missing), strict=True)) == [(2, 5), (4, 1)]
    assert not found.used[:, missing].any()


def test_two_views_that_contradict_give_nothing(views, points, xy_px):
    pair = xy_px[:2].copy()
    pair[0, 0, 0, 1] += 300
    found = triangulate(views[:2], pair, ones(pair), THRESHOLD_PX)
    assert np.isnan(found.xyz_m[0, 0]).all()
    np.testing.assert_allclose(found.xyz_m[0, 1:], points[0, 1:], atol=1e-6)


def test_a_view_with_sides_swapped_loses_the_whole_frame(views, points):
    order = np.arange(12).reshape(6, 2)[:, ::-1].ravel()
    # the last two joints lie on the body's middle: they agree by chance
    points = points.copy()
    points[:, 11] = points[:, 10]
    swapped = np.stack([view.project(points) for view in views])
    swapped[1, 2] = swapped[1, 2, order]
    joint_by_joint = triangulate(views, swapped, ones(swapped), THRESHOLD_PX)
    assert joint_by_joint.used[1, 2, 10:].all()
    found = triangulate_body(views, swapped, ones(swapped), THRESHOLD_PX)
    assert not found.used[1, 2].any()
    assert found.used[1, [0, 1, 3, 4]].all()
    np.testing.assert_allclose(found.xyz_m, points, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_views_and_keypoints_must_belong_together(views, xy_px, count):
    with pytest.raises(InputError, match="at least two views"):
        triangulate(views[:count], xy_px[:1] if count == 1 else xy_px, ones(xy_px[:1] if count == 1 else xy_px), 20.0)

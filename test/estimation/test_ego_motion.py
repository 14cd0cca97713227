"""Rays of the past in the axes of the camera of now."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.core.pose import CameraPose
from pose3d_ros.estimation.ego_motion import EgoMotion, PoseReason

STEP_NS = 33_333_333


def pose(yaw_deg=0.0, position_m=(0, 0, 0), **known) -> CameraPose:
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("yx", [yaw_deg, 0.3 * yaw_deg], degrees=True).as_matrix()
    T[:3, 3] = position_m
    return CameraPose(T, **known)


@pytest.fixture
def points_m():
    return np.random.default_rng(3).uniform((-1, -1, 3), (1, 1, 5), (17, 3))


def rays_of(points_m, camera: CameraPose) -> np.ndarray:
    xyz = (points_m - camera.position_m) @ camera.R
    return xyz[:, :2] / xyz[:, 2:]


def test_rotation_is_exact_whatever_the_distance(points_m):
    motion, cameras = EgoMotion(), [pose(yaw) for yaw in (0, 4, 9, 20)]
    for i, camera in enumerate(cameras):
        assert motion.push(i * STEP_NS, camera) == []
    stamps = np.arange(4) * STEP_NS
    turned = motion.turn(1, stamps, np.stack([rays_of(points_m, camera) for camera in cameras]))
    np.testing.assert_allclose(turned, np.broadcast_to(rays_of(points_m, cameras[-1]), turned.shape), atol=1e-12)


def test_translation_takes_the_distance_of_the_person(points_m):
    motion, cameras = EgoMotion(), [pose(3 * i, (0.1 * i, 0, 0.05 * i)) for i in range(6)]
    for i, camera in enumerate(cameras):
        motion.push(i * STEP_NS, camera)
    seen, wanted = rays_of(points_m, cameras[0]), rays_of(points_m, cameras[-1])
    unknown = np.abs(motion.turn(1, np.array(0), seen) - wanted).max()
    motion.places = {1: points_m.mean(0)}
    assert np.abs(motion.turn(1, np.array(0), seen) - wanted).max() < 0.3 * unknown


def test_a_camera_that_stands_still_or_tells_nothing_changes_nothing():
    rays = np.ones((5, 17, 2), np.float32)
    for told in (None, pose(30)):
        motion = EgoMotion()
        for i in range(5):
            motion.push(i * STEP_NS, told)
        assert motion.turn(1, np.arange(5) * STEP_NS, rays) is rays
        assert motion.since(0) is None


def test_what_is_behind_the_camera_is_not_seen_any_more(points_m):
    motion = EgoMotion()
    for i in range(13):
        assert motion.push(i * STEP_NS, CameraPose(_yaw(10 * i))) == []
    assert np.isnan(motion.turn(1, np.array(0), rays_of(points_m, pose()))).all()


def _yaw(deg):
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("y", deg, degrees=True).as_matrix()
    return T


@pytest.mark.parametrize("jump", [pose(0, (3, 0, 0)), pose(120)])
def test_a_fixed_frame_that_is_shifted_is_told_and_moves_nobody(jump, points_m):
    motion = EgoMotion()
    for i in range(5):
        motion.push(i * STEP_NS, pose())
    assert motion.push(5 * STEP_NS, jump) == [PoseReason.JUMP]
    rays = rays_of(points_m, pose())
    np.testing.assert_allclose(motion.turn(1, np.array(0), rays), rays, atol=1e-12)
    assert motion.push(6 * STEP_NS, jump) == []  # the frame goes on from there
    np.testing.assert_allclose(motion.now.T_fixed_camera, np.eye(4), atol=1e-12)


def test_without_a_pose_the_camera_is_where_it_was():
    motion = EgoMotion()
    motion.push(0, pose(0))
    motion.push(STEP_NS, pose(5, height_m=1.0))
    motion.push(2 * STEP_NS, None)
    np.testing.assert_allclose(motion.now.R, pose(5).R)
    assert motion.now.height_m == 1.0


def test_a_late_frame_has_its_own_pose(points_m):
    motion, cameras = EgoMotion(), [pose(4 * i) for i in range(4)]
    for i in (0, 1, 3, 2):
        motion.push(i * STEP_NS, cameras[i])
    turned = motion.turn(1, np.array(0), rays_of(points_m, cameras[0]))
    np.testing.assert_allclose(turned, rays_of(points_m, cameras[2]), atol=1e-12)


def test_time_that_goes_back_starts_anew(points_m):
    motion = EgoMotion()
    for i in range(100, 104):
        motion.push(i * STEP_NS, pose(5 * i))
    assert motion.push(0, pose(0)) == []
    rays = rays_of(points_m, pose())
    np.testing.assert_array_equal(motion.turn(1, np.array(0), rays), rays)

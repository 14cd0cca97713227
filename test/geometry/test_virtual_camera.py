"""The virtual camera: the lifter sees the same numbers wherever the person stands, and the way back is exact."""

import numpy as np
import pytest

from pose3d_ros.geometry.virtual_camera import MAX_RAY, MIN_SCALE, look_at


def people(count: int = 5, seed: int = 0) -> np.ndarray:
    """Bodies (N, J, 3) of human size, in view."""
    rng = np.random.default_rng(seed)
    centre = np.stack([rng.uniform(-1.5, 1.5, count), rng.uniform(-0.8, 0.8, count), rng.uniform(2, 6, count)], axis=-1)
    return centre[:, None] + rng.normal(0, [0.3, 0.5, 0.2], (count, 17, 3))


def rays_of(xyz_m: np.ndarray) -> np.ndarray:
    return xyz_m[..., :2] / xyz_m[..., 2:]


def confidence_of(xyz_m: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1, xyz_m.shape[:-1])


def test_turn_is_a_rotation_and_its_way_back():
    xyz_m = people()
    virtual = look_at(rays_of(xyz_m), confidence_of(xyz_m))
    np.testing.assert_allclose(virtual.R @ virtual.R.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(virtual.R), 1)
    np.testing.assert_allclose(virtual.to_camera(virtual.from_camera(xyz_m)), xyz_m, atol=1e-12)
    np.testing.assert_allclose(rays_of(virtual.from_camera(xyz_m)), virtual.turn_rays(rays_of(xyz_m)), atol=1e-12)


def test_it_looks_at_the_weighted_middle_without_roll():
    rays, confidence = rays_of(people()), confidence_of(people())
    middle = (rays * confidence[..., None]).sum(1, keepdims=True) / confidence.sum(1)[:, None, None]
    virtual = look_at(rays, confidence)
    np.testing.assert_allclose(virtual.turn_rays(middle), 0, atol=1e-12)
    np.testing.assert_allclose(virtual.R[:, 0, 1], 0, atol=1e-12)  # x axis stays level in the camera
    assert (virtual.R[:, 1, 1] > 0).all()  # down stays down


def test_joints_of_no_confidence_do_not_count():
    rays, confidence = rays_of(people()), confidence_of(people())
    confidence[:, 3] = 0
    wild = rays.copy()
    wild[:, 3] = 50
    one, other = look_at(rays, confidence), look_at(wild, confidence)
    np.testing.assert_allclose(one.R, other.R)
    np.testing.assert_allclose(one.scale, other.scale)


def test_the_size_becomes_one():
    rays, confidence = rays_of(people()), confidence_of(people())
    normalised = look_at(rays, confidence).normalise(rays[:, None])[:, 0]
    weight = confidence / confidence.sum(1, keepdims=True)
    middle = (normalised * weight[..., None]).sum(1, keepdims=True)
    np.testing.assert_allclose((((normalised - middle) ** 2).sum(-1) * weight).sum(1), 1)


@pytest.mark.parametrize("angle_deg", [-60, -20, 35, 70])
def test_same_numbers_after_a_walk_around_the_camera(angle_deg):
    """Stand right in front, or anywhere on the circle around the camera, facing it: nothing changes."""
    xyz_m = people() * [0.2, 0.5, 1]
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    elsewhere = xyz_m @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    # the level of the middle decides the tilt, so both are looked at through the same joint
    confidence = np.zeros(xyz_m.shape[:2])
    confidence[:, 0] = 1
    seen = []
    for body in (xyz_m, elsewhere):
        rays = rays_of(body)
        turned = look_at(rays, confidence).turn_rays(rays)
        seen.append(turned)
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-9)


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_a_child_near_and_a_giant_far_look_the_same(factor):
    xyz_m = people()
    rays, confidence = rays_of(xyz_m), confidence_of(xyz_m)
    far = rays_of(factor * xyz_m)
    np.testing.assert_allclose(
        look_at(far, confidence).normalise(far[:, None]), look_at(rays, confidence).normalise(rays[:, None])
    )


def test_distance_hardly_changes_the_numbers():
    """Only perspective does: the same body twice as far away differs by a few percent of its size."""
    body = np.random.default_rng(0).normal(0, [0.25, 0.5, 0.15], (1, 17, 3))
    near, far = (rays_of(body + np.array([0, 0, z])) for z in (4.0, 8.0))
    ones = np.ones((1, 17))
    difference = look_at(near, ones).normalise(near[:, None]) - look_at(far, ones).normalise(far[:, None])
    assert np.abs(difference).mean() < 0.05
    assert look_at(near, ones).scale / look_at(far, ones).scale == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("rays", [np.zeros((1, 17, 2)), np.full((1, 17, 2), 0.7)], ids=["on the axis", "one point"])
def test_a_person_of_one_point_stays_finite(rays):
    virtual = look_at(rays, np.ones((1, 17)))
    assert virtual.scale == MIN_SCALE
    np.testing.assert_allclose(virtual.normalise(rays[:, None]), 0, atol=1e-6)


def test_nobody_seen_and_wild_rays_stay_finite():
    rays = np.full((2, 17, 2), 57.0)
    rays[0] = 0
    rays[1, ::2] *= -1
    confidence = np.stack([np.zeros(17), np.ones(17)])
    virtual = look_at(rays, confidence)
    normalised = virtual.normalise(rays[:, None])
    assert np.isfinite(virtual.R).all()
    assert np.abs(normalised).max() <= MAX_RAY


def test_numpy_and_torch_agree():
    torch = pytest.importorskip("torch")
    xyz_m = people().astype(np.float32)
    rays, confidence = rays_of(xyz_m), confidence_of(xyz_m).astype(np.float32)
    ours, theirs = look_at(rays, confidence), look_at(torch.from_numpy(rays), torch.from_numpy(confidence))
    np.testing.assert_allclose(theirs.R.numpy(), ours.R, atol=1e-6)
    np.testing.assert_allclose(theirs.scale.numpy(), ours.scale, rtol=1e-5)
    windows = np.stack([rays, 1.1 * rays], axis=1)
    np.testing.assert_allclose(theirs.normalise(torch.from_numpy(windows)).numpy(), ours.normalise(windows), atol=1e-5)
    np.testing.assert_allclose(theirs.to_camera(torch.from_numpy(xyz_m)).numpy(), ours.to_camera(xyz_m), atol=1e-5)

"""Where a person stands, from rays: exact without noise, honest where the 2D does not say."""

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.geometry.placement import (
    MIN_DEPTH_M,
    DepthPrior,
    PlacementConfig,
    misfit,
    place,
    place_people,
    pull_to_rays,
    stature_m,
)

COUNT = 6


@pytest.fixture
def scene():
    """(root-relative bodies (N, 17, 3), roots (N, 3), rays (N, 17, 2))."""
    rng = np.random.default_rng(3)
    body = rng.normal(0, [0.3, 0.5, 0.2], (COUNT, 17, 3))
    body -= body[:, :1]
    root = np.stack([rng.uniform(-2, 2, COUNT), rng.uniform(-1, 1, COUNT), rng.uniform(2, 8, COUNT)], axis=-1)
    xyz_m = body + root[:, None]
    return body, root, xyz_m[..., :2] / xyz_m[..., 2:]


def test_exact_without_noise(scene):
    body, root, rays = scene
    weight = np.random.default_rng(0).uniform(0.05, 1, rays.shape[:2])
    found, determined = place(body, rays, weight)
    assert determined.all()
    np.testing.assert_allclose(found, root, atol=1e-9)


def test_exact_in_float32_as_the_robot_runs_it(scene):
    body, root, rays = scene
    found, determined = place(body.astype(np.float32), rays.astype(np.float32), np.ones((COUNT, 17), np.float32))
    assert determined.all()
    np.testing.assert_allclose(found, root, rtol=1e-3, atol=1e-3)


def test_two_joints_are_enough(scene):
    body, root, rays = scene
    weight = np.zeros((COUNT, 17))
    weight[:, [2, 9]] = 1
    np.testing.assert_allclose(place(body, rays, weight)[0], root, atol=1e-8)


def test_a_joint_without_weight_has_no_say_and_a_light_one_little(scene):
    body, root, rays = scene
    wrong = rays.copy()
    wrong[:, 5] += 0.3
    weight = np.ones((COUNT, 17))

    def error(of_joint_5: float) -> float:
        weight[:, 5] = of_joint_5
        return np.linalg.norm(place(body, wrong, weight)[0] - root, axis=-1).max()

    assert error(0) < 1e-8
    assert 1e-4 < error(0.01) < error(1)


def test_a_prior_pulls_the_depth_and_leaves_the_person_on_the_image(scene):
    body, root, rays = scene
    weight, thought = np.ones((COUNT, 17)), 1.2 * root[:, 2]

    def placed(strength: float) -> np.ndarray:
        return place(body, rays, weight, DepthPrior(thought, np.full(COUNT, strength)))[0]

    np.testing.assert_allclose(placed(0.0), root, atol=1e-9)
    np.testing.assert_allclose(placed(1e6)[:, 2], thought, rtol=1e-4)
    between = (placed(0.1)[:, 2] - root[:, 2]) / (thought - root[:, 2])
    assert (between > 0.01).all()
    assert (between < 0.99).all()
    middle = (body + placed(1e6)[:, None])[..., :2] / (body + placed(1e6)[:, None])[..., 2:]
    np.testing.assert_allclose(middle.mean(1), rays.mean(1), atol=0.05)


def test_a_prior_places_who_shows_one_joint(scene):
    body, root, rays = scene
    weight = np.zeros((COUNT, 17))
    weight[:, 3] = 1
    assert not place(body, rays, weight)[1].any()
    found, determined = place(body, rays, weight, DepthPrior(root[:, 2], np.full(COUNT, 0.01)))
    assert determined.all()
    np.testing.assert_allclose(found, root, atol=1e-6)


def test_misfit_is_what_size_and_depth_cannot_explain(scene):
    body, root, rays = scene
    weight = np.ones((COUNT, 17))
    np.testing.assert_allclose(misfit(body + root[:, None], rays, weight, 6), 0, atol=1e-9)
    small = 0.8 * body * (1, 1, 0) + root[:, None]  # flat, so that depth does not bend the image
    flat = (body * (1, 1, 0) + root[:, None])[..., :2] / root[:, None, 2:]
    np.testing.assert_allclose(misfit(small, flat, weight, 6), 0, atol=1e-9)
    assert (misfit((body * (-1, 1, 1)) + root[:, None], rays, weight, 6) > 0.3).all()
    weight[:, 5:] = 0
    assert (misfit(np.roll(body, 1, 1) + root[:, None], rays, weight, 6) == 0).all()


def test_scaling_all_weights_changes_nothing(scene):
    body, _, rays = scene
    weight = np.random.default_rng(0).uniform(0.05, 1, rays.shape[:2])
    np.testing.assert_allclose(place(body, rays, 0.01 * weight)[0], place(body, rays, weight)[0])


def test_noise_of_a_pixel_moves_the_root_by_a_few_percent(scene):
    body, root, rays = scene
    noisy = rays + np.random.default_rng(5).normal(0, 1 / 600, rays.shape)
    found, _ = place(body, noisy, np.ones((COUNT, 17)))
    assert (np.linalg.norm(found - root, axis=-1) < 0.05 * np.linalg.norm(root, axis=-1)).all()


@pytest.mark.parametrize("case", ["one joint", "no joint", "one point", "behind the camera", "mirrored"])
def test_what_the_2d_does_not_say_is_not_determined(scene, case):
    body, _, rays = scene
    weight = np.ones((COUNT, 17))
    if case == "one joint":
        weight[:, 1:] = 0
    elif case == "no joint":
        weight[:] = 0
    elif case == "one point":
        rays = np.broadcast_to(rays[:, :1], rays.shape)
    elif case == "behind the camera":
        body = -body
    else:
        rays = rays * [-1, -1]
    found, determined = place(body, rays, weight)
    assert not determined.any()
    assert np.isfinite(found).all()
    assert (found[:, 2] >= MIN_DEPTH_M).all()


def test_one_bad_person_leaves_the_others_alone(scene):
    body, root, rays = scene
    weight = np.ones((COUNT, 17))
    weight[2, 1:] = 0
    found, determined = place(body, rays, weight)
    assert determined.tolist() == [True, True, False, True, True, True]
    np.testing.assert_allclose(found[determined], root[determined], atol=1e-9)


def standing(height_m: float) -> np.ndarray:
    """A straight h36m17 body (1, 17, 3), ankles 0.08 m above the sole."""
    skeleton = formats.get("h36m17")
    up = {"ankle": 0.08, "knee": 0.53, "hip": 0.95, "pelvis": 0.95, "spine": 1.2, "thorax": 1.5, "head_top": 1.8}
    body = np.zeros((1, 17, 3))
    for joint, level in up.items():
        for name in {joint, f"left_{joint}", f"right_{joint}"} & set(skeleton.joints):
            body[0, skeleton.index(name), 1] = 0.95 - level
    body[0, skeleton.index("left_hip"), 0], body[0, skeleton.index("right_hip"), 0] = 0.15, -0.15
    body[0, skeleton.index("left_knee"), 0], body[0, skeleton.index("right_knee"), 0] = 0.15, -0.15
    body[0, skeleton.index("left_ankle"), 0], body[0, skeleton.index("right_ankle"), 0] = 0.15, -0.15
    return body * (height_m / 1.8)


def test_stature_is_measured_along_the_bones():
    upright = standing(1.8)
    assert stature_m(upright) == pytest.approx(1.8)
    skeleton, sitting = formats.get("h36m17"), upright.copy()
    for side in ("left", "right"):  # thighs forward, shanks down
        hip, knee, ankle = skeleton.indices((f"{side}_hip", f"{side}_knee", f"{side}_ankle"))
        sitting[0, knee] = sitting[0, hip] + [0, 0, -0.42]
        sitting[0, ankle] = sitting[0, knee] + [0, 0.45, 0]
    assert stature_m(sitting) == pytest.approx(1.8)


def test_known_stature_fixes_the_scale_and_the_distance():
    """The lifter took a child for an adult: with the stature known, the child stands where it stands."""
    child, root = standing(1.2), np.array([[0.4, 0.1, 3.0]])
    rays = (child + root[:, None])[..., :2] / (child + root[:, None])[..., 2:]
    guess = 1.5 * child
    weight = np.ones((1, 17))
    far = place_people(guess, rays, weight, PlacementConfig())
    assert far.xyz_m[0, 0, 2] == pytest.approx(4.5)
    right = place_people(guess, rays, weight, PlacementConfig(stature_m=float(stature_m(child)[0])))
    # the sole's share does not scale with the guess, hence not exactly
    np.testing.assert_allclose(right.xyz_m, child + root[:, None], rtol=0.05, atol=0.02)


def test_impossible_stature():
    with pytest.raises(ConfigError, match=r"stature_m: expected at most 2.5 m, got 18"):
        PlacementConfig(stature_m=18)


def test_numpy_and_torch_agree(scene):
    torch = pytest.importorskip("torch")
    body, _, rays = scene
    weight = np.ones((COUNT, 17))
    ours = place_people(body, rays, weight, PlacementConfig(stature_m=1.75))
    tensors = (torch.from_numpy(array) for array in (body, rays, weight))
    theirs = place_people(*tensors, PlacementConfig(stature_m=1.75))
    np.testing.assert_allclose(theirs.xyz_m.numpy(), ours.xyz_m)
    np.testing.assert_array_equal(theirs.determined.numpy(), ours.determined)


def pulled(score, sigma_m, keypoint_sigma_m=0.02):
    xyz_m = np.array([[[0.0, 0.0, 4.0], [0.5, 0.0, 4.0], [0.0, 0.5, 3.0]]], np.float32)
    rays = np.array([[[0.0, 0.0], [0.15, 0.0], [0.0, 0.2]]], np.float32)
    weight, sigma = np.array([score], np.float32), np.array([sigma_m], np.float32)
    return xyz_m[0], pull_to_rays(xyz_m, rays, weight, sigma, keypoint_sigma_m)[0]


def test_an_uncertain_joint_goes_to_where_it_is_seen_at_its_own_depth():
    before, after = pulled(score=(1, 1, 0), sigma_m=(0.05, 10.0, 10.0))
    np.testing.assert_allclose(after[1], (0.15 * 4, 0, 4), atol=1e-3)
    np.testing.assert_array_equal(after[2], before[2])  # hidden: stays
    np.testing.assert_array_equal(after[:, 2], before[:, 2])


def test_a_pull_is_weighted_by_the_variances():
    _, half = pulled(score=(1, 1, 1), sigma_m=(0.04, 0.04, 0.04))
    np.testing.assert_allclose(half[1, 0], (0.5 + 0.6) / 2, atol=1e-6)
    _, less = pulled(score=(1, 0.5, 1), sigma_m=(0.04, 0.04, 0.04))
    np.testing.assert_allclose(less[1, 0], 0.5 + 0.1 / 5, atol=1e-6)  # half the score: twice the deviation


def test_no_pull_where_it_is_off():
    before, after = pulled(score=(1, 1, 1), sigma_m=(1, 1, 1), keypoint_sigma_m=0.0)
    np.testing.assert_array_equal(before, after)

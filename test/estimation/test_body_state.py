"""The state of people on bodies whose motion is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.estimation import bones
from pose3d_ros.estimation.body_state import BodyStates, Lifted, StateConfig
from pose3d_ros.estimation.root import RootConfig

SKELETON = formats.get("h36m17")
STEP_NS = 33_333_333
START_NS = 5_000_000_000
KEYS = [7]
ASIDE = np.array([2.0, 0, 0])


@pytest.fixture
def body_m(standing_m) -> np.ndarray:
    """(17, 3) four metres in front of the camera."""
    return np.array(standing_m, np.float64) + np.array([0.2, 0.1, 4.0])


def frame(xyz_m, hidden=(), sigma_m=0.08, score=0.9, noise_m=0.0, seed=0) -> Lifted:
    """People (N, 17, 3) as a lifter with this noise would have them, their keypoints exact."""
    xyz_m = np.asarray(xyz_m).reshape(-1, 17, 3)
    visible = np.full(xyz_m.shape[:2], score)
    visible[:, SKELETON.indices(tuple(hidden))] = 0
    rays = np.where(visible[..., None] > 0, xyz_m[..., :2] / xyz_m[..., 2:], np.nan)
    noise = np.random.default_rng(seed).normal(0, noise_m, xyz_m.shape) if noise_m else 0
    return Lifted(xyz_m + noise, np.full(visible.shape, sigma_m), rays, visible)


def follow(states, frames, first=0):
    """The estimates of frames one after the other."""
    return [states.update(KEYS, START_NS + (first + i) * STEP_NS, one) for i, one in enumerate(frames)]


def test_who_stands_still_and_is_lifted_right_stays_where_they_are(body_m):
    for found in follow(BodyStates(SKELETON), [frame(body_m)] * 20):
        np.testing.assert_allclose(found.xyz_m[0], body_m, atol=1e-6)
    np.testing.assert_allclose(found.velocity_m_s, 0, atol=1e-6)
    assert found.seen_ns == [START_NS + 19 * STEP_NS]
    assert found.stature_m[0] == pytest.approx(1.7, abs=0.3)


def test_noise_of_root_and_joints_is_less_than_that_of_the_lifter(body_m):
    noisy = [frame(body_m, noise_m=0.05, seed=i) for i in range(60)]
    found = np.stack([one.xyz_m[0] for one in follow(BodyStates(SKELETON), noisy)])
    given = np.stack([one.xyz_m[0] for one in noisy])
    for part, share in ((slice(0, 1), 0.7), (slice(1, 17), 0.9)):
        assert found[20:, part].std(0).mean() < share * given[20:, part].std(0).mean()
    assert np.abs(found[20:] - body_m).mean() < np.abs(given[20:] - body_m).mean()


def test_limbs_keep_their_length(body_m):
    found = follow(BodyStates(SKELETON), [frame(body_m, noise_m=0.03, seed=i) for i in range(120)])
    tree = bones.tree(SKELETON)
    lengths = np.concatenate([bones.lengths_m(one.xyz_m, tree)[:, tree.rigid] for one in found[60:]])
    assert lengths.std(0).max() < 0.010


def test_velocity_of_somebody_who_walks_and_of_a_swinging_wrist(body_m):
    wrist = SKELETON.index("left_wrist")

    def at(i):
        body = body_m + np.array([1.0, 0, 0.5]) * i / 30
        body[wrist, 0] += 0.1 * np.sin(i / 30 * 5)
        return body

    found = follow(BodyStates(SKELETON), [frame(at(i)) for i in range(90)])
    np.testing.assert_allclose(found[-1].velocity_m_s[0, 0], [1, 0, 0.5], atol=0.1)
    swing = np.array([one.velocity_m_s[0, wrist, 0] for one in found[30:]]) - 1
    expected = 0.5 * np.cos(np.arange(30, 90) / 30 * 5)
    assert np.corrcoef(swing, expected)[0, 1] > 0.9


def test_a_hidden_person_goes_on_and_is_less_and_less_certain(body_m):
    states = BodyStates(SKELETON)
    walked = [frame(body_m + np.array([0.8, 0, 0]) * i / 30) for i in range(60)]
    seen = follow(states, walked)[-1]
    gone = follow(states, [frame(walked[-1].xyz_m[0], hidden=SKELETON.joints)] * 12, first=60)
    ahead_m = [one.xyz_m[0, 0, 0] - seen.xyz_m[0, 0, 0] for one in gone]
    assert 0.2 < ahead_m[-1] < 0.9 * 0.8 * 12 / 30  # slowing down
    assert (np.diff(ahead_m) > 0).all()
    assert (np.diff([np.trace(one.root_covariance[0]) for one in gone]) > 0).all()
    assert gone[-1].seen_ns == seen.seen_ns


def turned(yaw_deg: float) -> CameraPose:
    """A camera that was turned to the right about its own down axis, half a metre beside the fixed frame."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("y", yaw_deg, degrees=True).as_matrix()
    T[0, 3] = 0.5
    return CameraPose(T)


@pytest.mark.parametrize("yaw_deg_s", [60, -90])
def test_a_turning_camera_takes_nobody_along_who_is_not_seen(body_m, yaw_deg_s):
    states, walking = BodyStates(SKELETON), np.array([0.6, 0, 0])
    for i in range(60):
        pose = turned(yaw_deg_s * (i - 30) / 60)
        hidden = SKELETON.joints if i >= 48 else ()
        there = (body_m + walking * i / 30 - pose.position_m) @ pose.R  # in the camera
        found = states.update(KEYS, START_NS + i * STEP_NS, frame(there, hidden), pose)
        if i == 47:
            np.testing.assert_allclose(found.velocity_m_s[0, 0] @ pose.R.T, walking, atol=0.1)
    assert np.linalg.norm(found.xyz_m[0, 0] - there[0]) < 0.1


def test_people_do_not_mix_whatever_their_order(body_m):
    together, alone = BodyStates(SKELETON), [BodyStates(SKELETON), BodyStates(SKELETON)]
    others = np.array([0, 1.5])[:, None, None] * [1, 0, 0.4]
    for i in range(12):
        both = frame(np.stack([body_m, body_m]) + others + 0.02 * i, noise_m=0.02, seed=i)
        order = [0, 1] if i % 2 else [1, 0]
        found = together.update(order, START_NS + i * STEP_NS, Lifted(*(part[order] for part in both)))
        for row, person in enumerate(order):
            one = Lifted(*(part[[person]] for part in both))
            single = alone[person].update([person], START_NS + i * STEP_NS, one)
            np.testing.assert_allclose(found.xyz_m[row], single.xyz_m[0], atol=1e-9)
            np.testing.assert_allclose(found.root_covariance[row], single.root_covariance[0], atol=1e-9)


def test_a_stamp_that_stands_still_or_goes_back_a_little_changes_nothing(body_m):
    states = BodyStates(SKELETON)
    before = follow(states, [frame(body_m)] * 10)[-1]
    odd = frame(body_m + 0.3)
    same = states.update(KEYS, START_NS + 9 * STEP_NS, odd)
    np.testing.assert_allclose(same.xyz_m, before.xyz_m, atol=1e-9)
    back = states.update(KEYS, START_NS + 7 * STEP_NS, odd)
    np.testing.assert_allclose(back.xyz_m, before.xyz_m, atol=1e-6)
    after = states.update(KEYS, START_NS + 10 * STEP_NS, frame(body_m))
    np.testing.assert_allclose(after.xyz_m[0], body_m, atol=1e-6)


@pytest.mark.parametrize("seconds", [30.0, -30.0])
def test_after_a_long_break_only_the_bones_are_still_known(body_m, seconds):
    states = BodyStates(SKELETON)
    follow(states, [frame(body_m + np.array([0.9, 0, 0]) * i / 30) for i in range(30)])
    there = body_m + np.array([0, 0, 1.0])
    found = states.update(KEYS, START_NS + int(seconds * 1e9), frame(there, sigma_m=0.05))
    np.testing.assert_allclose(found.xyz_m[0], there, atol=0.02)
    np.testing.assert_allclose(found.velocity_m_s, 0, atol=1e-9)


def test_who_is_somewhere_else_at_once_is_there(body_m):
    states = BodyStates(SKELETON)
    follow(states, [frame(body_m)] * 10)
    (found,) = follow(states, [frame(body_m + ASIDE)], first=10)
    np.testing.assert_allclose(found.xyz_m[0], body_m + ASIDE, atol=0.02)


def test_reset_forgets(body_m):
    states, new = BodyStates(SKELETON), BodyStates(SKELETON)
    follow(states, [frame(body_m * 0.8, noise_m=0.02)] * 5)
    states.reset()
    found, fresh = follow(states, [frame(body_m)], first=5)[0], follow(new, [frame(body_m)], first=5)[0]
    for ours, theirs in zip(found, fresh, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_nobody_is_an_answer_too():
    states = BodyStates(SKELETON)
    empty = Lifted(np.zeros((0, 17, 3)), np.zeros((0, 17)), np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert states.update([], START_NS, empty).xyz_m.shape == (0, 17, 3)


def test_a_calmer_root_is_configured(body_m):
    calm = StateConfig(root=RootConfig(along_sigma=0.5))
    noisy = [frame(body_m + np.array([0, 0, 0.2 * (-1) ** i])) for i in range(60)]
    spread = [
        np.std([one.xyz_m[0, 0, 2] for one in follow(BodyStates(SKELETON, config), noisy)][20:])
        for config in (StateConfig(), calm)
    ]
    assert spread[1] < spread[0] < 0.05


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="along_sigma: expected at least"):
        RootConfig(along_sigma=0.0)

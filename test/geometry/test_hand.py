"""Palm frame, joint angles and their inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry import hand
from pose3d_ros.geometry.hand import ANGLE_NAMES, J

LITTLE_Z = 0.04 * 0.84 / 0.97  # index and little knuckle in one plane with y: the frame is exactly the palm's
PALM = 0.09 * np.array([(0.23, -0.29, 0.17), (0.97, -0.26, 0.04), (1, 0, 0), (0.94, 0.23, 0), (0.84, 0.42, LITTLE_Z)])
LENGTHS = 0.09 * np.array([(0.45, 0.35, 0.23), (0.45, 0.28, 0.2), (0.5, 0.3, 0.2), (0.45, 0.28, 0.2), (0.35, 0.2, 0.2)])
RIGHT, LEFT = np.array([False]), np.array([True])
ANGLES = st.lists(st.floats(-0.5, 1.4), min_size=20, max_size=20).map(np.array)
ROTATIONS = st.integers(0, 10_000).map(lambda seed: Rotation.random(random_state=seed))


def make(**degrees):
    """A right hand in its palm frame, all angles 0 but these."""
    angles = np.zeros(20)
    angles[1] = np.radians(-30)
    for name, value in degrees.items():
        angles[ANGLE_NAMES.index(name)] = np.radians(value)
    return hand.joints_of(angles, PALM, LENGTHS)


def described(xyz, left=RIGHT):
    return hand.describe(xyz[None], left)


def test_there_are_twenty_angles_four_a_finger_from_thumb_to_little():
    assert len(set(ANGLE_NAMES)) == 20
    assert [name.split("_")[0] for name in ANGLE_NAMES[::4]] == ["thumb", "index", "middle", "ring", "little"]


def test_the_palm_frame_of_a_hand_in_its_own_frame_is_the_identity():
    axes, valid = hand.palm_axes(make()[None], RIGHT)
    assert valid[0]
    assert axes[0] == pytest.approx(np.eye(3), abs=1e-9)


def test_on_both_sides_z_leaves_the_palm_and_fingers_curl_towards_it():
    fist = make(index_mcp_flexion=80, middle_mcp_flexion=80, ring_mcp_flexion=80, little_mcp_flexion=80)
    for xyz, left in ((fist, RIGHT), (fist * (1, -1, 1), LEFT)):
        axes, _ = hand.palm_axes(xyz[None], left)
        to_tip = xyz[J["middle_tip"]] - xyz[J["middle_mcp"]]
        assert to_tip @ axes[0][:, 2] > 0.08
        assert np.linalg.det(axes[0]) == pytest.approx(1)
        assert axes[0][:, 1] == pytest.approx(np.cross(axes[0][:, 2], axes[0][:, 0]))


def test_y_points_to_the_little_finger_of_a_right_hand_and_to_the_thumb_of_a_left_one():
    xyz = make()
    for joints, left, sign in ((xyz, RIGHT, 1), (xyz * (1, -1, 1), LEFT, -1)):
        axes, _ = hand.palm_axes(joints[None], left)
        assert sign * (joints[J["little_mcp"]] @ axes[0][:, 1]) > 0.02
        assert sign * (joints[J["thumb_mcp"]] @ axes[0][:, 1]) < -0.02


@settings(max_examples=50, deadline=None)
@given(ANGLES, ROTATIONS)
def test_angles_come_back_from_joints_turned_any_way(angles, turn):
    angles[[4, 8, 12, 16]] = np.clip(angles[[4, 8, 12, 16]], -0.5, 0.5)
    xyz = turn.apply(hand.joints_of(angles, PALM, LENGTHS)) + np.array((0.1, -0.2, 0.8))
    found = described(xyz)
    assert found.angles_rad[0] == pytest.approx(angles, abs=1e-6)
    difference = Rotation.from_quat(found.quat_xyzw[0]).inv() * turn
    assert difference.magnitude() < 1e-6


@settings(max_examples=25, deadline=None)
@given(ANGLES)
def test_a_mirrored_hand_has_the_same_angles_aperture_and_curl(angles):
    xyz = hand.joints_of(angles, PALM, LENGTHS)
    right, left = described(xyz), described(xyz * (-1, 1, 1), LEFT)
    assert left.angles_rad == pytest.approx(right.angles_rad, abs=1e-6)
    assert left.aperture_m == pytest.approx(right.aperture_m)
    assert left.curl == pytest.approx(right.curl, abs=1e-6)


def test_torch_and_numpy_agree():
    torch = pytest.importorskip("torch")
    angles = np.linspace(-0.3, 1.0, 40).reshape(2, 20)
    ours = hand.joints_of(angles, PALM, LENGTHS)
    theirs = hand.joints_of(torch.from_numpy(angles), torch.from_numpy(PALM), torch.from_numpy(LENGTHS))
    assert theirs.numpy() == pytest.approx(ours)


@pytest.mark.parametrize(
    ("angles", "finger", "expected"),
    [
        ({}, 1, 0.0),
        ({"index_mcp_flexion": 90, "index_pip_flexion": 100, "index_dip_flexion": 70}, 1, 1.0),
        ({"index_pip_flexion": 100, "index_dip_flexion": 25}, 1, 0.5),
        ({"thumb_mcp_flexion": 50, "thumb_ip_flexion": 60}, 0, 1.0),
        ({"little_mcp_flexion": -20}, 4, 0.0),
    ],
)
def test_curl_goes_from_straight_to_closed(angles, finger, expected):
    assert described(make(**angles)).curl[0, finger] == pytest.approx(expected, abs=1e-6)


def test_aperture_is_the_distance_of_thumb_and_index_tips():
    xyz = make()
    assert described(xyz).aperture_m[0] == pytest.approx(np.linalg.norm(xyz[4] - xyz[8]))


def test_hand_length_does_not_change_with_the_posture():
    assert hand.hand_length(make()) == pytest.approx(0.09 * 2.0)
    assert hand.hand_length(make(middle_mcp_flexion=90, middle_pip_flexion=90)) == pytest.approx(0.09 * 2.0)


@pytest.mark.parametrize(
    "xyz",
    [np.zeros((21, 3)), np.full((21, 3), 0.7), np.linspace(0, 0.2, 21)[:, None] * (1, 0, 0)],
    ids=["origin", "one point", "a line"],
)
def test_a_hand_without_a_palm_is_not_valid_and_all_nan(xyz):
    found = described(xyz)
    assert not found.valid[0]
    for values in found[:4]:
        assert np.isnan(values).all()


def test_no_hands_give_empty_arrays():
    found = hand.describe(np.zeros((0, 21, 3)), np.zeros(0, bool))
    assert found.quat_xyzw.shape == (0, 4)
    assert found.angles_rad.shape == (0, 20)
    assert found.curl.shape == (0, 5)

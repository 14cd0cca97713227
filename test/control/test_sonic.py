"""SONIC's protocol v3: bytes, axes, wrists."""

import json
import struct

import numpy as np
import pytest
from pose3d_testing.made_people import SKELETON, xyz_of
from scipy.spatial.transform import Rotation

from pose3d_ros.control import sonic
from pose3d_ros.core.types import JointState, Person3D
from pose3d_ros.geometry.articulation import PALM_AT_REST, SEGMENTS
from pose3d_ros.geometry.body24 import BODY24
from pose3d_ros.geometry.rotations import quat_of, rotate
from pose3d_ros.stages.articulation import Articulation, as_body24

REST = np.tile(np.eye(3), (len(SEGMENTS), 1, 1))
LEVEL = np.array([0, 0, 0, 1.0])


def person(axes=REST, frame=np.eye(3)):
    xyz_m = xyz_of(axes) @ frame.T
    given = Person3D("a", 1, SKELETON.name, xyz_m, np.full(17, 0.02), np.full(17, JointState.MEASURED))
    return as_body24(Articulation().articulate(0, [given]))[0]


def test_the_bytes_are_topic_header_and_little_endian_arrays():
    message = sonic.packed(sonic.fields(person(), LEVEL, 7))
    assert message[:4] == b"pose"
    header = json.loads(message[4 : 4 + 1280].rstrip(b"\0"))
    assert (header["v"], header["endian"], header["count"]) == (3, "le", 1)
    assert [(f["name"], f["dtype"], f["shape"]) for f in header["fields"]] == [
        ("smpl_joints", "f32", [1, 24, 3]), ("smpl_pose", "f32", [1, 21, 3]), ("joint_pos", "f32", [1, 29]),
        ("joint_vel", "f32", [1, 29]), ("body_quat", "f32", [1, 4]), ("frame_index", "i64", [1]),
    ]  # fmt: skip
    body = message[1284:]
    assert len(body) == 4 * (72 + 63 + 29 + 29 + 4) + 8
    assert struct.unpack("<q", body[-8:]) == (7,)
    assert struct.unpack("<4f", body[-24:-8]) == pytest.approx((1, 0, 0, 0), abs=1e-3)  # w first
    assert struct.unpack("<3f", body[12:24]) == pytest.approx((0, 0.088, 0), abs=1e-3)  # left hip: y is left


def test_what_is_packed_is_unpacked():
    arrays = sonic.fields(person(), LEVEL, 7)
    for name, array in sonic.unpacked(sonic.packed(arrays)).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_joints_are_local_to_the_root_and_the_root_is_level():
    """The same person turned by 40 degrees about the vertical, seen by a camera that is tilted down by 20."""
    turn = Rotation.from_euler("z", 40, degrees=True).as_matrix()
    optical = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0.0]])  # rows: right, down, ahead, in x ahead, y left, z up
    tilted = Rotation.from_euler("x", -20, degrees=True).as_matrix() @ optical
    up = tilted @ np.array([0, 0, 1.0])
    seen = sonic.fields(person(turn @ REST, tilted), sonic.level_of(up), 0)
    assert seen["smpl_joints"] == pytest.approx(sonic.fields(person(), LEVEL, 0)["smpl_joints"], abs=1e-3)
    assert seen["body_quat"][0] == pytest.approx([np.cos(np.radians(20)), 0, 0, np.sin(np.radians(20))], abs=1e-3)


def test_the_pose_is_against_the_parents_in_smpl_axes():
    axes = REST.copy()
    shank = Rotation.from_euler("y", 60, degrees=True).as_matrix()
    axes[SEGMENTS.index("left_shank")] = axes[SEGMENTS.index("left_foot")] = shank
    pose = sonic.fields(person(axes), LEVEL, 0)["smpl_pose"][0]
    assert np.degrees(pose[BODY24.index("left_knee") - 1]) == pytest.approx([60, 0, 0], abs=8)  # about x, which is left
    assert np.degrees(np.linalg.norm(pose[BODY24.index("right_knee") - 1])) < 2


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_wrists_are_zero_beyond_the_hinge_and_turn_about_the_forearm(side, sign):
    """Upper arm down, forearm ahead, palm inwards, thumb up: zero. Then rolled by 30 degrees about the forearm."""
    quat = np.tile([0, 0, 0, 1.0], (24, 1))
    arm = Rotation.from_euler("x", -90 * sign, degrees=True)
    forearm = arm * Rotation.from_euler("z", -90 * sign, degrees=True)
    assert forearm.apply([0, sign, 0]) == pytest.approx([1, 0, 0], abs=1e-9)
    palm = forearm.as_matrix() @ PALM_AT_REST[0 if sign > 0 else 1]
    assert palm[:, 2] == pytest.approx([0, -sign, 0], abs=1e-9)
    rows = BODY24.indices([f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"])
    quat[rows] = [arm.as_quat(), forearm.as_quat(), forearm.as_quat()]
    assert sonic.wrist_angles(quat, side) == pytest.approx([0, 0, 0], abs=1e-9)
    roll = Rotation.from_euler("x", 30, degrees=True)  # the forearm lies along x
    quat[rows[1:]] = [(roll * forearm).as_quat()] * 2
    assert np.degrees(sonic.wrist_angles(quat, side)) == pytest.approx([30, 0, 0], abs=1e-6)
    bent = Rotation.from_euler("xyz", (30, 20, 0), degrees=True)
    quat[rows[2]] = (roll * Rotation.from_euler("y", 20, degrees=True) * forearm).as_quat()
    assert np.degrees(sonic.wrist_angles(quat, side)) == pytest.approx([30, 20, 0], abs=1e-6), bent


def test_level_puts_up_on_z_and_ahead_on_x():
    level = sonic.level_of(np.array([0, -1, 0.0]))
    assert rotate(level, np.array([0, 0, 1.0])) == pytest.approx([1, 0, 0])
    assert rotate(level, np.array([1.0, 0, 0])) == pytest.approx([0, -1, 0])
    down = rotate(sonic.level_of(np.array([0, 0, -1.0])), np.array([0, 0, -1.0]))  # looks straight down
    assert down == pytest.approx([0, 0, 1])
    assert quat_of(np.eye(3)) == pytest.approx(LEVEL)

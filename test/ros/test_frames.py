"""Where the camera is, by TF: the stand-in's buffer, and what the lifter makes of it."""

import math

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Imu

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Hand3D, Person3D, Skeletons3D
from pose3d_ros.ros import compat, frames
from pose3d_ros.ros.frames import Frames, FramesConfig
from pose3d_ros.ros.shims import tf2_ros

OPTICAL = Rotation.from_matrix([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # optical axes in those of a robot
S = 10**9


def transform(parent, child, stamp_ns=0, t=(0, 0, 0), R=None) -> TransformStamped:
    R = R or Rotation.identity()
    msg = TransformStamped(child_frame_id=child)
    msg.header.frame_id = parent
    msg.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    msg.transform.translation.x, msg.transform.translation.y, msg.transform.translation.z = map(float, t)
    q = msg.transform.rotation
    q.x, q.y, q.z, q.w = R.as_quat()
    return msg


@pytest.fixture
def buffer():
    """A robot that drives ahead with 1 m/s and turns left with 30 deg/s; its camera is 1.2 m high."""
    made = tf2_ros.Buffer()
    made.set_transform_static(transform("base_link", "camera", t=(0.1, 0, 1.2), R=OPTICAL), "test")
    for i in range(11):
        yaw = Rotation.from_euler("z", 3 * i, degrees=True)
        made.set_transform(transform("odom", "base_link", 10 * S + i * S // 10, (0.1 * i, 0, 0), yaw), "test")
    return made


class TestBuffer:
    def test_between_two_stamps_it_interpolates(self, buffer):
        found = buffer.lookup_transform("odom", "base_link", Time(nanoseconds=10 * S + S // 4)).transform
        assert found.translation.x == pytest.approx(0.25)
        assert 2 * math.degrees(math.atan2(found.rotation.z, found.rotation.w)) == pytest.approx(7.5)

    def test_chains_and_their_inverse(self, buffer):
        there = buffer.lookup_transform("odom", "camera", Time(nanoseconds=11 * S))
        back = buffer.lookup_transform("camera", "odom", Time(nanoseconds=11 * S))
        assert there.header.frame_id == "odom"
        assert there.child_frame_id == "camera"
        assert there.transform.translation.z == pytest.approx(1.2)
        q, p = there.transform.rotation, back.transform.rotation
        both = Rotation.from_quat([q.x, q.y, q.z, q.w]) * Rotation.from_quat([p.x, p.y, p.z, p.w])
        assert both.magnitude() == pytest.approx(0, abs=1e-9)

    def test_stamp_0_is_the_newest(self, buffer):
        assert buffer.lookup_transform("odom", "base_link", Time()).transform.translation.x == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("target", "source", "stamp_ns", "error"),
        [
            ("odom", "nowhere", 10 * S, tf2_ros.LookupException),
            ("odom", "base_link", 9 * S, tf2_ros.ExtrapolationException),
            ("odom", "base_link", 12 * S, tf2_ros.ExtrapolationException),
            ("odom", "other", 10 * S, tf2_ros.ConnectivityException),
        ],
    )
    def test_what_is_not_known_is_told(self, buffer, target, source, stamp_ns, error):
        buffer.set_transform_static(transform("island", "other"), "test")
        with pytest.raises(error):
            buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))

    def test_frames_in_a_circle_end(self):
        circle = tf2_ros.Buffer()
        circle.set_transform_static(transform("a", "b"), "test")
        circle.set_transform_static(transform("b", "a"), "test")
        with pytest.raises(tf2_ros.TransformException):
            circle.lookup_transform("a", "c", Time())

    def test_time_that_goes_back_voids_what_was_known(self):
        looped = tf2_ros.Buffer()
        for stamp_ns in (50 * S, 51 * S, 2 * S, 3 * S):
            looped.set_transform(transform("odom", "base_link", stamp_ns, (stamp_ns / S, 0, 0)), "test")
        assert looped.lookup_transform("odom", "base_link", Time()).transform.translation.x == 3
        with pytest.raises(tf2_ros.ExtrapolationException):
            looped.lookup_transform("odom", "base_link", Time(nanoseconds=50 * S))


class Listener:
    def __init__(self, buffer, node) -> None:
        pass

    def unregister(self) -> None:
        pass


@pytest.fixture
def make(monkeypatch, buffer, ros):
    """Frames over the buffer of the robot above; what they blame is collected."""
    monkeypatch.setattr(compat, "TransformListener", Listener)
    monkeypatch.setattr(compat, "TransformException", tf2_ros.TransformException)
    monkeypatch.setattr(compat, "Buffer", lambda **_: buffer)

    def build(**config):
        blamed = []
        made = Frames(
            ros.node, FramesConfig(**{"wait_s": 0.0, **config}), lambda name, text: blamed.append((name, text))
        )
        return made, blamed

    return build


def test_without_a_word_there_is_no_pose(make):
    assert make()[0].pose(10 * S, "camera") is None


def test_pose_up_and_height_at_the_stamp(make):
    found, blamed = make(fixed="odom", floor=True, floor_z_m=-0.1)
    pose = found.pose(10 * S + S // 2, "camera")
    np.testing.assert_allclose(pose.up, [0, -1, 0], atol=1e-9)
    assert pose.height_m == pytest.approx(1.3)
    np.testing.assert_allclose(pose.R @ [0, 0, 1], [np.cos(np.pi / 12), np.sin(np.pi / 12), 0], atol=1e-9)
    assert blamed == []


@pytest.mark.parametrize(("stamp_ns", "frame"), [(20 * S, "camera"), (10 * S, "nowhere")])
def test_a_transform_that_is_missing_is_told_and_nothing_stops(make, stamp_ns, frame):
    found, blamed = make(fixed="odom")
    for _ in range(8):
        assert found.pose(stamp_ns, frame) is None
    assert {name for name, _ in blamed} == {"TF"}
    assert "no transform from" in blamed[0][1]
    assert found.pose(10 * S, "camera") is not None


def test_a_floor_above_the_camera_is_told_and_not_used(make):
    found, blamed = make(fixed="odom", floor=True, floor_z_m=3.0)
    assert found.pose(10 * S, "camera").height_m is None
    assert "above the camera" in blamed[0][1]


def test_a_tilted_camera_without_tf(make):
    pose = make(gravity="tilt", tilt_deg=30.0, floor=True, camera_height_m=1.5)[0].pose(0, "camera")
    np.testing.assert_allclose(pose.up, [0, -np.cos(np.pi / 6), -0.5])
    np.testing.assert_array_equal(pose.T_fixed_camera, np.eye(4))
    assert pose.height_m == 1.5


def test_an_imu_says_where_up_is_and_a_shock_does_not(make, monkeypatch):
    monkeypatch.setattr(frames.qos, "subscribe", lambda *_: None)
    found, blamed = make(gravity="imu")
    assert found.pose(10 * S, "camera") is None
    reading = Imu()
    reading.header.frame_id = "base_link"
    reading.linear_acceleration.z = 9.81
    found._on_imu(reading)
    np.testing.assert_allclose(found.pose(10 * S, "camera").up, [0, -1, 0], atol=1e-9)
    for x in (50.0, math.nan):
        reading.linear_acceleration.x = x
        found._on_imu(reading)
    np.testing.assert_allclose(found.pose(10 * S, "camera").up, [0, -1, 0], atol=1e-9)
    assert {name for name, _ in blamed} == {"imu"}


def result() -> Skeletons3D:
    xyz_m = np.tile([0.5, 0.2, 3.0], (17, 1)).astype(np.float32)
    person = Person3D(
        "anna", 1, "h36m17", xyz_m, np.ones(17), np.ones(17), velocity_m_s=np.tile([0, 0, 1.0], (17, 1)),
        quat_xyzw=np.tile([0, 0, 0, 1.0], (17, 1)), root_covariance=np.diag([0.01, 0.01, 0.09]),
    )  # fmt: skip
    hand = Hand3D(
        "anna", 1, "left", xyz_m[0], np.array([0, 0, 0, 1.0]), np.tile(xyz_m[0], (21, 1)), np.ones(21), np.ones(21),
        np.zeros(20), 0.1, np.zeros(5),
    )  # fmt: skip
    return Skeletons3D(10 * S + S // 2, "camera", (person,), (hand,))


def test_results_go_out_in_the_frame_that_was_asked_for_at_their_stamp(make):
    placed = make(output="base_link")[0].placed(result())
    (person,), (hand,) = placed.people, placed.hands
    assert placed.frame_id == "base_link"
    np.testing.assert_allclose(person.xyz_m[0], [3.1, -0.5, 1.0], atol=1e-6)
    np.testing.assert_allclose(hand.wrist_m, person.xyz_m[0])
    np.testing.assert_allclose(person.velocity_m_s[0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.diag(person.root_covariance), [0.09, 0.01, 0.01], atol=1e-6)
    np.testing.assert_allclose(Rotation.from_quat(hand.quat_xyzw).as_matrix(), OPTICAL.as_matrix(), atol=1e-6)
    unknown = make(output="nowhere")
    assert unknown[0].placed(result()) is None
    assert unknown[1]


def test_the_camera_s_own_frame_is_left_as_it_is(make):
    given = result()
    for config in ({}, {"output": "camera"}):
        assert make(**config)[0].placed(given) is given


def test_tf_that_is_not_installed_is_an_error_with_what_to_do(ros, monkeypatch):
    def refuse(*_):
        raise ImportError(tf2_ros.MISSING)

    monkeypatch.setattr(frames.compat, "TransformListener", refuse)
    with pytest.raises(ConfigError, match="tf2_msgs"):
        Frames(ros.node, FramesConfig(fixed="odom"), print)

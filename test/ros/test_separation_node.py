"""The separation node over DDS: skeletons in, bounds out, unknown on every fault; and that it says what it is not."""

import itertools
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from pose3d_testing.made_people import SKELETON, xyz_of

from pose3d_ros.core.types import JointState, Person3D, Skeletons3D, TrackState
from pose3d_ros.geometry.articulation import SEGMENTS
from pose3d_ros.geometry.transform_tree import transform
from pose3d_ros.msg import Separation, Skeleton3DArray
from pose3d_ros.ros import conversions

REST = np.tile(np.eye(3), (len(SEGMENTS), 1, 1))
LEVEL = (0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)  # camera a metre above the base, axes alike
LENIENT = {"timeout_s": 1.0, "max_age_s": 5.0, "hold_s": 0.0, "jump_m": 5.0}  # nothing here depends on the load


def skeletons(now_ns, *people, **more):
    return conversions.skeletons_to_msg(Skeletons3D(now_ns, "camera", people, **more))


def person(x_m=4.0, **more):
    return Person3D(
        "anna", 1, SKELETON.name, xyz_of(REST) + np.array([x_m, 0, 0]), np.full(17, 0.01),
        np.full(17, JointState.MEASURED), root_covariance=np.eye(3) * 1e-4, **more,
    )  # fmt: skip


class Bench:
    def __init__(self, ros, **parameters):
        from rclpy.parameter import Parameter

        from pose3d_ros.ros.separation_node import SeparationNode

        values = {"camera_pose": list(LEVEL), **LENIENT, **parameters}
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
        self.ros = ros
        self.node = ros.add(SeparationNode(context=ros.context, parameter_overrides=overrides))

    def up(self):
        assert self.node.trigger_configure().name == "SUCCESS", self.node.last_error
        assert self.node.trigger_activate().name == "SUCCESS", self.node.last_error
        self.out = self.ros.inbox(Separation, "separation")
        self.publisher = self.ros.publisher(Skeleton3DArray, "skeletons")
        self.ros.until(lambda: self.node.count_subscribers("/separation") == 1, "the reader")
        return self

    def now_ns(self):
        return self.node.get_clock().now().nanoseconds

    def send(self, *people, **more):
        """Until an answer to this very message came: LATEST is best effort."""
        for _ in itertools.repeat(None, 50):
            message = skeletons(self.now_ns(), *people, **more)
            self.publisher.publish(message)
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                answers = [msg for msg in self.out.items if msg.header.stamp == message.header.stamp]
                if answers:
                    return answers[-1]
                time.sleep(0.005)
        raise AssertionError("no answer")


@pytest.fixture
def bench(ros):
    return lambda **parameters: Bench(ros, **parameters)


def test_the_distance_and_its_bounds_are_in_the_base_frame(bench):
    b = bench(protective__robot_speed_m_s=0.0).up()
    msg = b.send(person(4.0))
    assert (msg.state, msg.header.frame_id, msg.person_id, msg.track) == (Separation.CLEAR, "base_link", "anna", 1)
    assert msg.lower_m < msg.distance_m < msg.upper_m
    assert msg.distance_m == pytest.approx(4.0 - 0.25 - 0.3 - 0.17, abs=0.15)
    assert msg.ratio == pytest.approx(msg.lower_m / msg.protective_m, rel=1e-5)
    assert msg.at_person.x == pytest.approx(4.0, abs=0.3)
    assert b.send(person(1.2)).state == Separation.STOP


def test_it_says_loudly_that_it_is_no_safety_function(bench, monkeypatch):
    said = []
    b = bench()
    monkeypatch.setattr(type(b.node.get_logger()), "warning", lambda self, text, **_: said.append(text), raising=False)
    b.up()
    assert any("**NOT A SAFETY FUNCTION**" in text for text in said)


def test_every_odd_message_is_unknown_with_the_reason_and_the_node_goes_on(bench):
    b = bench().up()
    assert b.send(person()).state == Separation.CLEAR
    cases = [
        ({"people": (person(track_state=TrackState.LOST),)}, "person anna is lost"),
        ({"people": (person(),), "stale": True}, "s old"),
        ({"people": ()}, "not there any more"),
    ]
    for case, why in cases:
        msg = b.send(*case.pop("people"), **case)
        assert msg.state == Separation.UNKNOWN
        assert why in msg.reason
    broken = skeletons(b.now_ns(), person())
    broken.people[0].xyz_m = broken.people[0].xyz_m[:10]
    count = len(b.out)
    b.publisher.publish(broken)
    b.ros.until(lambda: len(b.out) > count, "an answer")
    assert b.out.items[-1].state == Separation.UNKNOWN


def test_silence_is_unknown_by_the_watchdog(bench):
    b = bench(timeout_s=0.1).up()
    b.send(person())
    silent = b.out.wait_for(lambda msg: msg.state == Separation.UNKNOWN and "no skeletons for" in msg.reason)
    assert np.isnan(silent.distance_m)


def test_robots_of_several_frames_stand_where_tf_puts_them_and_are_unknown_without(bench, tmp_path, monkeypatch):
    from pose3d_ros.ros.transforms import listen

    monkeypatch.setattr(listen, "available", True)  # this test feeds the tree itself
    file = tmp_path / "robot.yaml"
    file.write_text("base: base_link\ncapsules: [{frame: tool, from: [0, 0, 0], to: [0, 0, 0.1], radius_m: 0.1}]")
    b = bench(robot=str(file), camera_pose=[0.0] * 7, vanish_s=0.0).up()
    assert "no transform from 'tool'" in b.send(person()).reason
    now_s = b.node._steady_s
    b.node.tree.set("base_link", "camera", transform(np.zeros(3), np.array([0, 0, 0, 1.0])), None)
    b.node.tree.set("base_link", "tool", transform(np.array([1.0, 0, 0]), np.array([0, 0, 0, 1.0])), now_s() + 60)
    assert b.send(person()).distance_m == pytest.approx(4.0 - 1.0 - 0.1 - 0.17, abs=0.15)
    b.node.tree.set("base_link", "tool", transform(np.zeros(3), np.array([0, 0, 0, 1.0])), now_s() - 60)
    assert "old" in b.send(person()).reason


@pytest.mark.parametrize(
    ("parameters", "why"), [({"robot": "nobody"}, "there is no"), ({"camera_pose": [0.0] * 7}, "tf2_msgs")]
)
def test_what_cannot_be_configured_is_refused_with_the_reason(bench, parameters, why, monkeypatch):
    from pose3d_ros.ros.transforms import listen

    monkeypatch.setattr(listen, "available", False)
    b = bench(**parameters)
    assert b.node.trigger_configure().name == "FAILURE"
    assert why in b.node.last_error

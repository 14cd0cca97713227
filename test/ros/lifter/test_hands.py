"""Hands through the node with the shipped weights: the demo recording's keypoints in, poses for a robot out."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")
pytest.importorskip("torch")
pytest.importorskip("rosbags")

import numpy as np
from geometry_msgs.msg import PoseStamped
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.core.types import Person2D
from pose3d_ros.geometry.hand import J
from pose3d_ros.lab.viewing.bag import Recording
from pose3d_ros.msg import Hand3DArray, Skeleton3DArray
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.ros import conversions

RECORDING = Recording(Path(__file__).parents[3] / "demo" / "signing")
FRAMES = [frame for _, frame in sorted(RECORDING.keypoints.items()) if len(frame.people) >= 3][:12]


def up(bench):
    return bench(Pipeline, body__device="cpu").up().calibrate(RECORDING.camera)


def at(inbox, frame):
    return inbox.wait_for(lambda msg: conversions.stamp_to_ns(msg.header.stamp) == frame.stamp_ns)


def test_both_hands_hang_on_the_body_and_drive_a_robot(bench):
    b = up(bench)
    hands, people = b.inbox(Hand3DArray, "hands"), b.inbox(Skeleton3DArray, "skeletons")
    pose = {side: b.inbox(PoseStamped, f"hands/{side}/pose") for side in ("left", "right")}
    for frame in FRAMES:
        b.send(frame)
        found, bodies = at(hands, frame), at(people, frame)
    assert found.header.frame_id == FRAMES[-1].frame_id
    assert sorted(hand.side for hand in found.hands) == ["left", "right"]
    body = bodies.people[0]
    joints_m = np.reshape(body.xyz_m, (-1, 3))
    for hand in found.hands:
        assert (hand.person_id, hand.track, hand.skeleton, hand.method) == (body.id, body.track, "hand21", "dtf")
        xyz_m, own_m = np.reshape(hand.xyz_m, (-1, 3)), np.reshape(hand.xyz_wrist_m, (-1, 3))
        wrist = joints_m[formats.get(body.skeleton).index(f"{hand.side}_wrist")]
        assert np.linalg.norm(xyz_m[J["wrist"]] - wrist) < 0.1
        q = hand.wrist.orientation
        turn = Rotation.from_quat((q.x, q.y, q.z, q.w))
        origin = np.array([hand.wrist.position.x, hand.wrist.position.y, hand.wrist.position.z])
        np.testing.assert_allclose(turn.apply(own_m) + origin, xyz_m, atol=1e-4)
        knuckle = own_m[J["middle_mcp"]]
        assert knuckle[0] == pytest.approx(np.linalg.norm(knuckle), abs=1e-4)  # x to the middle knuckle
        grip = np.linalg.norm(xyz_m[J["thumb_tip"]] - xyz_m[J["index_tip"]])
        assert hand.aperture_m == pytest.approx(grip, abs=1e-4)
        stamped = at(pose[hand.side], FRAMES[-1])
        assert (stamped.header, stamped.pose) == (found.header, hand.wrist)


def test_what_is_odd_about_hands_is_counted_and_the_stream_goes_on(bench):
    b = up(bench)
    hands = b.inbox(Hand3DArray, "hands")
    point = Person2D("hand21", np.full((21, 2), 100.0), np.ones(21), side="left")
    for frame in FRAMES[:6]:
        b.send(replace(frame, people=(*(p for p in frame.people if p.side != "left"), point)))
        found = at(hands, frame)
    assert [hand.side for hand in found.hands] == ["right"]
    assert "hand_in_one_point" in b.reason("people")

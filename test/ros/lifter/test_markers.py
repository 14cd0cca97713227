"""Markers: stable colours, inferred joints paler, DELETE for whoever left, nothing that RViz refuses."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from visualization_msgs.msg import Marker

from pose3d_ros.core.types import JointState, Skeletons3D
from pose3d_ros.ros.markers import MarkerConfig, Markers, colour


def result(*people, hands=()):
    return Skeletons3D(5_000_000_000, "camera", people, hands)


def by_key(array):
    return {(m.ns, m.id): m for m in array.markers}


def test_one_person_is_three_markers_with_the_header_of_the_input(make):
    array = Markers(MarkerConfig(lifetime_s=0.25)).draw(result(make.person3d(make.body(), 4)))
    markers = by_key(array)
    assert set(markers) == {("body_joints", 4), ("body_bones", 4), ("body_text", 4)}
    joints, bones = markers["body_joints", 4], markers["body_bones", 4]
    assert (joints.type, bones.type) == (Marker.SPHERE_LIST, Marker.LINE_LIST)
    assert (len(joints.points), len(bones.points)) == (17, 32)
    assert (len(joints.colors), len(bones.colors)) == (17, 32)
    assert joints.points[16].z == pytest.approx(7.0)
    for marker in array.markers:
        assert (marker.header.stamp.sec, marker.header.frame_id) == (5, "camera")
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 250_000_000)
        assert marker.pose.orientation.w == 1.0
    assert "anna" in markers["body_text", 4].text


def saturation(c) -> float:
    return 1 - min(c.r, c.g, c.b) / max(c.r, c.g, c.b)


def test_inferred_joints_and_their_bones_are_paler(make):
    person = make.person3d(make.body(), 1)
    markers = by_key(Markers(MarkerConfig()).draw(result(person)))
    seen, hidden = markers["body_joints", 1].colors[0], markers["body_joints", 1].colors[3]
    assert person.state[3] == JointState.INFERRED
    assert saturation(hidden) < saturation(seen)
    assert hidden.a < seen.a
    bone = markers["body_bones", 1].colors[4:6]  # right_knee to right_ankle, which is joint 3
    assert [c.a for c in bone] == [hidden.a] * 2


def test_colours_are_of_the_track_and_differ_between_neighbours():
    assert colour(3, False) == colour(3, False)
    hues = [(c.r, c.g, c.b) for c in (colour(track, False) for track in range(8))]
    distances = [max(abs(np.subtract(a, b))) for i, a in enumerate(hues) for b in hues[:i]]
    assert min(distances) > 0.1
    assert all(0 <= value <= 1 for hue in hues for value in hue)


def test_who_left_is_deleted_once(make):
    markers = Markers(MarkerConfig())
    anna, ben = make.person3d(make.body("anna"), 0), make.person3d(make.body("ben"), 1)
    hand = make.hand3d("ben", 1, "left")
    markers.draw(result(anna, ben, hands=(hand,)))
    after = by_key(markers.draw(result(anna)))
    deleted = {key for key, marker in after.items() if marker.action == Marker.DELETE}
    assert deleted == {
        (n, 1) for n in ("body_joints", "body_bones", "body_text", "left_hand_joints", "left_hand_bones")
    }
    assert all(m.action == Marker.ADD for m in markers.draw(result(anna)).markers)
    assert not [m for m in after.values() if m.action == Marker.DELETEALL]


def test_invalid_joints_are_left_out_with_their_bones(make):
    person = make.person3d(make.body(), 0)
    state, xyz_m = person.state.copy(), person.xyz_m.copy()
    state[2], xyz_m[2] = JointState.INVALID, np.nan  # right_knee has two bones
    markers = by_key(Markers(MarkerConfig()).draw(result(dataclasses.replace(person, state=state, xyz_m=xyz_m))))
    assert len(markers["body_joints", 0].points) == 16
    assert len(markers["body_bones", 0].points) == 2 * 14
    points = [p for m in markers.values() for p in m.points]
    assert all(np.isfinite((p.x, p.y, p.z)).all() for p in points)


def test_a_person_without_any_valid_joint_is_not_drawn(make):
    person = make.person3d(make.body(), 0)
    nowhere = dataclasses.replace(person, state=np.zeros(17), xyz_m=np.full((17, 3), np.nan))
    assert Markers(MarkerConfig()).draw(result(nowhere)).markers == []


def test_clear_deletes_all_and_forgets(make):
    markers = Markers(MarkerConfig())
    markers.draw(result(make.person3d(make.body(), 0)))
    (all_gone,) = markers.clear("camera").markers
    assert all_gone.action == Marker.DELETEALL
    assert markers.draw(result()).markers == []

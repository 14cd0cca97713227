"""Rotations of people in the pipeline, and their 24 joints."""

from dataclasses import replace

import numpy as np
import pytest
from pose3d_testing.made_people import SKELETON, joints_of, xyz_of

from pose3d_ros.core import formats
from pose3d_ros.core.formats.body24 import REST_M
from pose3d_ros.core.types import Hand3D, JointState, Person3D
from pose3d_ros.geometry.articulation import PALM_AT_REST, SEGMENTS
from pose3d_ros.geometry.rotations import angle_rad, quat_of
from pose3d_ros.stages.articulation import FORGET_S, Articulation, as_body24

BODY24 = formats.get("body24")
AT_REST = np.tile(np.eye(3), (len(SEGMENTS), 1, 1))
IDENTITY = np.array([0, 0, 0, 1.0])
FRAME_NS = 33_333_333


def person(xyz_m=None, track=1, **more):
    xyz_m = xyz_of(AT_REST) if xyz_m is None else xyz_m
    return Person3D(
        str(track), track, SKELETON.name, xyz_m, np.full(17, 0.02), np.full(17, JointState.MEASURED), **more
    )


def hand(side, axes, track=1):
    return Hand3D(
        str(track), track, side, np.zeros(3), quat_of(axes), np.zeros((21, 3)), np.zeros(21), np.ones(21, np.uint8),
        np.zeros(20), 0.1, np.zeros(5),
    )  # fmt: skip


def test_somebody_at_rest_has_the_rest_pose_in_all_24_joints():
    (out,) = Articulation().articulate(0, [person()])
    assert out.quat_xyzw.dtype == np.float32
    assert angle_rad(out.quat_xyzw, IDENTITY).max() < 0.01
    (body,) = as_body24([out])
    assert body.skeleton == "body24"
    assert angle_rad(body.quat_xyzw, IDENTITY).max() < 0.01
    want = np.zeros((24, 3))
    for row, joint in enumerate(BODY24.joints):  # parents come first
        parent = BODY24.parents.get(joint)
        want[row] = np.array(REST_M[joint]) + (want[BODY24.index(parent)] if parent else 0)
    assert body.xyz_m == pytest.approx(want, abs=0.006)


def test_states_sigmas_and_velocities_of_derived_joints_follow_their_sources():
    velocity = np.tile([0.5, 0, 0], (17, 1))
    given = person(velocity_m_s=velocity, root_covariance=np.eye(3), stature_m=1.7)
    state, xyz_m, sigma_m = given.state.copy(), given.xyz_m.copy(), given.sigma_m.copy()
    state[SKELETON.index("spine")] = JointState.INFERRED
    state[SKELETON.index("left_wrist")] = JointState.INVALID
    xyz_m[SKELETON.index("left_wrist")] = sigma_m[SKELETON.index("left_wrist")] = np.nan
    (out,) = as_body24(Articulation().articulate(0, [replace(given, state=state, xyz_m=xyz_m, sigma_m=sigma_m)]))
    of = dict(zip(BODY24.joints, out.state, strict=True))
    assert of["spine2"] == of["spine3"] == JointState.INFERRED
    assert of["head"] == JointState.MEASURED
    assert of["left_wrist"] == of["left_hand"] == JointState.INVALID
    assert np.isnan(out.xyz_m[BODY24.index("left_hand")]).all()
    assert out.sigma_m[BODY24.index("right_hand")] > out.sigma_m[BODY24.index("right_wrist")] == pytest.approx(0.02)
    assert out.velocity_m_s[BODY24.index("spine1")] == pytest.approx([0.5, 0, 0])
    assert out.stature_m == pytest.approx(1.7)
    assert out.root_covariance is not None


def test_toes_are_taken_where_the_skeleton_has_them():
    from pose3d_ros.geometry.articulation import articulate, places, unknown
    from pose3d_ros.geometry.body24 import body24_of, joint_quats

    toes = formats.get("body19")
    axes = AT_REST.copy()
    at = joints_of(axes)
    at["left_toe"] = at["left_toe"] + np.array([0, 0, 0.05])  # raised
    xyz_m = np.array([[at[joint] for joint in toes.joints]])
    quat = joint_quats(quat_of(articulate(xyz_m, places(toes), None, unknown(1), np.zeros(1)).axes), toes)
    body = body24_of(toes, xyz_m, np.full((1, 19), 0.02), np.ones((1, 19), np.uint8), None, quat)
    assert body.xyz_m[0, BODY24.index("left_foot")] == pytest.approx(at["left_toe"])
    assert np.degrees(angle_rad(body.quat_xyzw[0, BODY24.index("left_foot")], IDENTITY)) == pytest.approx(21.6, abs=1)


def test_hands_turn_the_wrists_of_their_own_person():
    palm = PALM_AT_REST[1]
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])  # about the right forearm, which lies along y
    people = [person(track=1), person(xyz_of(AT_REST) + np.array([1, 0, 0]), track=2)]
    first, second = Articulation().articulate(0, people, [hand("right", turn @ palm, track=2), hand("left", palm, 7)])
    wrist = SKELETON.index("right_wrist")
    assert angle_rad(first.quat_xyzw[wrist], IDENTITY) < 0.01
    assert angle_rad(second.quat_xyzw[wrist], quat_of(turn)) < 0.01
    assert angle_rad(second.quat_xyzw[SKELETON.index("right_elbow")], quat_of(turn)) < 0.01


def test_memory_goes_with_the_track_and_ends_with_time_that_jumps():
    part = Articulation()
    turned = person(xyz_of(AT_REST) @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]))
    flat = turned.xyz_m.copy()
    flat[SKELETON.indices(["left_hip", "right_hip"])] = flat[0]  # the pelvis is what it was, if it is known
    part.articulate(0, [turned])
    assert np.isfinite(part.articulate(FRAME_NS, [person(flat)])[0].quat_xyzw[0]).all()
    assert np.isnan(part.articulate(FRAME_NS, [person(flat, track=2)])[0].quat_xyzw[0]).all()
    assert np.isnan(part.articulate(int((FORGET_S + 1) * 1e9), [person(flat)])[0].quat_xyzw[0]).all()
    part.articulate(int(50e9), [turned])
    assert np.isnan(part.articulate(0, [person(flat)])[0].quat_xyzw[0]).all()


def test_nobody_and_what_is_no_body_pass_through():
    part = Articulation()
    assert part.articulate(0, []) == []
    assert as_body24([]) == []
    strange = Person3D("1", 1, "coco17", np.zeros((17, 3)), np.zeros(17), np.ones(17, np.uint8))
    assert part.articulate(0, [strange]) == [strange]

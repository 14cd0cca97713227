"""Feet on a floor that is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.estimation import contact
from pose3d_ros.estimation.body_state import BodyStates, Lifted, StateConfig
from pose3d_ros.estimation.contact import ContactConfig

SKELETON = formats.get("h36m17")
STEP_NS = 33_333_333
HEIGHT_M, TILT = 1.6, np.deg2rad(15)
TURN = Rotation.from_euler("x", -TILT)  # from a level camera's axes to those of one that looks down
POSE = CameraPose(up=TURN.apply([0, -1, 0]), height_m=HEIGHT_M)


@pytest.fixture
def body_m(standing_m):
    """Ankles 10 cm above the floor, 4 m away, in the camera."""
    body = np.array(standing_m, np.float64)
    body[:, 1] += HEIGHT_M - 0.10 - body[SKELETON.index("left_ankle"), 1]
    return TURN.apply(body + np.array([0, 0, 4.0]))


def frame(truth_m, size=1.0, hidden=()) -> Lifted:
    """As a lifter would have it that takes people for `size` times as large, and puts them as far away."""
    score = np.full((1, 17), 0.9)
    score[:, SKELETON.indices(tuple(hidden))] = 0
    rays = np.where(score[..., None] > 0, (truth_m[:, :2] / truth_m[:, 2:])[None], np.nan)
    return Lifted(size * truth_m[None], np.full((1, 17), 0.09), rays, score)


def follow(body_m, count=60, pose=POSE, config=None, states=None, first=0, **seen):
    states = states or BodyStates(SKELETON, config or StateConfig())
    found = None
    for i in range(first, first + count):
        found = states.update([1], 10**9 + i * STEP_NS, frame(body_m, **seen), pose)
    return found, states


def test_whoever_is_taken_for_too_large_is_put_back_onto_the_floor(body_m):
    found, _ = follow(body_m, size=1.15)
    without, _ = follow(body_m, size=1.15, config=StateConfig(contact=ContactConfig(sigma_m=0.0)))
    off = [np.linalg.norm(one.xyz_m[0, 0] - body_m[0]) for one in (found, without)]
    assert off[1] > 0.5
    assert off[0] < 0.5 * off[1]
    ankles = found.xyz_m[0, SKELETON.indices(("left_ankle", "right_ankle"))]
    np.testing.assert_allclose(HEIGHT_M + ankles @ POSE.up, 0.10, atol=0.06)


def test_a_hidden_foot_rests_on_for_a_while(body_m):
    hidden = ("left_ankle", "right_ankle")
    _, states = follow(body_m, size=1.1)
    points = states._memory.feet.point_m.copy()
    follow(body_m, count=15, states=states, first=60, size=1.1, hidden=hidden)
    np.testing.assert_array_equal(states._memory.feet.point_m, points)
    follow(body_m, count=30, states=states, first=75, size=1.1, hidden=hidden)
    assert np.isnan(states._memory.feet.point_m).all()


def test_a_foot_that_moves_does_not_rest(body_m):
    states = BodyStates(SKELETON)
    for i in range(40):
        states.update([1], 10**9 + i * STEP_NS, frame(body_m + np.array([0.05 * i, 0, 0])), POSE)
    stamp_ns = 10**9 + 39 * STEP_NS
    assert (stamp_ns - states._memory.feet.since_ns < contact.REST_S * 1e9).all()


def test_a_foot_high_above_the_floor_is_not_on_it(body_m):
    jumping = body_m + POSE.up * 0.8
    _, states = follow(jumping)
    assert np.isnan(states._memory.feet.point_m).all()


@pytest.mark.parametrize("pose", [CameraPose(), CameraPose(up=POSE.up), CameraPose(up=-POSE.up, height_m=1.6)])
def test_without_a_floor_or_with_one_overhead_nothing_is_taken_for_it(body_m, pose):
    found, states = follow(body_m, pose=pose)
    assert np.isnan(states._memory.feet.point_m).all()
    np.testing.assert_allclose(found.xyz_m[0], body_m, atol=1e-5)


def test_gravity_that_points_sideways_costs_nothing_but_the_floor(body_m):
    found, _ = follow(body_m, pose=CameraPose(up=(1, 0, 0), height_m=1.6))
    np.testing.assert_allclose(found.xyz_m[0], body_m, atol=0.05)

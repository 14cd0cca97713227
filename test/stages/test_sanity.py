"""Absurd skeletons are refused with the reason, and nobody who can be there is."""

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.core.types import Hand3D, Person3D
from pose3d_ros.stages.sanity import Absurd, Sanity

STEP_NS = 33_333_333


@pytest.fixture
def person(standing_m):
    def at(x=0.0, z=3.0, track=1, size=1.0, **more):
        xyz_m = size * np.array(standing_m) + (x, 0, z)
        return Person3D("a", track, "h36m17", xyz_m, np.full(17, 0.05), np.ones(17), **more)

    return at


def moved(person, joint, by_m):
    xyz_m = person.xyz_m.copy()
    xyz_m[joint] += by_m
    return replace(person, xyz_m=xyz_m)


def test_people_who_can_be_are_left_alone(person):
    people = [person(), person(2, 40, 2), person(0, 1, 3, size=0.4), person(-3, 8, 4, size=1.3)]
    sanity = Sanity()
    for i in range(30):
        walked = [moved(p, slice(None), (0.1 * i, 0, 0.1 * i)) for p in people]
        assert sanity.bodies(i * STEP_NS, walked) == (walked, [])


@pytest.mark.parametrize(("absurd", "why"), [
    (lambda p: moved(p, slice(None), (0, 0, 1e6)), Absurd.DEPTH),
    (lambda p: moved(p, slice(None), (0, 0, -9.0)), Absurd.DEPTH),
    (lambda p: moved(p, 16, (5.0, 0, 0)), Absurd.SIZE),
    (lambda p: moved(p, 16, (0, 0, 1.2)), Absurd.BONE),
    (lambda p: replace(p, xyz_m=p.xyz_m * 0.01 + (0, 0, 3)), Absurd.SIZE),
    (lambda p: replace(p, velocity_m_s=np.full((17, 3), np.nan)), Absurd.NUMBERS),
    (lambda p: replace(p, root_covariance=np.full((3, 3), np.inf)), Absurd.NUMBERS),
    (lambda p: replace(p, state=np.zeros(17)), Absurd.NUMBERS),
])  # fmt: skip
def test_what_no_body_can_be_is_refused_and_spoils_no_other(person, absurd, why):
    good = person(1.0, 4.0, 2)
    kept, reasons = Sanity().bodies(0, [absurd(person()), good])
    assert kept == [good]
    assert reasons == [str(why)]


def test_a_jump_is_refused_once_and_a_new_place_is_then_believed(person):
    sanity = Sanity()
    sanity.bodies(0, [person(z=3)])
    assert sanity.bodies(STEP_NS, [person(z=30)]) == ([], ["absurd_speed"])
    there = person(z=30.2)
    assert sanity.bodies(2 * STEP_NS, [there]) == ([there], [])
    sanity.reset()
    assert sanity.bodies(3 * STEP_NS, [person(z=3)])[1] == []


def test_hands(standing_m):
    xyz_m = np.float32([0, 0, 2]) + np.linspace(0, 0.15, 63, dtype=np.float32).reshape(21, 3)
    hand = Hand3D(
        "a", 1, "left", xyz_m[0], np.float32([0, 0, 0, 1]), xyz_m, np.full(21, 0.01, np.float32), np.ones(21, np.uint8),
        np.zeros(20, np.float32), 0.05, np.zeros(5, np.float32),
    )  # fmt: skip
    assert Sanity().hands([hand]) == ([hand], [])
    for bad in (
        replace(hand, xyz_m=hand.xyz_m * 10), replace(hand, curl=np.full(5, np.nan)),
        replace(hand, aperture_m=np.inf), replace(hand, wrist_m=np.full(3, np.nan)),
    ):  # fmt: skip
        kept, reasons = Sanity().hands([bad])
        assert (kept, len(reasons)) == ([], 1)

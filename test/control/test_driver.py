"""When a robot holds still, and why: with a driver that needs no library."""

import numpy as np
import pytest

from pose3d_ros.control import follow, gate
from pose3d_ros.control.config import RobotHandConfig
from pose3d_ros.control.driver import Driver
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.core.types import JointState
from test.control.people import changed, frame, hand3d, person


class Echo(Driver):
    """Commands the stamp."""

    def _source(self, result, followed):
        return gate.hand_of(result, followed.track, "right", self.config.hold)

    def _command(self, result, source, dt_s):
        return result.stamp_ns

    def _restart(self):
        pass


class World:
    def __init__(self, **config):
        self.driver, self.followed, self.number = Echo(RobotHandConfig()), Followed(FollowConfig(**config)), 0
        self.followed.close()

    def push(self, *entries, count=1, step=1, age_s=0.0, **more):
        """The last command of `count` equal frames."""
        for _ in range(count):
            self.number += step
            result = frame(self.number, *entries, **more)
            self.followed.update(result)
            command = self.driver.push(result, self.followed, age_s)
        return command


@pytest.fixture
def world():
    return World()


@pytest.fixture
def right(recorded):
    return hand3d(recorded["right"][0], "right")


@pytest.fixture
def left(recorded):
    return hand3d(recorded["left"][0], "left")


def held_for(world: World, reason: str) -> bool:
    """That it holds now, for this reason."""
    return world.driver.reason == reason


def test_it_moves_once_all_has_been_well_for_a_while(world, right):
    assert world.push(person(), right) is None
    assert held_for(world, gate.SETTLING)
    assert world.push(person(), right, count=10)
    assert world.driver.reason == ""


def test_an_open_clutch(world, right):
    world.push(person(), right, count=10)
    world.followed.open()
    assert world.push(person(), right) is None
    assert held_for(world, follow.OPEN)
    assert world.driver.stops == 1


def test_stale_input(world, right):
    world.push(person(), right, count=10)
    assert world.push(person(), right, stale=True) is None
    assert held_for(world, gate.STALE)
    assert world.push(person(), right, count=10)
    assert world.push(person(), right, age_s=0.4) is None
    assert world.push(person(), right, age_s=float("inf")) is None
    assert held_for(world, gate.STALE)


@pytest.mark.parametrize(("step", "reason"), [(-5, gate.BACK), (0, gate.BACK), (100, gate.GAP), (-10_000_0, gate.BACK)])
def test_time_that_jumps(world, right, step, reason):
    world.number = 20_000_000
    world.push(person(), right, count=10)
    assert world.push(person(), right, step=step) is None
    assert held_for(world, reason)
    assert world.push(person(), right) is None, "and settles"
    assert world.push(person(), right, count=10)


def test_a_lost_person_and_one_who_comes_instead(world, right):
    world.push(person(), right, count=10)
    other = changed(right, track=2, person_id="bert")
    assert world.push(person((0.2, 0, 1.5), 2, "bert"), other, count=30) is None
    assert held_for(world, follow.LOST)
    assert world.push(person(), right, count=10), "the same person again"
    world.push(person((0.2, 0, 1.5), 2, "bert"), other, count=30)
    world.followed.close()
    assert world.push(person((0.2, 0, 1.5), 2, "bert"), other, count=10), "the clutch chooses again"
    assert world.followed.track == 2


def test_another_under_the_same_track(world, right):
    world.push(person(), right, count=10)
    assert world.push(person(id="bert"), right) is None
    assert held_for(world, follow.EXCHANGED)
    assert world.push(person(), right, count=30) is None, "only the clutch ends that"
    world.followed.close()
    assert world.push(person(), right, count=10)


def test_a_person_who_is_elsewhere_at_once(world, right):
    world.push(person(), right, count=10)
    assert world.push(person((1.5, 0, 2)), right) is None
    assert held_for(world, follow.EXCHANGED)


def test_a_person_who_walks_is_the_same(world, right):
    world.push(person(), right, count=10)
    for x in np.arange(0, 2, 0.05):
        assert world.push(person((x, 0, 2.0)), right)


def test_the_id_that_is_asked_for(right):
    world = World(id="bert")
    assert world.push(person(), right, count=10) is None
    assert held_for(world, follow.NOBODY)
    assert world.push(
        person(), right, person((0, 0, 4), 5, "bert"), changed(right, track=5, person_id="bert"), count=10
    )


def test_a_hand_of_nobody_known_may_drive(world, right):
    assert world.push(changed(right, person_id="", track=1048576), count=10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h: [], gate.HAND_LOST),
        (lambda h: [h, h], gate.TWO_HANDS),
        (lambda h: [changed(h, side="left")], gate.HAND_LOST),
        (lambda h: [changed(h, state=np.full(21, JointState.INFERRED, np.uint8))], gate.INFERRED),
        (lambda h: [changed(h, sigma_m=np.full(21, 0.2, np.float32))], gate.UNSURE),
        (lambda h: [changed(h, sigma_m=np.full(21, np.nan, np.float32))], gate.UNSURE),
        (lambda h: [changed(h, xyz_m=np.full((21, 3), np.nan, np.float32))], gate.NOT_FINITE),
        (lambda h: [changed(h, quat_xyzw=np.full(4, np.nan, np.float32))], gate.NOT_FINITE),
        (lambda h: [h, changed(h, side="left")], gate.SAME_HAND),
    ],
)
def test_a_hand_that_is_not_good_enough(world, right, change, reason):
    world.push(person(), right, count=10)
    assert world.push(person(), *change(right)) is None
    assert held_for(world, reason)
    assert world.push(person(), right, count=10)


def test_silence(world, right):
    world.push(person(), right, count=10)
    world.driver.silence()
    world.driver.silence()
    assert held_for(world, gate.SILENT)
    assert world.driver.held[gate.SILENT] == 1
    assert world.push(person(), right) is None, "settles"


def test_both_hands_do_not_disturb_each_other(world, right, left):
    assert world.push(person(), right, left, count=10)

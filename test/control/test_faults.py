"""Thousands of injected faults: nothing is commanded while one holds, and no step is too fast after it."""

import numpy as np
import pytest

from pose3d_ros.control import config
from pose3d_ros.control.arms import ArmDriver
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.core.types import JointState
from test.control.people import changed, frame, hand3d, person, recorded_hands

ROUNDS = 250
GOOD = 8  # frames between two faults


def lost(rng, body, hand):
    return (body,), {}


def gone(rng, body, hand):
    return (), {}


def inferred(rng, body, hand):
    return (body, changed(hand, state=np.full(21, JointState.INFERRED, np.uint8))), {}


def not_a_number(rng, body, hand):
    broken = hand.xyz_m.copy()
    broken[rng.integers(21)] = np.nan
    return (body, changed(hand, xyz_m=broken)), {}


def unsure(rng, body, hand):
    return (body, changed(hand, sigma_m=np.full(21, rng.uniform(0.1, 5), np.float32))), {}


def stale(rng, body, hand):
    return (body, hand), {"stale": True}


def twice(rng, body, hand):
    return (body, hand, hand), {}


def other_side(rng, body, hand):
    return (body, changed(hand, side="left")), {}


def exchanged(rng, body, hand):
    return (changed(body, id="bert"), hand), {}


def elsewhere(rng, body, hand):
    return (changed(body, xyz_m=body.xyz_m + np.float32(rng.uniform(2, 9))), hand), {}


FAULTS = (lost, gone, inferred, not_a_number, unsure, stale, twice, other_side, exchanged, elsewhere)
ENDED_BY_THE_CLUTCH = (exchanged, elsewhere)


def test_no_fault_is_ever_commanded():
    rng = np.random.default_rng(5)
    driver = ArmDriver(config.parse({"kind": "arm", "speed_m_s": 0.25}, "arm"))
    hand, body = hand3d(recorded_hands()["right"][0], "right"), person()
    followed = Followed(FollowConfig())
    followed.close()
    number, moved, last = 0, 0, None
    for _ in range(ROUNDS):
        for _ in range(GOOD):
            number += 1
            at = (hand.wrist_m + rng.uniform(-0.3, 0.3, 3)).astype(np.float32)
            result = frame(number, body, changed(hand, wrist_m=at))
            followed.update(result)
            command = driver.push(result, followed)
            if command is not None:
                moved += 1
                assert np.linalg.norm(command.linear_m_s) <= 0.25 + 1e-9
                if last is not None:
                    assert np.linalg.norm(command.xyz_m - last) <= 0.25 * 0.1 + 1e-9
                last = command.xyz_m
        fault = FAULTS[rng.integers(len(FAULTS))]
        for _ in range(rng.integers(1, 4)):
            number += 1
            entries, more = fault(rng, body, hand)
            result = frame(number, *entries, **more)
            followed.update(result)
            assert driver.push(result, followed) is None, fault.__name__
            assert driver.reason
        if fault in ENDED_BY_THE_CLUTCH:
            result = frame(number := number + 1, body, hand)
            followed.update(result)
            assert driver.push(result, followed) is None, "only the clutch ends that"
            followed.close()
    assert moved > ROUNDS


@pytest.mark.parametrize("step", [0, -1, -1000, 60])
def test_a_stamp_that_jumps_is_never_commanded(step):
    driver = ArmDriver(config.parse({"kind": "arm"}, "arm"))
    hand, body, followed, number = (
        hand3d(recorded_hands()["right"][0], "right"),
        person(),
        Followed(FollowConfig()),
        5000,
    )
    followed.close()
    for _ in range(50):
        for _ in range(GOOD):
            number += 1
            result = frame(number, body, hand)
            followed.update(result)
            driver.push(result, followed)
        assert not driver.reason
        number += step
        result = frame(number, body, hand)
        followed.update(result)
        assert driver.push(result, followed) is None

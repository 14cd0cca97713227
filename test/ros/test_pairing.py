"""Keypoints meet their images whatever order, clock or bag they come from, and wait for none of them long."""

from types import SimpleNamespace

import pytest

from pose3d_ros.ros import conversions
from pose3d_ros.ros.pairing import QUEUE, Pairing

STEP_NS = 33_333_333


def image(stamp_ns: int) -> SimpleNamespace:
    return SimpleNamespace(header=conversions.header(stamp_ns, "camera"), stamp_ns=stamp_ns)


@pytest.fixture
def pairs():
    """pairs(slop_s, wait_s) -> a pairing and what it delivered."""

    def make(slop_s=0.0, wait_s=100.0):
        delivered, missed = [], []
        pairing = Pairing(slop_s, wait_s, lambda *pair: delivered.append(pair), missed.append)
        return pairing, delivered, missed

    return make


def play(pairing, first_ns=STEP_NS, frames=75):
    """Images at 30 Hz, keypoints of every second one, which come a little later."""
    for i in range(2 * frames):
        pairing.on_image(image(first_ns + i * STEP_NS))
        if i % 2:
            pairing.add(first_ns + (i - 1) * STEP_NS, first_ns + (i - 1) * STEP_NS)


def paired(delivered):
    return sum(found is not None and found.stamp_ns == job for job, found in delivered)


def test_a_bag_that_starts_again_and_images_of_the_future_pair_as_before(pairs):
    pairing, delivered, _ = pairs()
    play(pairing)
    assert paired(delivered) == 75
    play(pairing)  # the same bag once more
    assert paired(delivered) == 150
    for i in range(40):
        pairing.on_image(image(2_147_483_000_000_000_000 + i))  # of 2038
    play(pairing)
    assert paired(delivered) == len(delivered) == 225


def test_stamps_before_1970_are_as_good_as_any(pairs):
    pairing, delivered, _ = pairs(slop_s=0.01)
    play(pairing, first_ns=-(10**18), frames=5)
    assert paired(delivered) == 5


@pytest.mark.parametrize("image_first", [True, False])
def test_the_nearest_within_the_slop_counts(pairs, image_first):
    pairing, delivered, _ = pairs(slop_s=0.010)
    steps = [lambda: pairing.add(10**9, "job"), lambda: pairing.on_image(image(10**9 + 4_000_000))]
    pairing.on_image(image(10**9 - 11_000_000))
    if image_first:
        pairing.on_image(image(10**9 - 8_000_000))
        steps.reverse()
    for step in steps:
        step()
    ((job, found),) = delivered
    assert (job, found.stamp_ns - 10**9) == ("job", 4_000_000)


def test_jobs_leave_in_order_and_those_before_a_pair_go_without(pairs):
    pairing, delivered, missed = pairs()
    for number in (1, 2, 3):
        pairing.add(number, number)
    pairing.on_image(image(2))
    assert [(job, found and found.stamp_ns) for job, found in delivered] == [(1, None), (2, 2)]
    assert len(missed) == 1


def test_the_wait_ends_and_says_why(pairs):
    pairing, delivered, missed = pairs(wait_s=0.0)
    pairing.add(5, "job")
    pairing.expire()
    pairing.on_image(image(1_000_005))
    pairing.add(7, "late")
    pairing.expire()
    assert [job for job, _ in delivered] == ["job", "late"]
    assert missed[0] == "no image has arrived"
    assert "the newest one is 1.0 ms apart" in missed[1]


def test_queues_are_bounded_and_lose_what_came_first(pairs):
    pairing, delivered, _ = pairs()
    for number in range(1000):
        pairing.add(2 * number, number)
        pairing.on_image(image(2 * number + 1))
    assert len(pairing._waiting) <= QUEUE
    assert len(pairing._images) <= QUEUE
    assert [job for job, _ in delivered] == list(range(1000 - QUEUE))


def test_a_restart_forgets_both_sides(pairs):
    pairing, delivered, _ = pairs()
    pairing.add(1, "before")
    pairing.on_image(image(2))
    pairing.restart()
    pairing.on_image(image(1))
    pairing.add(2, "after")
    assert delivered == []

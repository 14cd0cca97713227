"""Of a crowd the best-scored are kept, in their order, and memory does not grow with it."""

import time
import tracemalloc

import numpy as np
import pytest

from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.tracking.crowd import CROWD, best_scored, limited
from pose3d_ros.tracking.track import TrackingConfig
from pose3d_ros.tracking.tracker import Tracker


def person(score, number=0, side=""):
    format = "hand21" if side else "h36m17"
    xy_px = np.random.default_rng(number).uniform(0, 640, (21 if side else 17, 2))
    return Person2D(format, xy_px, np.full(len(xy_px), score), f"p{number}", side)


def test_the_best_scored_stay_in_their_order_and_hands_count_for_themselves():
    people = [person(score, i) for i, score in enumerate((0.5, 0.9, 0.4, 0.8))]
    hands = [person(0.3, 10 + i, "left") for i in range(3)]
    kept = best_scored([*hands, *people], 2)
    assert [p.id for p in kept] == ["p10", "p11", "p12", "p1", "p3"]
    assert best_scored(people, 4) == people


def test_scores_that_are_none_never_win():
    class Odd:
        side = ""

        def __init__(self, *score):
            self.score = score

    good = Odd(0.9)
    assert best_scored([Odd(float("nan")), Odd(float("inf")), Odd(1e9), Odd(*[1.0] * 10_000), good], 1) == [good]


def test_a_frame_of_thousands_is_cut_and_counted():
    frame = Keypoints2D(1, tuple(person(i / 3000, i) for i in range(3000)))
    cut, reasons = limited(frame, 32)
    assert [p.id for p in cut.people] == [f"p{i}" for i in range(2968, 3000)]
    assert reasons == [CROWD]
    assert limited(cut, 32) == (cut, [])


@pytest.mark.parametrize("most", [1, 16])
def test_no_more_are_known_than_may_be_and_those_seen_now_are(most):
    tracker, rng = Tracker(TrackingConfig(max_people=most, max_distance=0.05)), np.random.default_rng(0)
    for frame in range(30):
        people = [("", rng.uniform(0, 1, 2) + rng.uniform(0, 0.1, (17, 2)), np.ones(17)) for _ in range(most)]
        update = tracker.update(frame * 33_000_000, people)
        assert len(tracker.tracks) <= most
        assert {match.track.number for match in update.matches} <= {track.number for track in tracker.tracks}


def test_256_people_cost_bounded_memory_and_time():
    tracker, rng = Tracker(TrackingConfig(max_people=256)), np.random.default_rng(0)
    people = [("", rng.uniform(0, 30, 2) + rng.uniform(0, 1, (17, 2)), np.ones(17)) for _ in range(256)]
    tracker.update(0, people)
    tracemalloc.start()
    begin = time.process_time()
    tracker.update(33_000_000, people)
    seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80e6
    assert seconds < 2

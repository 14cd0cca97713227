"""The window against a slow, obvious reference, over streams as networks and cameras deliver them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.tracking.clock import StreamEvent
from pose3d_ros.tracking.window import Window

T, J, RATE = 9, 3, 30.0
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 1e9 / RATE


class SlowWindow:
    """The same rules, written over a plain list of (stamp, xy, score)."""

    def __init__(self):
        self.kept, self.newest, self.old_run = [], None, []
        self.cell = int(1e9 / (RATE * 4))

    def slot(self, stamp, end):
        return T - 1 - int(np.floor((end - stamp) * (RATE * 1e-9) + 0.5))

    def push(self, stamp, xy, score):
        event = None
        if self.newest is not None and stamp < self.newest:
            outside = self.slot(stamp, self.newest) < 0
            self.old_run = [*self.old_run, stamp] if self.old_run and stamp > self.old_run[-1] else [stamp]
            if len(self.old_run) >= (2 if outside else 5):
                event = StreamEvent.BACKWARD
            elif outside:
                return StreamEvent.TOO_OLD
            else:
                event = StreamEvent.LATE
        elif self.newest is not None and self.slot(self.newest, stamp) < 0:
            event = StreamEvent.GAP
        if event is not StreamEvent.LATE:
            self.old_run, self.newest = [], stamp
        if event in (StreamEvent.GAP, StreamEvent.BACKWARD):
            self.kept = []
        cell, new = stamp // self.cell, [(stamp, xy, score)]
        for other in list(self.kept):
            if other[0] // self.cell == cell:
                self.kept.remove(other)
                if other[0] == stamp:
                    event = StreamEvent.DUPLICATE
                else:
                    event = StreamEvent.SURPLUS
                    new.append(other)
        xy, score = self.merge(new)
        self.kept.append((max(stamp for stamp, *_ in new), xy, score))
        return event

    def merge(self, observations):
        xy, score = np.full((J, 2), np.nan, np.float32), np.zeros(J, np.float32)
        for _, other_xy, other_score in sorted(observations, key=lambda o: o[0]):
            for j in range(J):
                seen = np.isfinite(other_xy[j]).all() and np.isfinite(other_score[j]) and other_score[j] > 0
                if seen and min(other_score[j], 1) >= score[j]:
                    xy[j], score[j] = other_xy[j], min(other_score[j], 1)
        return xy, score

    def grid(self, end=None):
        end = self.newest if end is None else end
        xy, score = np.full((T, J, 2), np.nan, np.float32), np.zeros((T, J), np.float32)
        for t in range(T):
            xy[t], score[t] = self.merge([o for o in self.kept if o[0] <= end and self.slot(o[0], end) == t])
        return xy, score


def observation(seed):
    rng = np.random.default_rng(seed)
    xy = rng.normal(size=(J, 2)).astype(np.float32)
    score = rng.uniform(-0.2, 1.2, J).astype(np.float32)
    xy[rng.random(J) < 0.2, 0] = np.nan
    xy[rng.random(J) < 0.1, 1] = np.inf
    score[rng.random(J) < 0.1] = np.nan
    return xy, score


@st.composite
def streams(draw):
    """Stamps of a camera of any rate with jitter, lost, late and repeated frames, gaps and jumps back."""
    step = 1e9 / draw(st.sampled_from([10.0, 15.0, 24.0, 29.97, 30.0, 60.0, 100.0, 240.0]))
    jitter = draw(st.sampled_from([0.0, 0.1, 0.6])) * step
    now, stamps = float(START_NS), []
    for kind in draw(st.lists(st.sampled_from("nnnnnnnnlrdgbj"), min_size=1, max_size=60)):
        now += step
        if kind == "l":  # lost
            continue
        if kind == "g":
            now += draw(st.floats(0, 2)) * T * PERIOD_NS
        if kind == "b":
            now -= draw(st.floats(0, 3)) * T * PERIOD_NS
        stamp = int(now + draw(st.floats(-1, 1)) * jitter)
        if kind == "r" and stamps:
            stamp = draw(st.sampled_from(stamps[-4:]))
        if kind == "d" and len(stamps) > 1:  # one frame overtakes another
            stamps.insert(-draw(st.integers(1, min(len(stamps), 12))), stamp)
        else:
            stamps.append(stamp)
        if kind == "j":  # a single wild stamp
            stamps.append(stamp + int(draw(st.floats(-5, 5)) * T * PERIOD_NS))
    return [max(stamp, 0) for stamp in stamps]


@settings(max_examples=150, deadline=None)
@given(streams(), st.floats(-3, T + 3))
@example([START_NS + round(i * PERIOD_NS / 2) for i in range(40)], 0.5)
@example([START_NS + i * 66_666_667 for i in range(12)], 1.0)
def test_equals_the_slow_reference(stamps, ahead):
    fast, slow = Window(T, J, RATE), SlowWindow()
    for i, stamp in enumerate(stamps):
        xy, score = observation(i)
        assert fast.push(stamp, xy, score) == slow.push(stamp, xy, score)
        for end in (None, stamp, slow.newest + int(max(ahead, 0) * PERIOD_NS)):
            got, want = fast.grid(end), slow.grid(end)
            if end is not None and end < slow.newest:  # what is older than the buffer may be gone
                behind = int(np.ceil((slow.newest - end) / PERIOD_NS)) + 1
                got, want = [a[behind:] for a in got], [a[behind:] for a in want]
            np.testing.assert_array_equal(got[0], want[0])
            np.testing.assert_array_equal(got[1], want[1])


def fill(window, stamps, value=None):
    for i, stamp in enumerate(stamps):
        number = i if value is None else value
        event = window.push(stamp, np.full((J, 2), number, np.float32), np.ones(J, np.float32))
    return event


def first_x(window, end=None):
    return window.grid(end)[0][:, 0, 0]


def test_empty_window_is_all_missing():
    xy, score = Window(T, J, RATE).grid()
    assert xy.shape == (T, J, 2)
    assert xy.dtype == score.dtype == np.float32
    assert np.isnan(xy).all()
    assert not score.any()


def test_thirty_hertz_with_jitter_fills_every_slot_in_order():
    rng = np.random.default_rng(0)
    window = Window(T, J, RATE)
    fill(window, [START_NS + int(i * PERIOD_NS + rng.uniform(-5e6, 5e6)) for i in range(40)])
    np.testing.assert_array_equal(first_x(window), np.arange(40 - T, 40))


def test_half_the_rate_leaves_every_second_slot_missing():
    window = Window(T, J, RATE)
    fill(window, [START_NS + round(i * 2 * PERIOD_NS) for i in range(10)])
    np.testing.assert_array_equal(np.isnan(first_x(window)), np.arange(T) % 2 == 1)


@pytest.mark.parametrize("rate_hz", [50.0, 60.0, 100.0, 240.0])
def test_a_fast_camera_loses_no_keypoint(rate_hz):
    """Every frame shows one joint only, and all of them are in the window."""
    window = Window(T, J, RATE)
    for i in range(int(2 * T * rate_hz / RATE)):
        score = np.eye(J, dtype=np.float32)[i % J]
        window.push(START_NS + round(i * 1e9 / rate_hz), np.full((J, 2), i, np.float32), score)
    assert (window.grid()[1] > 0).sum() >= (T - 1) * min(rate_hz / RATE, J)


def test_of_several_in_a_slot_the_best_scored_joint_counts_and_of_equals_the_newest():
    window = Window(T, J, RATE)
    for x, (ahead_s, score) in enumerate([(0.0, (0.9, 0.5, 0.0)), (0.010, (0.8, 0.5, 0.0)), (0.015, (0.0, 0.4, 0.6))]):
        window.push(START_NS + int(ahead_s * 1e9), np.full((J, 2), x, np.float32), np.array(score, np.float32))
    xy, score = window.grid()
    np.testing.assert_array_equal(xy[-1, :, 0], [0, 1, 2])
    np.testing.assert_array_equal(score[-1], np.float32([0.9, 0.5, 0.6]))


def test_late_frame_falls_into_its_place():
    window = Window(T, J, RATE)
    stamps = [START_NS + round(i * PERIOD_NS) for i in range(T)]
    fill(window, [*stamps[:4], *stamps[5:]], 1)
    assert np.isnan(first_x(window)[4])
    assert fill(window, [stamps[4]], 7) is StreamEvent.LATE
    assert first_x(window)[4] == 7


def test_same_stamp_replaces():
    window = Window(T, J, RATE)
    fill(window, [START_NS], 1)
    assert fill(window, [START_NS], 2) is StreamEvent.DUPLICATE
    assert first_x(window)[-1] == 2


def test_person_absent_from_the_newest_frames_moves_back():
    window = Window(T, J, RATE)
    fill(window, [START_NS], 5)
    x = first_x(window, START_NS + round(3 * PERIOD_NS))
    assert x[T - 4] == 5
    assert np.isnan(np.delete(x, T - 4)).all()
    assert np.isnan(first_x(window, START_NS + round(T * PERIOD_NS))).all()


def test_straggler_is_refused_and_voids_nothing():
    window = Window(T, J, RATE)
    stamps = [START_NS + round(i * PERIOD_NS) for i in range(T)]
    fill(window, stamps)
    before = first_x(window)
    assert fill(window, [START_NS - 10**9], 9) is StreamEvent.TOO_OLD
    np.testing.assert_array_equal(first_x(window), before)


@pytest.mark.parametrize("back_ns", [10**9, 3600 * 10**9])
def test_stream_that_starts_again_clears(back_ns):
    window = Window(T, J, RATE)
    fill(window, [START_NS + round(i * PERIOD_NS) for i in range(T)], 1)
    again = [START_NS - back_ns + round(i * PERIOD_NS) for i in range(3)]
    events = [fill(window, [stamp], 2) for stamp in again]
    assert events == [StreamEvent.TOO_OLD, StreamEvent.BACKWARD, None]
    np.testing.assert_array_equal(first_x(window)[-2:], [2, 2])
    assert np.isnan(first_x(window)[:-2]).all()


def test_wild_stamp_from_the_future_heals():
    window = Window(T, J, RATE)
    fill(window, [START_NS], 1)
    assert fill(window, [START_NS + 10**15], 1) is StreamEvent.GAP
    fill(window, [START_NS + round(i * PERIOD_NS) for i in range(1, 4)], 2)
    np.testing.assert_array_equal(first_x(window)[-2:], [2, 2])


def test_clear_equals_new():
    window = Window(T, J, RATE)
    fill(window, [START_NS + round(i * PERIOD_NS) for i in range(T)], 1)
    window.clear()
    assert np.isnan(first_x(window, START_NS + round(T * PERIOD_NS))).all()
    assert fill(window, [START_NS - 10**10], 3) is None
    assert first_x(window)[-1] == 3


def test_wrong_use_is_named():
    with pytest.raises(ConfigError, match="rate_hz > 0"):
        Window(T, J, float("nan"))
    with pytest.raises(ConfigError, match="at least 1 frame"):
        Window(0, J, RATE)
    window = Window(T, J, RATE)
    with pytest.raises(InputError, match=r"expected shape \(3, 2\), got \(4, 2\)"):
        window.push(START_NS, np.zeros((4, 2)), np.zeros(3))
    assert window.newest_ns is None


def test_the_revision_tells_when_the_past_changed():
    window = Window(T, J, RATE)
    revisions = [window.revision]
    for slot in (0, 1, 2, 4, 4, 5, 3, 6):  # 4 twice, 3 late
        fill(window, [START_NS + round(slot * 1e9 / RATE)])
        revisions.append(window.revision)
    changed = [later != earlier for earlier, later in pairwise(revisions)]
    assert changed == [False] * 6 + [True, False]
    window.clear()
    assert window.revision not in revisions
    assert Window(T, J, RATE).revision != Window(T, J, RATE).revision

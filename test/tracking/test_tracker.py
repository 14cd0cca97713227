"""Identities: crossings, source ids good and bad, few joints, odd stamps."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.types import TrackState
from pose3d_ros.tracking.clock import StreamEvent
from pose3d_ros.tracking.track import USED, TrackingConfig, TrackReason
from pose3d_ros.tracking.tracker import Tracker
from pose3d_ros.tracking.view import View

# x (to the image's right) and y (down) of a standing body of height 1, feet at 0; the Human3.6M order.
STANDING = np.array([
    (0, -0.53), (-0.05, -0.53), (-0.05, -0.28), (-0.05, -0.03), (0.05, -0.53), (0.05, -0.28), (0.05, -0.03),
    (0, -0.68), (0, -0.82), (0.02, -0.90), (0, -1.0), (0.1, -0.82), (0.12, -0.64), (0.12, -0.48),
    (-0.1, -0.82), (-0.12, -0.64), (-0.12, -0.48),
])  # fmt: skip
SWING = np.zeros(17)
SWING[[2, 3, 5, 6, 12, 13, 15, 16]] = [0.08, 0.18, -0.08, -0.18, 0.06, 0.14, -0.06, -0.14]
J = len(STANDING)
START_NS = 10**18


def walker(seconds, x0, speed, y=400.0, height=200.0, phase=0.0):
    """(F, 17, 2) pixels; `speed` in body heights per second."""
    t = np.asarray(seconds)[:, None]
    body = np.repeat(STANDING[None], len(t), 0)
    body[..., 0] += SWING * np.sin(2 * np.pi * (t + phase))
    return body * height + np.stack([x0 + speed * height * t, np.full_like(t, y)], axis=-1)


def stamps(count, rate_hz=30.0):
    return [START_NS + round(i * 1e9 / rate_hz) for i in range(count)]


def person(xy, ident="", score=0.9):
    return ident, np.asarray(xy, np.float64), np.full(len(xy), score)


def only(xy, joints):
    """The same body with nothing but these joints."""
    out = np.full_like(np.asarray(xy, np.float64), np.nan)
    out[joints] = np.asarray(xy)[joints]
    return out


def numbers(update):
    """Track number of each detection, by its index."""
    return {match.index: match.track.number for match in update.matches}


def reasons(update):
    return {note.index: note.reason for note in update.notes}


def standing(x=0.0, height=200.0):
    return walker([0.0], x, 0.0, height=height)[0]


@pytest.mark.parametrize("rate_hz", [10, 15, 30, 60])
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("unit", [1.0, 1 / 600])
def test_two_people_cross_without_a_switch(rate_hz, missing, unit):
    rng = np.random.default_rng(3)
    t = np.arange(int(4 * rate_hz)) / rate_hz
    truth = np.stack([walker(t, 100, 0.8), walker(t, 740, -0.8, height=190, phase=0.3)], axis=1)
    tracker, owner, switches, unmatched = Tracker(), {}, 0, 0
    for i, stamp in enumerate(stamps(len(t), rate_hz)):
        # 0.3 s around the crossing the farther one is hidden by the nearer
        hidden = abs(truth[i, 0, 0, 0] - truth[i, 1, 0, 0]) < 0.3 / 2 * 1.6 * 200
        shown = [0] if hidden else [0, 1]
        rng.shuffle(shown)
        people = []
        for who in shown:
            xy = truth[i, who] + rng.normal(0, 2, (J, 2))
            xy[rng.random(J) < missing] = np.nan
            people.append(person(xy * unit))
        found = numbers(tracker.update(stamp, people))
        unmatched += len(shown) - len(found)
        for index, number in found.items():
            switches += owner.setdefault(shown[index], number) != number
    assert switches == 0
    assert unmatched <= 0.02 * 2 * len(t)
    assert len(set(owner.values())) == 2


def test_hidden_for_most_of_the_timeout_keeps_the_identity():
    t = np.arange(60) / 30
    truth = walker(t, 0, 0.7)
    tracker = Tracker()
    for i, stamp in enumerate(stamps(60)):
        people = [] if 20 <= i < 44 else [person(truth[i])]
        update = tracker.update(stamp, people)
        if 20 <= i < 44:
            assert [track.state for track in tracker.tracks] == [TrackState.LOST]
        else:
            assert numbers(update) == {0: 1}
    assert tracker.tracks[0].state == TrackState.TRACKED


def test_states_and_timeout():
    tracker = Tracker(TrackingConfig(timeout_s=0.5, confirm_frames=3))
    seen = [tracker.update(stamp, [person(standing())]).matches[0].track.state for stamp in stamps(3)]
    assert seen == [TrackState.TENTATIVE, TrackState.TENTATIVE, TrackState.TRACKED]
    (track,) = tracker.tracks
    assert track.last_seen_ns == stamps(3)[-1]
    assert track.id == "p1"
    tracker.update(stamps(3)[-1] + 400_000_000, [])
    assert track.state == TrackState.LOST
    tracker.update(stamps(3)[-1] + 500_000_001, [])
    assert tracker.tracks == ()


def test_one_visible_joint_continues_a_person_but_starts_nobody():
    tracker = Tracker()
    a, b = standing(0), standing(300)
    tracker.update(START_NS, [person(a), person(b)])
    for i, joint in enumerate(range(J), start=1):
        update = tracker.update(stamps(30)[i], [person(only(b, [joint])), person(only(a, [J - 1 - joint]))])
        assert numbers(update) == {0: 2, 1: 1}
    update = tracker.update(stamps(30)[25], [person(only(standing(2000), [4]))])
    assert update.matches == ()
    assert reasons(update) == {0: TrackReason.TOO_FEW_KEYPOINTS}


def test_people_who_only_ever_show_one_joint():
    tracker = Tracker(TrackingConfig(min_keypoints=1))
    for stamp in stamps(10):
        update = tracker.update(stamp, [person(only(standing(0), [3])), person(only(standing(300), [3]))])
        assert numbers(update) == {0: 1, 1: 2}


def test_known_by_joints_never_seen_before():
    tracker = Tracker()
    tracker.update(START_NS, [person(only(standing(0), range(7))), person(only(standing(900), range(7)))])
    update = tracker.update(
        stamps(2)[1], [person(only(standing(900), range(7, 17))), person(only(standing(0), range(7, 17)))]
    )
    assert numbers(update) == {0: 2, 1: 1}


def test_source_ids_are_kept_in_any_order():
    rng = np.random.default_rng(0)
    tracker, seen = Tracker(), {}
    bodies = {f"{k}": standing(300 * k) for k in range(5)}
    for stamp in stamps(40):
        names = list(bodies)
        rng.shuffle(names)
        update = tracker.update(stamp, [person(bodies[name], name) for name in names])
        assert [match.track.id for match in update.matches] == names
        for match in update.matches:
            assert seen.setdefault(match.track.id, match.track.number) == match.track.number
    moved = [
        person(bodies[name] + 60, name) for name in bodies
    ]  # further than they are expected, and nobody else is there
    assert numbers(tracker.update(stamps(41)[-1], moved)) == {i: seen[name] for i, name in enumerate(bodies)}


def test_an_id_that_jumps_to_another_place_is_another_person():
    tracker = Tracker()
    for stamp in stamps(5):
        tracker.update(stamp, [person(standing(0), "2"), person(standing(300), "3")])
    update = tracker.update(stamps(6)[-1], [person(standing(9000), "2"), person(standing(300), "3")])
    assert numbers(update) == {0: 3, 1: 2}
    assert reasons(update) == {0: TrackReason.ID_PASSED_ON}
    assert sorted(track.id for track in tracker.tracks) == ["2", "3", "p3"]  # who had it first is known by it
    assert numbers(tracker.update(stamps(7)[-1], [person(standing(9000), "2")])) == {0: 3}


@pytest.mark.parametrize("both", [True, False])
def test_ids_that_the_source_exchanges_stay_where_they_were(both):
    tracker = Tracker()
    a, b = standing(0), standing(300)
    for stamp in stamps(5):
        tracker.update(stamp, [person(a, "x"), person(b, "y")])
    exchanged = [person(b, "x"), person(a, "y")] if both else [person(b, "x"), person(a, "z")]
    for number, stamp in enumerate(stamps(12)[5:]):
        update = tracker.update(stamp, exchanged)
        found = {match.index: (match.track.number, match.track.id) for match in update.matches}
        assert found[0] == (2, "y")
        assert not both or found[1] == (1, "x")
        assert (TrackReason.ID_PASSED_ON in reasons(update).values()) == (number == 0)


def test_who_walks_out_of_the_image_is_not_kept():
    t = np.arange(60) / 30
    truth = walker(t, 500, 1.0, height=200)
    tracker, view = Tracker(), View((-0.5, -0.5), (639.5, 479.5), 1.0)
    for i, stamp in enumerate(stamps(60)):
        xy = truth[i].copy()
        xy[(xy < view.low).any(1) | (xy > view.high).any(1)] = np.nan
        update = tracker.update(stamp, [person(xy)], view)
        if np.isnan(xy).all():
            break
        assert numbers(update) == {0: 1}
    assert tracker.tracks == ()
    assert [track.number for track in update.gone] == [1]
    inside = Tracker()
    inside.update(stamps(2)[0], [person(standing(300))], view)
    assert inside.update(stamps(2)[1], [], view).gone == ()


def test_what_is_too_small_starts_nobody_and_continues_somebody():
    tracker, view = Tracker(TrackingConfig(min_size_px=30)), View(pixel=1.0)
    update = tracker.update(stamps(2)[0], [person(standing(0, height=20)), person(standing(400), "a")], view)
    assert numbers(update) == {1: 1}
    assert reasons(update) == {0: TrackReason.TOO_SMALL}
    assert numbers(tracker.update(stamps(2)[1], [person(only(standing(400), [3, 6]))], view)) == {0: 1}


def test_source_id_keeps_its_number_after_it_was_dropped():
    tracker = Tracker()
    tracker.update(START_NS, [person(standing(), "mary"), person(standing(400))])
    tracker.update(START_NS + 10**10, [person(standing(400))])
    update = tracker.update(START_NS + 10**10 + 1, [person(standing(800), "mary")])
    assert update.matches[0].track.number == 1
    assert {track.number for track in tracker.tracks} == {1, 3}


def test_id_lost_by_the_source_and_id_given_late():
    tracker = Tracker()
    a, b = standing(0), standing(300)
    tracker.update(stamps(9)[0], [person(a, "7"), person(b)])
    update = tracker.update(stamps(9)[1], [person(b), person(a)])  # the source lost its id
    assert [(m.track.number, m.track.id) for m in update.matches] == [(2, "p2"), (1, "7")]
    update = tracker.update(stamps(9)[2], [person(b, "8"), person(a)])  # the source found its id
    assert [(m.track.number, m.track.id) for m in update.matches] == [(2, "8"), (1, "7")]
    update = tracker.update(stamps(9)[3], [person(a, "9")])  # another id is another person
    assert update.matches[0].track.number == 3


def test_same_id_twice_in_a_frame():
    tracker = Tracker()
    a, b = standing(0), standing(300)
    tracker.update(stamps(3)[0], [person(a, "x")])
    for stamp in stamps(9)[1:]:
        update = tracker.update(stamp, [person(b, "x", score=1.0), person(a, "x", score=0.5)])
        assert {m.index: m.track.id for m in update.matches} == {0: "p2", 1: "x"}
        assert reasons(update) == {0: TrackReason.DUPLICATE_ID}


def test_made_up_name_gives_way_to_the_source():
    tracker = Tracker()
    tracker.update(stamps(2)[0], [person(standing(0))])
    tracker.update(stamps(2)[1], [person(standing(0)), person(standing(500), "p1")])
    assert sorted(track.id for track in tracker.tracks) == ["p1", "p1_"]


def test_person_found_twice_counts_once():
    rng = np.random.default_rng(1)
    tracker = Tracker()
    for stamp in stamps(20):
        good, poor = (standing() + rng.normal(0, 2, (J, 2)) for _ in range(2))
        update = tracker.update(stamp, [person(poor, score=0.5), person(good, score=0.9)])
        assert numbers(update) == {1: 1}
        assert reasons(update) == {0: TrackReason.DUPLICATE_PERSON}
    two_ids = [person(standing(), "a"), person(standing(), "b")]
    assert len(Tracker().update(START_NS, two_ids).matches) == 2


def test_weak_and_absent_keypoints_show_nobody():
    nothing = np.full((J, 2), np.nan)
    people = [
        person(nothing),
        person(standing(), score=0.2),
        person(standing(400), score=np.nan),
        person(standing(800)),
    ]
    update = Tracker().update(START_NS, people)
    assert numbers(update) == {3: 1}
    assert set(reasons(update).values()) == {TrackReason.NOTHING_VISIBLE}
    tracker = Tracker()
    tracker.reconfigure(TrackingConfig(min_score=0.1))
    assert numbers(tracker.update(START_NS, people)) == {1: 1, 3: 2}


def test_late_frame_matches_and_changes_nothing():
    t = np.arange(30) / 30
    truth = walker(t, 0, 1.0)
    tracker = Tracker()
    for i in [*range(10), *range(11, 15)]:
        tracker.update(stamps(30)[i], [person(truth[i])])
    before = tracker.tracks[0].last_seen_ns
    update = tracker.update(stamps(30)[10], [person(truth[10]), person(standing(3000))])
    assert update.event is StreamEvent.LATE
    assert numbers(update) == {0: 1}
    assert reasons(update) == {1: TrackReason.LATE_UNKNOWN}
    assert tracker.tracks[0].last_seen_ns == before
    assert numbers(tracker.update(stamps(30)[15], [person(truth[15])])) == {0: 1}


def test_repeated_stamp_loses_nobody():
    tracker = Tracker()
    for stamp in stamps(4):
        tracker.update(stamp, [person(standing())])
    update = tracker.update(stamps(4)[-1], [])
    assert update.event is StreamEvent.DUPLICATE
    assert tracker.tracks[0].state == TrackState.TRACKED


def test_stream_that_goes_back_starts_again_with_new_numbers():
    tracker = Tracker()
    for stamp in stamps(4):
        tracker.update(stamp, [person(standing(), "a")])
    events = [tracker.update(stamp - 10**12, [person(standing(), "a")]) for stamp in stamps(3)]
    assert [update.event for update in events] == [StreamEvent.TOO_OLD, StreamEvent.BACKWARD, None]
    assert events[0].matches == ()
    assert reasons(events[0]) == {0: TrackReason.TOO_OLD}
    assert numbers(events[1]) == numbers(events[2]) == {0: 2}


def test_reset_equals_new_but_for_the_numbers():
    rng = np.random.default_rng(5)
    frames = [
        [person(standing(300 * k) + rng.normal(0, 3, (J, 2)), "s" if k == 2 else "") for k in rng.permutation(4)]
        for _ in range(15)
    ]
    used, new = Tracker(), Tracker()
    for stamp in stamps(20):
        used.update(stamp, [person(standing(50)), person(standing(700), "s")])
    used.reset()
    assert used.tracks == ()
    offset = None
    for stamp, people in zip(stamps(15), frames, strict=True):
        got, want = used.update(stamp, people), new.update(stamp, people)
        offset = got.matches[0].track.number - want.matches[0].track.number if offset is None else offset
        assert offset > 0
        assert numbers(got) == {index: number + offset for index, number in numbers(want).items()}
        assert (got.notes, got.event) == (want.notes, want.event)
        assert [m.track.state for m in got.matches] == [m.track.state for m in want.matches]


def test_wrong_shapes_are_named_and_change_nothing():
    tracker = Tracker()
    tracker.update(START_NS, [person(standing())])
    with pytest.raises(InputError, match="expected people of 17 joints"):
        tracker.update(START_NS + 1, [person(np.zeros((5, 2)))])
    with pytest.raises(InputError, match="expected shape"):
        tracker.update(START_NS + 1, [person(standing()), person(np.zeros((5, 2)))])
    with pytest.raises(InputError, match="at least one joint"):
        Tracker().update(START_NS, [("", np.zeros((0, 2)), np.zeros(0))])
    assert tracker.update(START_NS + 1, [person(standing())]).event is None
    with pytest.raises(ConfigError, match="timeout_s"):
        TrackingConfig(timeout_s=0.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_any_stream_keeps_the_rules(seed, length):
    rng = np.random.default_rng(seed)
    tracker, stamp, owner = Tracker(TrackingConfig(min_keypoints=int(rng.integers(1, 5)))), START_NS, {}
    for _ in range(length):
        stamp += int(rng.choice([33, 33, 33, 0, -40, 400, 1500, -3000]) * 1e6)
        people = []
        for _ in range(rng.integers(0, 6)):
            xy = standing(rng.choice([0, 3, 200, 1e6])) + rng.normal(0, 5, (J, 2))
            xy[rng.random(J) < rng.random()] = rng.choice([np.nan, np.inf, 1e30])
            people.append((str(rng.choice(["", "", "a", "b", "p1"])), xy, rng.uniform(-1, 2, J)))
        update = tracker.update(stamp, people)
        if update.event is StreamEvent.BACKWARD:
            owner.clear()
        indices = [match.index for match in update.matches]
        unused = [note.index for note in update.notes if note.reason not in USED]
        assert sorted(indices + unused) == list(range(len(people)))
        assert len({track.number for track in tracker.tracks}) == len(tracker.tracks)
        assert len({track.id for track in tracker.tracks}) == len(tracker.tracks)
        if any(note.reason is TrackReason.ID_PASSED_ON for note in update.notes):
            owner.clear()
        for match in update.matches:
            if match.track.source_id:
                assert owner.setdefault(match.track.source_id, match.track.number) == match.track.number


def test_thirty_two_people_are_quick():
    rng = np.random.default_rng(0)
    t = np.arange(30) / 30
    truth = np.stack([walker(t, 60 * k, rng.uniform(-0.8, 0.8), y=400 + 150 * (k % 4)) for k in range(32)], axis=1)
    tracker, spent = Tracker(), []
    for i, stamp in enumerate(stamps(30)):
        people = [person(truth[i, k]) for k in rng.permutation(32)]
        before = time.perf_counter()
        tracker.update(stamp, people)
        spent.append(time.perf_counter() - before)
    assert np.median(spent) < 0.02

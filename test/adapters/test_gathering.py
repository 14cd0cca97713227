"""Frames of single people become frames of everybody, in order and once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.adapters.gathering import Gathering
from pose3d_ros.core.types import Keypoints2D, Person2D


def one(name, stamp_ns):
    return Keypoints2D(stamp_ns, (Person2D("coco17", np.zeros((17, 2)), np.ones(17), name),), "eye", 640, 480)


def ids(frames):
    return [(frame.stamp_ns, [person.id for person in frame.people]) for frame in frames]


def test_a_frame_is_complete_when_everybody_is_there():
    gathering = Gathering()
    gathering.expected = frozenset("ab")
    assert gathering.add("a", one("a", 1)) == []
    assert ids(gathering.add("b", one("b", 1))) == [(1, ["a", "b"])]
    assert gathering.add("b", one("b", 1)) == []


def test_who_is_lost_holds_nobody_up():
    gathering = Gathering()
    gathering.expected = frozenset("abc")
    gathering.add("a", one("a", 1))
    gathering.add("b", one("b", 1))
    assert gathering.add("a", one("a", 2)) == []
    assert ids(gathering.add("b", one("b", 2))) == [(1, ["a", "b"])]
    assert ids(gathering.flush(gathering.newest_ns)) == [(2, ["a", "b"])]
    assert gathering.newest_ns == -1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), max_size=40), st.sets(st.sampled_from("abc")))
def test_stamps_rise_and_nobody_is_in_a_frame_twice(given_frames, expected):
    gathering, out = Gathering(), []
    gathering.expected = frozenset(expected)
    for name, stamp_ns in given_frames:
        out += gathering.add(name, one(name, stamp_ns))
    out += gathering.flush(10)
    stamps = [frame.stamp_ns for frame in out]
    assert stamps == sorted(set(stamps))
    for frame in out:
        names = [person.id for person in frame.people]
        assert len(names) == len(set(names))

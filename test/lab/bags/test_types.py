import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.lab.bags.types import Timeline, timeline


def frame(stamp_ns):
    return Skeletons3D(stamp_ns, "camera", ())


def test_at_gives_the_nearest_frame_within_the_tolerance():
    line = Timeline((frame(10), frame(20), frame(40)), {}, "test")
    assert line.at(20).stamp_ns == 20
    assert line.at(22) is None
    assert line.at(22, 2).stamp_ns == 20
    assert line.at(15, 5).stamp_ns == 10  # of two at the same distance the earlier
    assert line.at(31, 9).stamp_ns == 40
    assert line.at(0, 9) is None
    assert Timeline((), {}, "test").at(0, 100) is None


def test_stamps_must_grow():
    with pytest.raises(InputError, match="growing stamps"):
        Timeline((frame(10), frame(10)), {}, "test")


def test_of_a_stamp_that_came_twice_the_first_counts():
    line, doubled = timeline([(7, frame(20)), (8, frame(10)), (9, frame(20))], "test")
    assert line.stamps_ns == (10, 20)
    assert line.arrivals_ns == {20: 7, 10: 8}
    assert doubled == 1

"""Freed memory is given back now and then, and not more often."""

from pose3d_ros.core.memory import Tidy


def test_it_is_done_when_it_is_time():
    now = [0.0]
    tidy = Tidy(30.0, lambda: now[0])
    given = []
    for second in range(100):
        now[0] = float(second)
        given.append(tidy())
    assert sum(given) in (0, 3)  # 0: a C library that cannot

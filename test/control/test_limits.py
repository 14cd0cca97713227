import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.control.config import LimitConfig
from pose3d_ros.control.limits import LONGEST_STEP_S, Limiter
from pose3d_ros.core.errors import ConfigError

NAMES = ("a", "b")
FAR = st.floats(-50, 50)
LOW, HIGH, SPEED = np.array([-1.0, 0.0]), np.array([1.0, 0.5]), np.array([6.0, 2.0])


def limiter(**config) -> Limiter:
    return Limiter(NAMES, LOW, HIGH, SPEED, LimitConfig(**config), "test")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1e-4, 2.0), st.booleans()), min_size=2, max_size=20
    )
)
def test_no_step_leaves_range_or_speed(steps):
    limits = limiter(jump_rad_s=1.5)
    before = None
    for a, b, dt_s, careful in steps:
        if careful:
            limits.careful()
        after = limits.step(np.array([a, b]), dt_s).copy()
        assert (after >= LOW).all()
        assert (after <= HIGH).all()
        if before is not None:
            allowed = np.minimum(SPEED, 1.5) if careful else SPEED
            assert (np.abs(after - before) <= allowed * min(dt_s, LONGEST_STEP_S)).all()
        before = after


def test_jump_holds_until_it_has_caught_up():
    limits = limiter(jump_rad_s=1.0)
    limits.start(np.array([-1.0, 0.0]))
    limits.careful()
    moved = [limits.step(np.array([0.5, 0.0]), 0.1)[0] for _ in range(20)]
    assert np.abs(np.diff([-1.0, *moved])).max() <= 0.1
    assert moved[-1] == 0.5
    assert limits.step(np.array([-0.1, 0.0]), 0.1)[0] == pytest.approx(-0.1, abs=1e-6), "then at full speed"


def test_after_a_gap_the_step_is_short():
    limits = limiter()
    limits.start(np.array([-1.0, 0.0]))
    limits._careful[:] = False
    assert limits.step(np.array([1.0, 0.5]), 60.0)[0] <= -1.0 + 6.0 * LONGEST_STEP_S


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"joint_speed_rad_s": {"c": 1.0}}, "limits of c: not in its model, which has a, b"),
        ({"position_rad": {"c": [0, 1]}}, "limits of c"),
        ({"position_rad": {"a": [-2, 0]}}, "position_rad of a"),
        ({"position_rad": {"a": [0.5, 0.4]}}, "position_rad of a"),
        ({"position_rad": {"a": "all"}}, "position_rad of a"),
        ({"joint_speed_rad_s": {"a": -1.0}}, "no speed limit of a"),
    ],
)
def test_limits_that_do_not_fit(config, text):
    with pytest.raises(ConfigError, match=text):
        limiter(**config)


def test_a_model_without_speeds_needs_one():
    with pytest.raises(ConfigError, match="no speed limit of b"):
        Limiter(NAMES, LOW, HIGH, np.array([1.0, np.inf]), LimitConfig(), "test")

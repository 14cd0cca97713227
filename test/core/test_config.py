"""Parameters declared in dataclasses: the checks behind them."""

from dataclasses import dataclass, field, fields

import pytest

from pose3d_ros.core.config import flatten, frozen_changes, meta, param, validate
from pose3d_ros.core.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    depth: int = param(3, "how deep", low=1)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class Config:
    rate: float = param(30.0, "frames a second", unit="Hz", low=1, high=120, live=True)
    variant: str = param("nearest", "how gaps are filled", choices=("nearest", "linear"))
    name: str = param("", "free text")
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        validate(self)


def test_defaults_pass():
    assert Config().rate == 30.0


@pytest.mark.parametrize("rate", [1, 120, 59.94])
def test_range_includes_its_ends(rate):
    assert Config(rate=rate).rate == rate


@pytest.mark.parametrize(("rate", "words"), [
    (0.5, "at least 1 Hz, got 0.5"), (121, "at most 120 Hz, got 121"), (float("nan"), "got nan"), (float("inf"), "inf"),
])  # fmt: skip
def test_out_of_range_names_parameter_range_and_value(rate, words):
    with pytest.raises(ConfigError, match=rf"rate: expected .*{words}"):
        Config(rate=rate)


def test_a_value_of_another_type_is_named():
    with pytest.raises(ConfigError, match="rate: expected a number, got 'fast'"):
        Config(rate="fast")


def test_choices():
    assert Config(variant="linear").variant == "linear"
    with pytest.raises(ConfigError, match="variant: expected one of nearest, linear, got 'spline'"):
        Config(variant="spline")


def test_nested_checks_itself():
    with pytest.raises(ConfigError, match="depth: expected at least 1"):
        Config(inner=Inner(depth=0))


def test_meta_is_read_back():
    rate = meta(fields(Config)[0])
    assert (rate.help, rate.unit, rate.low, rate.high, rate.live) == ("frames a second", "Hz", 1, 120, True)
    assert not meta(fields(Config)[1]).live


def test_flatten_names_nested_parameters_in_full():
    assert [(name, value) for name, value, _ in flatten(Config(inner=Inner(7)))] == [
        ("rate", 30.0), ("variant", "nearest"), ("name", ""), ("inner.depth", 7)
    ]  # fmt: skip


def test_frozen_changes_are_those_that_are_not_live():
    assert frozen_changes(Config(), Config(rate=50.0)) == ()
    assert frozen_changes(Config(), Config(rate=50.0, variant="linear", inner=Inner(4))) == ("variant", "inner.depth")

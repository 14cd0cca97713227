"""Flipped bits of weights: what is wrong by more than 50 mm is refused within a second. The command does thousands."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bit_flips import Flip, Study


@pytest.fixture(scope="module")
def study():
    return Study("body_dtf27")


@pytest.mark.parametrize("number", range(3))
def test_a_flipped_exponent_is_noticed_within_a_second(study, number):
    name = [name for name, p in study.pipeline.bodies.lifter.network.named_parameters() if p.numel() > 1000][7 * number]
    what, _ = study.outcome(Flip(name, 11 + number, 30))
    assert what in ("noticed", "harmless")


def test_a_flipped_last_bit_changes_nothing(study):
    name = next(name for name, p in study.pipeline.bodies.lifter.network.named_parameters() if p.numel() > 1000)
    what, worst_m = study.outcome(Flip(name, 5, 0))
    assert what == "harmless"
    assert worst_m < 0.001

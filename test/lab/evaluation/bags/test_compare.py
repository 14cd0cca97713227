"""Comparing runs: known differences, honest intervals, thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from pose3d_testing.bags import material, timeline

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.lab.evaluation.bags.bag import evaluate_recorded
from pose3d_ros.lab.evaluation.bags.compare import CompareConfig, as_dict, compare, judge, parse_limit
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig, ScoringConfig

CONFIG = BagEvaluationConfig(bag=None, truth="topic:/t", estimates="recorded", scoring=ScoringConfig(segment_s=4.0))
FRAMES = 300


@pytest.fixture(scope="module")
def truth_m():
    """One person for 10 s at 30 Hz."""
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.4, (17, 3)) + rng.normal(0, 0.01, (1, FRAMES, 17, 3)).cumsum(1)
    return pose + np.array([0.0, 0.0, 5.0])


def run_of(tmp_path, estimates_m, truth_m, start_ns=10**9):
    stamps_ns = start_ns + np.arange(FRAMES) * 33_333_333
    given = material(tmp_path, [], timeline(stamps_ns, truth_m), timeline(stamps_ns, estimates_m))
    return evaluate_recorded(given, CONFIG)


def noisy(truth_m, spread_m, seed):
    return truth_m + np.random.default_rng(seed).normal(0, spread_m, truth_m.shape)


def row_of(rows, metric, group="all"):
    return next(row for row in rows if (row.metric, row.group) == (metric, group))


def test_values_are_those_of_the_runs(tmp_path, truth_m):
    run = run_of(tmp_path, noisy(truth_m, 0.03, 1), truth_m)
    rows = compare(run, run)
    both = run.info["metrics"]["all"] | run.info["quality"]["all"]
    compared = [row for row in rows if row.group == "all"]
    assert len(compared) >= 12
    for row in compared:
        if row.metric in both:
            assert row.a == pytest.approx(both[row.metric], abs=1e-3)
        assert row.difference == 0
        assert not row.sure
    joint = row_of(rows, "mpjpe_mm", "joint:left_wrist")
    assert joint.a == pytest.approx(run.info["metrics"]["all"]["per_joint_mm"]["left_wrist"], abs=1e-3)
    segment = row_of(rows, "mpjpe_mm", "segment:1")
    assert segment.a == pytest.approx(run.info["metrics"]["segments"][1]["mpjpe_mm"], abs=1e-3)
    assert row_of(rows, "mpjpe_mm", "person:person0").a == row_of(rows, "mpjpe_mm").a


def test_a_real_difference_is_sure_and_noise_is_not(tmp_path, truth_m):
    a = run_of(tmp_path, noisy(truth_m, 0.03, 1), truth_m)
    same = row_of(compare(a, run_of(tmp_path, noisy(truth_m, 0.03, 2), truth_m)), "mpjpe_mm")
    assert same.low < 0 < same.high
    worse = row_of(compare(a, run_of(tmp_path, noisy(truth_m, 0.033, 2), truth_m)), "mpjpe_mm")
    assert worse.sure
    assert worse.low < worse.difference < worse.high
    assert 5 < worse.percent < 15


def test_intervals_hold_what_they_promise(tmp_path, truth_m):
    """Two independent recordings of the same error: 0 lies within nearly always, and the interval is no wider than
    the scatter asks for."""
    inside, widths, offs = 0, [], []
    runs = [run_of(tmp_path, noisy(truth_m, 0.03, seed), truth_m, start_ns=10**9 + seed) for seed in range(12)]
    for number, run in enumerate(runs):  # another recording each
        run.info["bag"]["sha256"] = str(number)
    for a, b in zip(runs[::2], runs[1::2], strict=True):
        row = row_of(compare(a, b, CompareConfig(draws=300)), "mpjpe_absolute_mm")
        inside += row.low < 0 < row.high
        widths.append(row.high - row.low)
        offs.append(row.difference)
    assert inside >= 5
    assert 1.5 * np.std(offs) < np.mean(widths) < 10 * np.std(offs)


def test_the_same_seed_gives_the_same_intervals(tmp_path, truth_m):
    pair = [run_of(tmp_path, noisy(truth_m, 0.03, seed), truth_m) for seed in (1, 2)]
    assert compare(*pair) == compare(*pair)
    assert compare(*pair) != compare(*pair, CompareConfig(seed=2))


def test_limits(tmp_path, truth_m):
    a, b = (run_of(tmp_path, noisy(truth_m, spread, 1), truth_m) for spread in (0.03, 0.033))
    rows = compare(a, b)
    limits = [parse_limit(text) for text in ("mpjpe_mm=2%", "mpjpe_mm=50", "pck150=1", "mpjpe_mm@joint:nose = 20%")]
    verdicts = judge(rows, limits)
    assert [verdict.broken for verdict in verdicts] == [True, False, False, False]
    assert verdicts[0].worse == pytest.approx(10, abs=1)
    assert verdicts[1].worse == pytest.approx(row_of(rows, "mpjpe_mm").difference)
    backwards = judge(compare(b, a), limits)
    assert not any(verdict.broken for verdict in backwards)
    found = as_dict(a, b, rows, verdicts)
    assert found["broken"]
    assert found["limits"][0]["broken"]
    assert found["same_bag"]


def test_a_share_that_falls_is_worse_where_more_is_better(tmp_path, truth_m):
    a, b = (run_of(tmp_path, noisy(truth_m, spread, 1), truth_m) for spread in (0.03, 0.15))
    (verdict,) = judge(compare(a, b), [parse_limit("pck150=0.05")])
    assert verdict.broken
    assert verdict.worse > 0.05


@pytest.mark.parametrize("text", ["mpjpe_mm", "mpjpe_mm=", "=2%", "mpjpe_mm=two", "mpjpe_mm=-1", "mpjpe_mm=1.2.3"])
def test_a_bad_limit_says_how_it_should_be(text):
    with pytest.raises(ConfigError, match="such as mpjpe_mm=2%"):
        parse_limit(text)


def test_limits_on_what_is_not_there_are_refused(tmp_path, truth_m):
    run = run_of(tmp_path, truth_m, truth_m)
    rows = compare(run, run)
    for text, message in (
        ("nonsense=1", "they have"), ("mpjpe_mm@person:eve=1", "person:NAME"), ("sigma_coverage=1", "neither"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            judge(rows, [parse_limit(text)])


def test_a_short_run_has_no_interval(tmp_path, truth_m):
    run = run_of(tmp_path, noisy(truth_m, 0.03, 1), truth_m)
    row = row_of(compare(run, run, CompareConfig(block_s=5.0)), "mpjpe_mm")
    assert (row.low, row.high, row.sure) == (None, None, False)


def test_other_skeletons_are_refused(tmp_path, truth_m):
    run = run_of(tmp_path, truth_m, truth_m)
    other = replace(run, info=run.info | {"skeleton": "coco17"})
    with pytest.raises(InputError, match="h36m17 and coco17"):
        compare(run, other)

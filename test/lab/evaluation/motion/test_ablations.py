"""Studies: the rows they promise, and that a row is really what its name says."""

from dataclasses import replace

import pytest

from pose3d_ros.lab.evaluation.motion import ablations
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate

CONFIG = EvaluationConfig(protocols=("random:12",), clips=1, cameras=1)


def test_guidance_rows_differ_where_the_lifter_sees_other_numbers(small_lifter, sample):
    study = ablations.guidance(small_lifter, sample, CONFIG)
    own = evaluate(sample, [candidate("own", small_lifter)], CONFIG)["own"]
    assert study["as trained"] == own
    for row in ("confidence off", "linear", "none", "f_past 5"):
        assert study[row]["random:12"].mpjpe_mm != own["random:12"].mpjpe_mm
    assert small_lifter.spec.guidance == ablations.candidate("x", small_lifter).lifter.spec.guidance


def test_threshold_hides_ever_more(small_lifter, sample):
    study = ablations.threshold(small_lifter, sample, replace(CONFIG, protocols=("clean",)))
    share = [row["clean"].hidden_share for row in study.values() if row["clean"].frames]
    assert list(study)[:2] == ["0.1", "0.2"]
    assert share == sorted(share)
    assert share[-1] > share[0]


@pytest.mark.parametrize("name", ["rate", "lookahead"])
def test_rate_and_lookahead(small_lifter, sample, name):
    study = ablations.STUDIES[name](small_lifter, sample, CONFIG)
    assert all(row["random:12"].frames > 10 for row in study.values())
    first = "30 Hz" if name == "rate" else "0 (0 ms)"
    assert study[first] == evaluate(sample, [candidate("own", small_lifter)], CONFIG)["own"]
    table = ablations.markdown(name, study)
    assert table.count("\n") == 2 + len(study)

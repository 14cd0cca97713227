"""Rotations of the shipped lifter on the sample that is in the repository, through the whole pipeline."""

from pathlib import Path

import pytest

from pose3d_ros.lab.evaluation.motion.rotations import RotationConfig, evaluate_rotations
from pose3d_ros.lab.synthesis.motion import load
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig

MOTION = Path(__file__).parents[3] / "data" / "motion_sample.npz"


@pytest.fixture(scope="module")
def report():
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(backend="torch"), hands=HandConfig(weights="")))
    return evaluate_rotations(load([MOTION]), pipeline, RotationConfig(clips=2))["clean"]


def test_trunk_and_limbs_are_near_the_truth_and_nothing_flips(report):
    assert 0 < report["trunk"]["median_deg"] < 15
    assert 0 < report["limbs"]["median_deg"] < 20
    assert report["trunk"]["flips"] == report["limbs"]["flips"] == 0


def test_every_segment_is_reported(report):
    assert report["left_foot"]["frames"] > 100
    assert report["head"]["p95_deg"] > report["head"]["median_deg"]

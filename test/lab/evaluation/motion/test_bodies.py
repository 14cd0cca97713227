"""Evaluated people against those learned from, by their limbs; lifters with and without toes side by side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pose3d_ros.core import formats
from pose3d_ros.lab.evaluation.motion.bodies import limb_lengths_mm, overlap
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate
from pose3d_ros.lab.synthesis import motion
from pose3d_ros.models import conditions
from pose3d_ros.models.lifter import ModelSpec
from pose3d_ros.models.streaming import StreamingConfig, StreamingDTF
from pose3d_ros.models.streaming_lifter import StreamingLifter

SAMPLE = Path(__file__).parents[3] / "data" / "motion_sample.npz"


@pytest.fixture(scope="module")
def people():
    return motion.load([SAMPLE])


def test_other_motion_of_the_same_body_is_no_other_person(people):
    first = [name == "A4/005_04" for name in people.names]
    found = overlap(people.subset(first), people.subset([not one for one in first]))
    assert (found.clips, found.of) == (1, 1)
    assert found.subjects == (("cmu05", "cmu05"),)
    assert "known bodies" in str(found)


def test_the_two_people_of_the_sample_are_two_bodies(people):
    of = [subject == "cmu02" for subject in people.subjects]
    found = overlap(people.subset(of), people.subset([not one for one in of]))
    assert found.clips == 0
    assert "unknown people" in str(found)


def test_limbs_keep_their_length_through_a_recording(people):
    lengths = limb_lengths_mm(people)
    np.testing.assert_allclose(lengths[1], lengths[2], atol=0.5)  # two clips of one person
    assert np.abs(lengths[0] - lengths[1]).max() > 10


@pytest.fixture(scope="module")
def lifters():
    torch.manual_seed(0)
    found = []
    for skeleton, size in (("h36m17", 0), ("body19", conditions.SIZE)):
        sizes = StreamingConfig(6, len(formats.get(skeleton)), 16, 32, 2, 2, 2, 16, condition=size)
        network = StreamingDTF(sizes)
        if size:
            torch.nn.init.normal_(network.condition[2].weight)
        told = conditions.INPUTS if size else ()
        found.append(candidate(skeleton, StreamingLifter(network, ModelSpec(skeleton, skeleton, 6, 30.0, told=told))))
    return found


@pytest.fixture(scope="module")
def walk(motion_file):
    return motion.load([motion_file], skeleton="body19")


def test_lifters_with_and_without_toes_stand_side_by_side(lifters, walk):
    config = EvaluationConfig(protocols=("random:12",), cameras=1, clips=1)
    both = evaluate(walk, lifters, config)
    with_toes, without = (both[name]["random:12"] for name in ("body19", "h36m17"))
    assert set(with_toes.per_joint_mm) - set(without.per_joint_mm) == {"left_toe", "right_toe"}
    # the protocol hides 12 of 17 joints, whoever is asked; with toes a clip's first frames have enough joints sooner
    assert with_toes.hidden_share == pytest.approx(without.hidden_share, abs=0.02)
    alone = evaluate(replace(walk, joints=walk.joints[:, :17]), lifters[:1], config)
    assert alone["h36m17"]["random:12"] == without


@pytest.mark.parametrize("told", [("gravity",), ("height",), ("bones",)])
def test_what_is_told_reaches_the_network(lifters, walk, told):
    config = EvaluationConfig(protocols=("clean",), cameras=1, clips=1)
    alone, more = (evaluate(walk, lifters, c) for c in (config, replace(config, told=told)))
    assert more["h36m17"] == alone["h36m17"]  # takes no condition
    assert more["body19"]["clean"].mpjpe_mm != alone["body19"]["clean"].mpjpe_mm

"""Metrics and protocols of hands, on recorded hands and with lifters whose errors are known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.evaluation.motion import hands
from pose3d_ros.lab.evaluation.motion.hands import HandEvaluationConfig, HandSequence, lift_all, measure
from pose3d_ros.lab.synthesis import hand_detector
from pose3d_ros.lab.synthesis.hand_recordings import load
from pose3d_ros.models import Lifter, ModelSpec

SAMPLE = Path(__file__).parents[3] / "data" / "hands_sample.npz"
RECORDINGS = load(SAMPLE, 30.0)


def sequence(change, recording=RECORDINGS[-1]):
    """A recording before a camera, and what `change` makes of it."""
    truth = recording.xyz_m[:40] + np.array((0, 0, 1.0))
    shape = truth.shape[:2]
    valid, wrist_ray = np.ones(len(truth), bool), truth[:, 0, :2] / truth[:, 0, 2:]
    return HandSequence(
        change(truth), truth, np.full(shape, 0.01), np.ones(shape, bool), valid, recording.left, wrist_ray
    )


class Still(torch.nn.Module):
    """A lifter that says one hand, whatever it is shown."""

    def __init__(self):
        super().__init__()
        xyz = torch.tensor(RECORDINGS[-1].xyz_m[0], dtype=torch.float32)
        self.xyz = torch.nn.Parameter(xyz - xyz[:1], requires_grad=False)

    def forward(self, x, frame=None):
        joints = self.xyz.expand(len(x), 1, -1, -1)
        return {"xyz": joints, "log_sigma": torch.full(joints.shape[:3], -3.0)}


def lifter():
    return Lifter(Still(), ModelSpec("still", "hand21", 27, 30.0))


def test_the_truth_has_no_error():
    found = measure([sequence(lambda xyz: xyz)])
    assert found["mpjpe_mm"] == found["pa_mpjpe_mm"] == found["known_size_mm"] == found["palm_deg"] == 0
    assert found["pinch"] == found["pinch_balanced"] == found["sigma_coverage"] == 1
    assert found["accel_error_m_s2"] == 0


def test_where_the_hand_stands_is_no_error_of_its_shape():
    assert measure([sequence(lambda xyz: xyz + np.array((0.3, 0, 0.2)))])["mpjpe_mm"] == pytest.approx(0, abs=1e-6)


def test_a_wrong_size_is_an_error_that_a_known_size_removes():
    found = measure([sequence(lambda xyz: xyz[:, :1] + 1.1 * (xyz - xyz[:, :1]))])
    assert 5 < found["mpjpe_mm"] < 15
    assert found["known_size_mm"] == pytest.approx(0, abs=0.01)
    assert found["pa_mpjpe_mm"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("angle", [20.0, 90.0])
def test_a_turned_palm_is_measured_in_degrees(angle):
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([(c, 0, s), (0, 1, 0), (-s, 0, c)])
    found = measure([sequence(lambda xyz: xyz @ turn.T)])
    assert found["palm_deg"] == pytest.approx(angle, abs=0.01)
    assert found["pa_mpjpe_mm"] == pytest.approx(0, abs=0.01)


def test_a_hand_without_a_palm_counts_as_turned_around():
    assert measure([sequence(np.zeros_like)])["palm_deg"] == 180


def test_pinches_are_counted_on_both_sides():
    def spread(xyz):
        wide = xyz.copy()
        wide[:, 4] += (0.2, 0, 0)
        return wide

    found = measure([sequence(spread)])
    closed = found["pinch_share"]
    assert 0 < closed < 1  # the recording holds both
    assert found["pinch"] == pytest.approx(1 - closed, abs=1e-3)
    assert found["pinch_balanced"] == pytest.approx(0.5, abs=1e-3)


def test_frames_without_a_hand_are_counted_apart():
    part = sequence(lambda xyz: xyz)
    part.valid[:10] = False
    found = measure([part])
    assert (found["frames"], found["skipped"]) == (30, 10)
    part.valid[:] = False
    assert measure([part])["frames"] == 0


def test_protocols_see_the_same_hands_and_hide_what_they_say():
    config = HandEvaluationConfig(protocols=("clean", "random:10", "whole"), cameras=2)
    found = lift_all(RECORDINGS[-1:], {"a": lifter(), "b": lifter()}, config, hand_detector.PERFECT)
    assert set(found) == {"a", "b"}
    for protocol in config.protocols:
        a, b = (found[name][protocol] for name in "ab")
        assert len(a) == 2
        for one, other in zip(a, b, strict=True):
            assert np.array_equal(one.predicted_m, other.predicted_m)
            assert np.array_equal(one.truth_m, other.truth_m)
    assert all(s.seen[s.valid].all() for s in found["a"]["clean"])
    assert all((s.seen[s.valid].sum(1) == 11).all() for s in found["a"]["random:10"])


def test_cameras_stand_where_robots_do():
    config = HandEvaluationConfig(cameras=16)
    distance = hands._views(RECORDINGS[0], config, "key")[:, :, 0].norm(dim=-1)
    assert distance.min() > 0.35
    assert distance.max() < 5


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ConfigError, match="random:10"):
        lift_all(RECORDINGS[-1:], {"a": lifter()}, HandEvaluationConfig(protocols=("limb",)))


def test_the_wrists_acceleration_is_that_in_the_image():
    def nearer_and_shaking(truth):
        moved = 0.9 * truth  # on the same rays: no error in the image
        moved[1::2, :, 0] += 0.01 * moved[1::2, :1, 2]
        return moved

    steady, shaking = measure([sequence(lambda truth: 0.9 * truth)]), measure([sequence(nearer_and_shaking)])
    assert steady["wrist_accel_error_m_s2"] == pytest.approx(0, abs=0.02)
    # 1 cm aside at a depth of a metre, to and fro: second differences of 2 cm, thirty times a second
    depth_m = RECORDINGS[-1].xyz_m[:40, 0, 2].mean() + 1.0
    assert shaking["wrist_accel_error_m_s2"] == pytest.approx(0.02 * depth_m * 900, rel=0.05)
    assert shaking["input_wrist_accel_error_m_s2"] == pytest.approx(0, abs=0.02)

"""What a plain pipeline feeds where joints are hidden: causal, and right where it must be."""

import numpy as np
import pytest

from pose3d_ros.lab.evaluation.motion.baselines import FILLS, held, kalman
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate
from pose3d_ros.lab.synthesis import motion
from pose3d_ros.models import registry

RATE_HZ = 30.0


def moving(hidden: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One joint that moves steadily and is hidden for a while: rays, score, and the rays as they really are."""
    t = np.arange(20, dtype=np.float32)[:, None]
    truth = np.concatenate((0.01 * t, 0.1 - 0.02 * t), -1)[None, :, None]
    rays, score = truth.copy(), np.full((1, 20, 1), 0.7, np.float32)
    rays[:, hidden], score[:, hidden] = np.nan, 0
    return rays, score, truth


def test_held_stays_where_it_was_seen_last():
    rays, score, truth = moving(slice(10, 14))
    filled, sure = held(rays, score, RATE_HZ)
    np.testing.assert_array_equal(filled[0, 10:14], np.repeat(truth[0, 9:10], 4, 0))
    np.testing.assert_array_equal(sure, np.full_like(sure, 0.7))


def test_the_filter_goes_on_as_the_joint_went():
    rays, score, truth = moving(slice(10, 14))
    filled, _ = kalman(rays, score, RATE_HZ)
    np.testing.assert_allclose(filled[0, 10:14], truth[0, 10:14], atol=3e-3)
    np.testing.assert_array_equal(filled[0, :10], truth[0, :10])  # what is seen stays as it is seen


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_only_the_past_counts(fill):
    rays, score, _ = moving(slice(10, 14))
    whole = fill(rays, score, RATE_HZ)
    part = fill(rays[:, :12], score[:, :12], RATE_HZ)
    for all_of_it, beginning in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_of_it[:, :12], beginning)


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_what_was_never_seen_stays_hidden(fill):
    rays, score, _ = moving(slice(0, 5))
    filled, sure = fill(rays, score, RATE_HZ)
    assert (sure[0, :5] == 0).all()
    assert np.isfinite(filled).all()
    assert (sure[0, 5:] > 0).all()


def test_they_stand_beside_the_lifter(motion_file):
    lifter = registry.load_lifter("body_dtf27")
    candidates = [candidate("alone", lifter), *(candidate(name, lifter, fill=fill) for name, fill in FILLS.items())]
    config = EvaluationConfig(protocols=("clean", "burst"), cameras=1, clips=1)
    found = evaluate(motion.load([motion_file]), candidates, config)
    for name in FILLS:
        assert found[name]["clean"].mpjpe_mm == pytest.approx(found["alone"]["clean"].mpjpe_mm, rel=0.05)
        assert found[name]["burst"].hidden_share == pytest.approx(found["alone"]["burst"].hidden_share, abs=0.05)
        assert found[name]["burst"].mpjpe_mm != found["alone"]["burst"].mpjpe_mm

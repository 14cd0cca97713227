"""Metrics on poses whose errors are known beforehand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.lab.evaluation.metrics import Sequence, measure

RATE_HZ = 30.0
# the contract with whoever reads the JSON
KEYS = {
    "mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "pck150", "auc", "velocity_error_mm_s", "accel_error_mm_s2",
    "root_error_percent", "sigma_coverage", "frames",
}  # fmt: skip


@pytest.fixture
def truth_m():
    """40 frames of a body that changes, 4 m in front of the camera."""
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.4, (17, 3)) + rng.normal(0, 0.02, (40, 17, 3)).cumsum(0)
    return pose - pose[:, :1] + np.array([0.3, -0.2, 4.0])


def sequence(predicted_m, truth_m, sigma_m=0.1, seen=True, valid=None, rate_hz=RATE_HZ):
    frames, joints = truth_m.shape[:2]
    valid = np.ones(frames, bool) if valid is None else valid
    shape = (frames, joints)
    return Sequence(predicted_m, truth_m, np.full(shape, sigma_m), np.broadcast_to(seen, shape), valid, rate_hz)


def moved(truth_m, joint, by_m):
    predicted = truth_m.copy()
    predicted[:, joint] += by_m
    return predicted


def test_a_perfect_prediction_has_no_error(truth_m):
    found = measure([sequence(truth_m.copy(), truth_m)], "h36m17")
    for key in ("mpjpe_mm", "velocity_error_mm_s", "accel_error_mm_s2", "root_error_percent"):
        assert getattr(found, key) == 0
    assert found.pa_mpjpe_mm == pytest.approx(0, abs=1e-9)
    assert (found.pck150, found.auc, found.sigma_coverage, found.frames, found.skipped) == (1, 1, 1, 40, 0)


def test_a_shift_of_the_whole_person_is_a_root_error_only(truth_m):
    predicted = truth_m + np.array([0, 0, 0.4])
    found = measure([sequence(predicted, truth_m)], "h36m17")
    assert found.mpjpe_mm == pytest.approx(0, abs=1e-9)
    assert found.root_error_percent == pytest.approx(100 * 0.4 / np.linalg.norm([0.3, -0.2, 4.0]))


def test_one_joint_moved_by_99_mm(truth_m):
    found = measure([sequence(moved(truth_m, 13, [0.0594, 0, 0.0792]), truth_m)], "h36m17")
    assert found.mpjpe_mm == pytest.approx(99 / 17)
    assert found.per_joint_mm["left_wrist"] == pytest.approx(99)
    assert sum(found.per_joint_mm.values()) == pytest.approx(99)
    assert found.pck150 == 1
    # up to 95 mm it is outside: 20 of the 31 thresholds
    assert found.auc == pytest.approx(1 - 20 / 31 / 17)
    assert found.velocity_error_mm_s == pytest.approx(0, abs=1e-6)


def test_pck_counts_what_is_beyond_150_mm(truth_m):
    found = measure([sequence(moved(moved(truth_m, 5, [0.2, 0, 0]), 6, [0.149, 0, 0]), truth_m)], "h36m17")
    assert found.pck150 == pytest.approx(16 / 17)


def test_pa_recovers_a_similarity_and_n_a_scale(truth_m):
    turned = 1.3 * truth_m @ Rotation.from_euler("xyz", [20, 50, -70], degrees=True).as_matrix().T + 0.5
    found = measure([sequence(turned, truth_m)], "h36m17")
    assert found.pa_mpjpe_mm == pytest.approx(0, abs=1e-6)
    assert found.mpjpe_mm > 100
    scaled = measure([sequence(0.8 * truth_m, truth_m)], "h36m17")
    assert scaled.n_mpjpe_mm == pytest.approx(0, abs=1e-6)
    assert scaled.mpjpe_mm > 20


def test_pa_does_not_mirror(truth_m):
    assert measure([sequence(truth_m * [-1, 1, 1], truth_m)], "h36m17").pa_mpjpe_mm > 20


def test_a_joint_that_drifts_has_a_velocity_error_and_one_that_jitters_an_acceleration_error(truth_m):
    drift = np.arange(40)[:, None] * np.array([0.01, 0, 0])
    found = measure([sequence(moved(truth_m, 3, drift), truth_m)], "h36m17")
    assert found.velocity_error_mm_s == pytest.approx(10 * RATE_HZ / 17)
    assert found.accel_error_mm_s2 == pytest.approx(0, abs=1e-4)
    jitter = ((-1.0) ** np.arange(40))[:, None] * np.array([0.01, 0, 0])
    found = measure([sequence(moved(truth_m, 3, jitter), truth_m)], "h36m17")
    assert found.velocity_error_mm_s == pytest.approx(20 * RATE_HZ / 17)
    assert found.accel_error_mm_s2 == pytest.approx(40 * RATE_HZ**2 / 17)


def test_nothing_is_differentiated_across_clips_or_gaps(truth_m):
    """Two clips, each off by a constant of its own, and a gap in one of them after which the offset changes."""
    first, second = moved(truth_m, 3, [0.1, 0, 0]), moved(truth_m, 3, [-0.2, 0, 0])
    first[20:, 3] += [0, 0.3, 0]
    valid = np.arange(40) != 19
    first[19] = np.nan  # what is not valid may hold anything
    found = measure([sequence(first, truth_m, valid=valid), sequence(second, truth_m)], "h36m17")
    assert found.velocity_error_mm_s == pytest.approx(0, abs=1e-6)
    assert found.accel_error_mm_s2 == pytest.approx(0, abs=1e-4)
    assert (found.frames, found.skipped) == (79, 1)


def test_seen_and_hidden_joints_apart_without_the_root(truth_m):
    seen = np.ones((40, 17), bool)
    seen[:, [0, 13]] = False
    predicted = moved(moved(truth_m, 13, [0.1, 0, 0]), 16, [0.03, 0, 0])
    found = measure([sequence(predicted, truth_m, seen=seen)], "h36m17")
    assert found.hidden_mm == pytest.approx(100)
    assert found.seen_mm == pytest.approx(30 / 15)
    assert found.hidden_share == pytest.approx(1 / 16)


def test_sigma_of_gaussian_errors_that_were_announced_rightly():
    """The 68 % quantile of the length of a 3D normal error is 1.87 of its spread."""
    rng = np.random.default_rng(1)
    truth_m = rng.normal(0, 0.3, (4000, 17, 3)) + np.array([0, 0, 5])
    error = rng.normal(0, 0.02, truth_m.shape)
    error[:, 0] = 0
    seen = rng.random((4000, 17)) < 0.5
    error[~seen] *= 2
    found = measure([sequence(truth_m + error, truth_m, sigma_m=1.8724 * 0.02, seen=seen)], "h36m17")
    assert found.sigma_coverage_seen == pytest.approx(0.68, abs=0.01)
    assert found.sigma_coverage_hidden < 0.3
    assert found.sigma_coverage_hidden < found.sigma_coverage < found.sigma_coverage_seen


def test_nothing_to_measure_is_none_and_not_nan(truth_m):
    found = measure([sequence(truth_m, truth_m, valid=np.zeros(40, bool))], "h36m17").as_dict()
    assert found["frames"] == 0
    assert found["skipped"] == 40
    assert all(found[key] is None for key in KEYS - {"frames"})


def test_keys_of_the_report(truth_m):
    found = measure([sequence(truth_m, truth_m)], "h36m17").as_dict()
    assert set(found) >= KEYS
    assert set(found) - KEYS == {
        "skipped", "seen_mm", "hidden_mm", "hidden_share", "sigma_coverage_seen", "sigma_coverage_hidden",
        "per_joint_mm", "mpjpe_absolute_mm", "root_error_mm", "root_accel_error_mm_s2", "sigma_coverage_99",
        "sigma_coverage_99_seen", "sigma_coverage_99_hidden", "root_coverage", "root_coverage_99",
        "root_coverage_unseen", "root_coverage_99_unseen", "limb_spread_mm",
    }  # fmt: skip

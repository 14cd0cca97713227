"""Alignment for the metrics: known similarities are undone, mirrors are not."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.align import fit_scale, procrustes


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(0, 0.4, (8, 17, 3))


def moved(xyz: np.ndarray) -> np.ndarray:
    """Another scale, attitude and place for each."""
    rng = np.random.default_rng(1)
    R = Rotation.random(len(xyz), random_state=2).as_matrix()
    return rng.uniform(0.3, 3, (len(xyz), 1, 1)) * xyz @ R + rng.normal(0, 5, (len(xyz), 1, 3))


def test_a_known_similarity_is_undone(truth):
    np.testing.assert_allclose(procrustes(moved(truth), truth), truth, atol=1e-9)


def test_a_mirror_is_refused(truth):
    aligned = procrustes(truth * [-1, 1, 1], truth)
    assert (np.linalg.norm(aligned - truth, axis=-1).mean(axis=1) > 0.05).all()


def test_it_is_the_best_of_all_similarities(truth):
    """No small turn, shift or scaling of the result comes closer."""
    predicted = truth + np.random.default_rng(3).normal(0, 0.1, truth.shape)
    aligned = procrustes(moved(predicted), truth)
    best = ((aligned - truth) ** 2).sum((1, 2))
    for seed in range(20):
        turn = Rotation.from_rotvec(np.random.default_rng(seed).normal(0, 0.02, 3)).as_matrix()
        centre = aligned.mean(1, keepdims=True)
        other = 1.01 ** (seed % 3 - 1) * (aligned - centre) @ turn + centre
        assert (((other - truth) ** 2).sum((1, 2)) > best - 1e-12).all()


def test_flat_bodies_are_turned_and_not_mirrored(truth):
    flat = truth * [1, 1, 0]
    np.testing.assert_allclose(procrustes(moved(flat), flat), flat, atol=1e-9)


def test_points_all_equal_stay_finite(truth):
    aligned = procrustes(np.ones_like(truth), truth)
    np.testing.assert_allclose(aligned, np.broadcast_to(truth.mean(1, keepdims=True), truth.shape), atol=1e-9)


def test_fit_scale_is_the_one_factor_that_fits_best(truth):
    np.testing.assert_allclose(fit_scale(truth * np.linspace(0.2, 4, 8)[:, None, None], truth), truth)
    assert np.isfinite(fit_scale(np.zeros_like(truth), truth)).all()

"""Alignments of the evaluation metrics."""

import numpy as np


def procrustes(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`predicted` (N, J, 3) moved onto `truth` by the best similarity (scale, proper rotation, translation) each.

    Umeyama 1991; reflections are refused. Degenerate sets (all points equal) keep scale 1.
    """
    mean_p, mean_t = predicted.mean(1, keepdims=True), truth.mean(1, keepdims=True)
    p, t = predicted - mean_p, truth - mean_t
    U, S, Vt = np.linalg.svd(np.einsum("nji,njk->nik", p, t))
    sign = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    U[:, :, -1] *= sign[:, None]
    S[:, -1] *= sign
    R = U @ Vt
    spread = (p**2).sum((1, 2))
    scale = np.where(spread > 1e-12, S.sum(1) / np.maximum(spread, 1e-12), 1.0)
    return scale[:, None, None] * (p @ R) + mean_t


def fit_scale(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`predicted` (N, J, 3), root-relative, times the one factor each that fits `truth` best (N-MPJPE)."""
    scale = (predicted * truth).sum((1, 2)) / np.maximum((predicted**2).sum((1, 2)), 1e-12)
    return scale[:, None, None] * predicted

"""When a keypoint counts as seen, and which one counts of several: one rule for windows and identities."""

import numpy as np


def hide_weak(xy: np.ndarray, score: np.ndarray, min_score: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Copies of `xy` (..., J, 2) and `score` (..., J), with NaN and 0 where a keypoint counts as missing.

    Missing: a coordinate or the score is not finite, the score is below `min_score`, or it is 0 (many sources write
    (0, 0) with score 0 for a keypoint that they did not find). Scores above 1 become 1. Any unit.
    """
    seen = np.isfinite(xy).all(axis=-1) & np.isfinite(score) & (score > 0) & (score >= min_score)
    hidden_xy = np.where(seen[..., None], xy, np.nan).astype(xy.dtype)
    return hidden_xy, np.where(seen, np.minimum(score, 1), 0).astype(score.dtype)


def merged(xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One observation of several, `xy` (D, ..., J, 2) and `score` (D, ..., J), oldest first, 0 where missing.

    Of every joint the one that is scored best stays, of equals the newest.
    """
    best = len(score) - 1 - score[::-1].argmax(0)
    return np.take_along_axis(xy, best[None, ..., None], 0)[0], np.take_along_axis(score, best[None], 0)[0]

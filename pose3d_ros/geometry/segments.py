"""Distances between line segments, many against many. Ericson, Real-Time Collision Detection, section 5.1.9."""

import numpy as np

TINY = 1e-12


def closest(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where segments come closest: shares (N, M) of the way along `p` (N, 2, 3) and along `q` (M, 2, 3).

    A segment whose ends coincide is a point. NaN where an end is not finite.
    """
    d1, d2 = (p[:, 1] - p[:, 0])[:, None], (q[:, 1] - q[:, 0])[None]
    r = p[:, None, 0] - q[None, :, 0]
    a, e, b = _dot(d1, d1), _dot(d2, d2), _dot(d1, d2)
    c, f = _dot(d1, r), _dot(d2, r)
    det = a * e - b * b
    s = np.where(det > TINY * np.maximum(a * e, TINY), np.clip((b * f - c * e) / np.maximum(det, TINY), 0, 1), 0.0)
    t = (b * s + f) / np.maximum(e, TINY)
    inside = np.clip(t, 0, 1)
    # clamping one share moves the best other one
    s = np.where(t != inside, np.clip((b * inside - c) / np.maximum(a, TINY), 0, 1), s)
    bad = ~np.isfinite(r).all(-1) | ~np.isfinite(a + e)
    return np.where(bad, np.nan, s), np.where(bad, np.nan, inside)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)

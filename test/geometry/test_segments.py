"""Closest points of segments against a fine grid of points on them."""

import numpy as np
import pytest

from pose3d_ros.geometry.segments import closest


def at(segment, share):
    return segment[0] + share * (segment[1] - segment[0])


def test_as_near_as_the_nearest_of_many_points():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(12, 2, 3)), rng.normal(size=(15, 2, 3))
    p[0, 1] = p[0, 0]  # a point
    q[1] = p[1] + 0.3  # parallel
    s, t = closest(p, q)
    grid = np.linspace(0, 1, 101)
    for i, j in np.ndindex(12, 15):
        found = np.linalg.norm(at(p[i], s[i, j]) - at(q[j], t[i, j]))
        points = [p[i, 0] + grid[:, None] * (p[i, 1] - p[i, 0]), q[j, 0] + grid[:, None] * (q[j, 1] - q[j, 0])]
        best = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1).min()
        assert found <= best + 1e-9
        assert found == pytest.approx(best, abs=0.02)


def test_what_is_not_finite_is_nan():
    p = np.zeros((1, 2, 3))
    p[0, 1, 1] = np.nan
    assert np.isnan(closest(p, np.ones((1, 2, 3)))).all()

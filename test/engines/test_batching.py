"""Rows to buckets."""

import numpy as np
import pytest

from pose3d_ros.engines.batching import exact, in_calls, padded

BUCKETS = (1, 2, 4, 8, 16, 32)


@pytest.mark.parametrize(
    ("rows", "calls"),
    [(1, [(0, 1, 1)]), (3, [(0, 3, 4)]), (32, [(0, 32, 32)]), (33, [(0, 32, 32), (32, 1, 1)]),
     (70, [(0, 32, 32), (32, 32, 32), (64, 6, 8)])],
)  # fmt: skip
def test_padded(rows, calls):
    assert list(padded(rows, BUCKETS)) == calls


@pytest.mark.parametrize(("rows", "sizes"), [(1, [1]), (3, [1, 1, 1]), (4, [4]), (11, [4, 4, 1, 1, 1])])
def test_exact(rows, sizes):
    calls = list(exact(rows, (1, 4)))
    assert [bucket for _, _, bucket in calls] == sizes
    assert [start for start, _, _ in calls] == list(np.cumsum([0, *sizes[:-1]]))


@pytest.mark.parametrize("split", [padded, exact])
def test_all_rows_come_back_in_order(split):
    x = np.arange(33.0)[:, None]
    out = in_calls({"x": x}, split(33, BUCKETS), lambda batch, rows, bucket: {"y": 2 * batch["x"][:rows]})
    np.testing.assert_array_equal(out["y"], 2 * x)

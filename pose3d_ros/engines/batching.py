"""Rows to buckets: engines are compiled for a few numbers of rows only."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pose3d_ros.engines.base import Batch


def padded(rows: int, buckets: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(first row, rows, bucket) of each call: the smallest bucket that holds all that is left, else the largest."""
    start = 0
    while start < rows:
        left = rows - start
        bucket = min((size for size in buckets if size >= left), default=max(buckets))
        yield start, min(left, bucket), bucket
        start += bucket


def exact(rows: int, buckets: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The same without padding: the largest bucket that is filled. `buckets` must hold 1."""
    start = 0
    while start < rows:
        bucket = max(size for size in buckets if size <= rows - start)
        yield start, bucket, bucket
        start += bucket


def in_calls(
    batch: Batch, calls: Iterator[tuple[int, int, int]], run: Callable[[Batch, int, int], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """`run(rows of the batch, number of rows, bucket)` for each call; its outputs one below the other."""
    parts = [
        run({name: array[start : start + rows] for name, array in batch.items()}, rows, bucket)
        for start, rows, bucket in calls
    ]
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

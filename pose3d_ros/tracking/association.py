"""Which detections of one frame belong to whom, and which show the same person twice.

scipy's assignment on our own keypoint cost, and no tracker library: those match boxes, and a body of which one joint
shows has no box.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.tracking.motion import extent, masked_mean

REFUSED = 1e6
SHARED_FOR_DUPLICATE = 3  # fewer joints in common do not prove that two detections are the same person


def assign(cost: np.ndarray, allowed: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, column) of smallest total cost, as many as `allowed` (N, M) bool permits."""
    if not allowed.any():
        return []
    rows, columns = linear_sum_assignment(np.where(allowed, cost, REFUSED))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]


def duplicates(xy: np.ndarray, score: np.ndarray, ids: list[str], within: float) -> list[int]:
    """Detections that repeat a better one: keypoints on average closer than `within` body sizes.

    Better = has an id from the source, then the larger sum of scores. Different ids are different people, whatever
    their keypoints. `xy` (M, J, 2) NaN where missing, `score` (M, J).
    """
    count = len(xy)
    if count < 2 or within <= 0:
        return []
    off = np.hypot(*np.moveaxis(xy[:, None] - xy[None], -1, 0))
    both = np.isfinite(off)
    size = extent(xy)
    close = masked_mean(off, both) <= within * np.maximum(size[:, None], size[None])
    close &= both.sum(axis=-1) >= SHARED_FOR_DUPLICATE
    total = score.sum(axis=-1)
    best_first = sorted(range(count), key=lambda i: (not ids[i], -total[i], i))
    kept: list[int] = []
    for i in best_first:
        if not any(close[i, k] and (not ids[i] or ids[i] == ids[k]) for k in kept):
            kept.append(i)
    return sorted(set(range(count)) - set(kept))

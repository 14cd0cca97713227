"""The few array operations whose names differ between numpy and torch.

The robot runs guidance and normalisation on numpy arrays, the training runs the same functions on torch tensors of
its device: one source, so that a lifter never sees other numbers on the robot than in training. torch itself is not
imported here.
"""

import sys
from typing import Any

import numpy as np


def namespace(array: Any) -> Any:
    """numpy for an ndarray, torch for a tensor."""
    return np if isinstance(array, np.ndarray) else sys.modules["torch"]


def like(array: Any, values: Any) -> Any:
    """`values` as an array of the kind, dtype and device of `array`."""
    return np.asarray(values, array.dtype) if isinstance(array, np.ndarray) else array.new_tensor(values)


def cumulative_max(array: Any, axis: int) -> Any:
    """Running maximum along `axis`."""
    return np.maximum.accumulate(array, axis=axis) if isinstance(array, np.ndarray) else array.cummax(axis).values


def slots_of(array: Any) -> Any:
    """0..T-1 as (1, T, 1) in the dtype and on the device of `array` (N, T, J)."""
    if isinstance(array, np.ndarray):
        return np.arange(array.shape[1], dtype=array.dtype)[None, :, None]
    slots = namespace(array).arange(array.shape[1], dtype=array.dtype, device=array.device)
    return slots[None, :, None]


def hide(xy: Any, seen: Any) -> Any:
    """`xy` (..., 2) with 0 where not `seen` (...)."""
    if isinstance(xy, np.ndarray):
        return _unpaired(np.where(seen, _paired(xy), np.complex64(0)))
    return namespace(xy).where(seen[..., None], xy, 0.0)


def pick_slots(xy: Any, score: Any, slot: Any) -> tuple[Any, Any]:
    """`xy` (N, T, J, 2) and `score` (N, T, J) as they are at the slots (N, T, J); slots outside count as the border."""
    count, frames, joints = score.shape
    slot = namespace(slot).clip(slot, 0, frames - 1)
    if isinstance(slot, np.ndarray):  # a flat take is ten times as fast as take_along_axis
        row = slot.astype(np.intp)
        flat = (row + np.arange(count)[:, None, None] * frames) * joints + np.arange(joints)
        return _unpaired(_paired(xy).take(flat)), score.take(flat)
    row = slot.long()
    return xy.take_along_dim(row[..., None], 1), score.take_along_dim(row, 1)


def _paired(xy: np.ndarray) -> np.ndarray:
    """float32 (..., 2) seen as complex64 (...): numpy moves both coordinates at once."""
    return np.ascontiguousarray(xy, np.float32).view(np.complex64)[..., 0]


def _unpaired(xy: np.ndarray) -> np.ndarray:
    return xy[..., None].view(np.float32)


def repeat_rows(array: Any, counts: Any) -> Any:
    """Every row as often as its count (R,) says."""
    return array.repeat(counts, 0) if isinstance(array, np.ndarray) else array.repeat_interleave(counts, 0)


def scatter_max(target: Any, index: Any, values: Any) -> None:
    """target[c, index] = max(target[c, index], values[c]) in place, also where an index comes several times; target
    (C, P), index (M,), values C times (M,)."""
    for row, value in zip(target, values, strict=True):
        if isinstance(row, np.ndarray):
            np.maximum.at(row, index, value)
        else:
            row.scatter_reduce_(0, index, value, "amax")

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


def cumulative_max(array: Any, axis: int) -> Any:
    """Running maximum along `axis`."""
    return np.maximum.accumulate(array, axis=axis) if isinstance(array, np.ndarray) else array.cummax(axis).values


def take_along(array: Any, index: Any, axis: int) -> Any:
    """`array` picked by `index` along `axis`; both have the same number of axes."""
    return (
        np.take_along_axis(array, index, axis)
        if isinstance(array, np.ndarray)
        else namespace(array).take_along_dim(array, index, axis)
    )


def arange_like(count: int, array: Any) -> Any:
    """0..count-1 as int64 on the device of `array`."""
    return np.arange(count) if isinstance(array, np.ndarray) else namespace(array).arange(count, device=array.device)

"""Skeletons drawn as images: 2D keypoints of any format in the layout of the crop that they belong to (ExtPose).

Joints are discs of distinct colours, bones are lines whose colour runs from one end's to the other's, confidence is
opacity on a black canvas, and joints below a threshold are left out. The paper names neither sizes nor colours; ours
are in `SkeletonImageConfig` and `palette`. Where strokes cross, each channel keeps its brightest value: the image
then does not depend on any order, and a GPU draws the same one as numpy.

Works on numpy arrays and on torch tensors. Pixel coordinates: (0, 0) is the centre of the first pixel, as in ROS.
"""

import colorsys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.arrays import namespace, repeat_rows, scatter_max

HUES = 0.9  # of the colour circle: the last joint is no more red than the first
DIM = 0.65  # brightness of every second joint, so that neighbours differ in more than hue
FAR = 4.0  # images; a joint further out is a mistake, its bones are not drawn


@dataclass(frozen=True)
class SkeletonImageConfig:
    """Sizes are shares of the image's height."""

    joint_radius: float = param(0.0157, "radius of a joint: 4 pixels of 256", low=0.001, high=0.2)
    bone_radius: float = param(0.0079, "half the width of a bone: 2 pixels of 256", low=0.001, high=0.2)
    threshold: float = param(0.1, "joints with a lower confidence are not drawn", low=0, high=1)

    __post_init__ = validate


DEFAULT = SkeletonImageConfig()


@lru_cache(maxsize=32)
def palette(count: int) -> np.ndarray:
    """RGB float32 (count, 3) in 0..1: hues in the order of the joints, so that a finger or limb keeps to one range."""
    hues = HUES * np.arange(count) / max(count - 1, 1)
    return np.array([colorsys.hsv_to_rgb(h, 1.0, DIM if k % 2 else 1.0) for k, h in enumerate(hues)], np.float32)


def draw_skeletons(
    xy_px: Any, score: Any, skeleton: Skeleton, width: int, height: int, config: SkeletonImageConfig = DEFAULT
) -> Any:
    """RGB images (N, 3, height, width), float32 in 0..1, of N skeletons: `xy_px` (N, J, 2), `score` (N, J).

    A joint that is not finite or has a low score is left out with its bones; joints outside of the image are cut.
    """
    xp = namespace(xy_px)
    count = len(xy_px)
    kept = (score >= config.threshold) & xp.isfinite(xy_px).all(-1)
    reach = FAR * max(width, height)
    kept = kept & (abs(xy_px) < reach).all(-1)
    xy = xp.where(kept[..., None], xy_px, xp.zeros_like(xy_px))
    colours = (
        _constant(palette(len(skeleton)), xy) * xp.clip(xp.where(kept, score, xp.zeros_like(score)), 0, 1)[..., None]
    )
    canvas = _blank(xy, 3, count * height * width)
    pairs = _constant(skeleton.bones, xy)
    person, bone = xp.where(kept[:, pairs].all(-1))
    ends = pairs[bone]
    rows = person[:, None]
    _lines(canvas, person, xy[rows, ends], colours[rows, ends], config.bone_radius * height, (width, height))
    person, joint = xp.where(kept)
    _discs(canvas, person, xy[person, joint], colours[person, joint], config.joint_radius * height, (width, height))
    return canvas.reshape(3, count, height, width).swapaxes(0, 1)


def _lines(canvas: Any, person: Any, ends: Any, colours: Any, radius: float, size: tuple[int, int]) -> None:
    """Strokes between `ends` (M, 2, 2) with colours (M, 2, 3): steps along the longer axis, a few pixels across."""
    xp = namespace(ends)
    if not len(ends):
        return
    delta = ends[:, 1] - ends[:, 0]
    steep = abs(delta[:, 1]) > abs(delta[:, 0])
    # first the longer axis, then the one across it
    ends = xp.where(steep[:, None, None], ends[..., [1, 0]], ends)
    start, delta = ends[:, 0], ends[:, 1] - ends[:, 0]
    along_size, across_size = (xp.where(steep, *_constants(ends, size[k], size[1 - k])) for k in (1, 0))
    low, high = xp.minimum(start, ends[:, 1])[:, 0], xp.maximum(start, ends[:, 1])[:, 0]
    first = xp.clip(xp.ceil(low - radius - 0.5), 0, None)
    steps = _whole(xp.clip(xp.minimum(xp.floor(high + radius + 0.5), along_size - 1) - first + 1, 0, None))
    row = repeat_rows(_count(len(steps), steps), steps)
    before = xp.asarray(steps.cumsum(0) - steps, dtype=ends.dtype)
    # of every step: place relative to the start, and the middle of the stroke there
    slope = delta[:, 1] / xp.clip(abs(delta[:, 0]), 1e-6, None) * xp.sign(delta[:, 0])
    table = xp.stack(
        (first - before, low, high, *start.T, *delta.T, slope, 1 / xp.clip((delta**2).sum(-1), 1e-6, None))
    )
    offset, low, high, start_u, start_v, delta_u, delta_v, slope, inverse = table[:, row]
    along = offset + _count(len(row), offset)
    reach = (radius + 0.5) * 2**0.5
    middle = start_v + slope * (xp.clip(along, low, high) - start_u)
    across = xp.ceil(middle - reach)[:, None] + _count(int(2 * reach) + 1, middle)
    # where along the stroke the pixel lies, and how far from it
    u, v = (along - start_u)[:, None], across - start_v[:, None]
    part = xp.clip(u * (delta_u * inverse)[:, None] + v * (delta_v * inverse)[:, None], 0, 1)
    du, dv = u - part * delta_u[:, None], v - part * delta_v[:, None]
    away2 = du * du + dv * dv
    inside = (across >= 0) & (across < across_size[row][:, None])
    # flat places: numpy takes them several times as fast as pairs
    (hit,) = xp.where(((away2 < (radius + 0.5) ** 2) & inside).reshape(-1))
    away2, part, across = (each.reshape(-1)[hit] for each in (away2, part, across))
    cover = xp.clip(radius + 0.5 - xp.sqrt(away2), 0, 1)
    step = hit // (int(2 * reach) + 1)
    row, along = row[step], along[step]
    stride = xp.where(steep[row], along * size[0] + across, across * size[0] + along)
    pixel = person[row] * (size[0] * size[1]) + _whole(stride)
    first, second = colours[:, 0], colours[:, 1] - colours[:, 0]
    scatter_max(canvas, pixel, [cover * (first[:, c][row] + part * second[:, c][row]) for c in range(3)])


def _discs(canvas: Any, person: Any, at: Any, colour: Any, radius: float, size: tuple[int, int]) -> None:
    xp = namespace(at)
    offset = _count(int(2 * (radius + 0.5)) + 1, at)
    x, y = (xp.ceil(at[:, k] - radius - 0.5)[:, None] + offset for k in (0, 1))
    du, dv = (x - at[:, :1])[:, None, :], (y - at[:, 1:])[:, :, None]
    inside = ((x >= 0) & (x < size[0]))[:, None, :] & ((y >= 0) & (y < size[1]))[:, :, None]
    away2 = du * du + dv * dv
    (hit,) = xp.where(((away2 < (radius + 0.5) ** 2) & inside).reshape(-1))
    cover = xp.clip(radius + 0.5 - xp.sqrt(away2.reshape(-1)[hit]), 0, 1)
    place = (y[:, :, None] * size[0] + x[:, None, :]).reshape(-1)[hit]
    row = hit // len(offset) ** 2
    pixel = person[row] * (size[0] * size[1]) + _whole(place)
    scatter_max(canvas, pixel, [cover * colour[:, c][row] for c in range(3)])


def _whole(array: Any) -> Any:
    return array.astype(np.int64) if isinstance(array, np.ndarray) else array.long()


def _count(rows: int, like: Any) -> Any:
    """0, 1, 2, ... in the type of `like`."""
    if isinstance(like, np.ndarray):
        return np.arange(rows, dtype=like.dtype)
    return namespace(like).arange(rows, dtype=like.dtype, device=like.device)


def _constants(like: Any, *values: float) -> list[Any]:
    """Numbers in the type of `like`: numpy would compute in float64 with plain ones."""
    return [_constant(np.asarray(value, np.float32), like) for value in values]


def _constant(array: np.ndarray, like: Any) -> Any:
    return array if isinstance(like, np.ndarray) else namespace(like).as_tensor(array, device=like.device)


def _blank(like: Any, *shape: int) -> Any:
    if isinstance(like, np.ndarray):
        return np.zeros(shape, like.dtype)
    return namespace(like).zeros(shape, dtype=like.dtype, device=like.device)

"""The occlusion guidance of DTF (arXiv 2410.04574, section "Occlusion Guidance Mechanism") and its variants."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.arrays import cumulative_max, hide, namespace, pick_slots, slots_of

VARIANTS = ("nearest", "linear", "none")


@dataclass(frozen=True)
class GuidanceConfig:
    """How a missing joint is filled. The shipped lifters were trained with the defaults."""

    variant: str = param("nearest", "how a hidden joint is filled: nearest seen, linear, or not", choices=VARIANTS)
    f_past: int = param(40, "reach into the past, where confidence ends", unit="slots", low=1, high=1000)
    f_future: int = param(40, "the same into the future", unit="slots", low=1, high=1000)
    floor: float = param(0.1, "lowest confidence of a filled joint", low=0.0, high=1.0)
    confidence: bool = param(True, "tell the lifter the confidence (else 1 where filled or seen, 0 where never)")

    __post_init__ = validate


NONE = 1e4  # distance in slots of "never seen"; farther than any window is long
# Joints over all slots that numpy works on at once: what is larger than the caches, and is handed back to the system
# after each call, costs more than the arithmetic
BLOCK = 8192


def fill(xy: Any, score: Any, config: GuidanceConfig = GuidanceConfig()) -> tuple[Any, Any]:
    """Fill missing joints of N windows; float32 numpy arrays or torch tensors.

    `xy` (N, T, J, 2), any unit, whatever where missing (NaN too). `score` (N, T, J), 0 = missing. Returns filled
    `xy` (0 where nothing was ever seen within reach) and the confidence (N, T, J): the score where seen,
    max(floor, score of the source * (1 - d / f)) where filled from d slots away, 0 where never seen.
    At equal distance past and future are averaged. At the newest slot only the past exists.
    """
    people = max(1, BLOCK // max(1, score.shape[1] * score.shape[2]))
    if len(xy) <= people or not isinstance(xy, np.ndarray):
        return _fill(xy, score, config)
    filled, confidence = np.empty_like(xy), np.empty_like(score)
    for start in range(0, len(xy), people):
        block = slice(start, start + people)
        filled[block], confidence[block] = _fill(xy[block], score[block], config)
    return filled, confidence


def _fill(xy: Any, score: Any, config: GuidanceConfig) -> tuple[Any, Any]:
    xp = namespace(xy)
    seen = score > 0
    xy = hide(xy, seen)
    if config.variant == "none":
        return xy, score if config.confidence else seen * xp.ones_like(score)
    slot = slots_of(score)
    past = cumulative_max(xp.where(seen, slot, -NONE), 1)
    future = -xp.flip(cumulative_max(xp.flip(xp.where(seen, -slot, -NONE), (1,)), 1), (1,))
    from_past, from_future = _distance(xp, slot - past, config.f_past), _distance(xp, future - slot, config.f_future)
    share = _share_of_past(xp, config.variant, from_past, from_future)
    xy_past, score_past = pick_slots(xy, score, past)
    xy_future, score_future = pick_slots(xy, score, future)
    filled = xy_future + share[..., None] * (xy_past - xy_future)
    trust_past = trust(xp, score_past, from_past, config.f_past, config.floor)
    trust_future = trust(xp, score_future, from_future, config.f_future, config.floor)
    confidence = trust_future + share * (trust_past - trust_future)
    if not config.confidence:
        confidence = (confidence > 0) * xp.ones_like(score)
    return hide(filled, confidence > 0), confidence


def _distance(xp: Any, distance: Any, reach: int) -> Any:
    return xp.where(distance > reach, NONE, distance)


def _share_of_past(xp: Any, variant: str, past: Any, future: Any) -> Any:
    """Weight of the past value, 0..1, from the two distances; a side without a value has none."""
    if variant == "nearest":
        return 0.5 + 0.5 * xp.sign(future - past)
    between = future / xp.clip(past + future, 1.0, None)
    return xp.where(future == NONE, 1.0 * (past < NONE), xp.where(past == NONE, 0.0, between))


def trust(xp: Any, source: Any, distance: Any, reach: int, floor: float) -> Any:
    """Confidence of a value whose source had this score; a seen joint keeps its score even below the floor."""
    faded = xp.clip(source * (1.0 - distance / reach), floor, None)
    return xp.where(distance == 0, source, xp.where(distance == NONE, 0.0, faded))

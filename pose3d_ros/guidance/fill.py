"""The occlusion guidance of DTF (arXiv 2410.04574, section "Occlusion Guidance Mechanism") and its variants."""

from dataclasses import dataclass
from typing import Any

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.arrays import arange_like, cumulative_max, namespace, take_along

VARIANTS = ("nearest", "linear", "none")


@dataclass(frozen=True)
class GuidanceConfig:
    """How a missing joint is filled. The shipped lifters were trained with the defaults."""

    variant: str = param("nearest", "how a hidden joint is filled: nearest observation, linear, or not", choices=VARIANTS)
    f_past: int = param(40, "reach into the past, and where confidence reaches its floor", unit="slots", low=1, high=1000)
    f_future: int = param(40, "the same into the future", unit="slots", low=1, high=1000)
    floor: float = param(0.1, "lowest confidence of a filled joint", low=0.0, high=1.0)
    confidence: bool = param(True, "hand the confidence to the lifter (else 1 where filled or seen, 0 where never seen)")

    __post_init__ = validate


def fill(xy: Any, score: Any, config: GuidanceConfig = GuidanceConfig()) -> tuple[Any, Any]:  # noqa: B008 - frozen
    """Fill missing joints of N windows; numpy arrays or torch tensors.

    `xy` (N, T, J, 2), any unit, whatever where missing (NaN too). `score` (N, T, J), 0 = missing. Returns filled
    `xy` (0 where nothing was ever seen within reach) and the confidence (N, T, J): the score where seen,
    max(floor, score of the source * (1 - d / f)) where filled from d slots away, 0 where never seen.
    At equal distance past and future are averaged. At the newest slot only the past exists.
    """
    xp = namespace(xy)
    seen = score > 0
    xy = xp.where(seen[..., None], xy, 0.0)
    if config.variant == "none":
        return xy, score if config.confidence else seen * xp.ones_like(score)
    past, past_distance = _neighbour(xp, seen, config.f_past)
    future, future_distance = _neighbour(xp, seen, config.f_future, backward=True)
    share = _share_of_past(xp, config.variant, past_distance, future_distance)
    filled = share[..., None] * take_along(xy, past[..., None], 1) + (1 - share[..., None]) * take_along(
        xy, future[..., None], 1
    )
    trust_past = _trust(xp, score, past, past_distance, config.f_past, config.floor)
    trust_future = _trust(xp, score, future, future_distance, config.f_future, config.floor)
    confidence = share * trust_past + (1 - share) * trust_future
    filled = xp.where(confidence[..., None] > 0, filled, 0.0)
    if not config.confidence:
        confidence = (confidence > 0) * xp.ones_like(score)
    return filled, confidence


def _neighbour(xp: Any, seen: Any, reach: int, backward: bool = False) -> tuple[Any, Any]:
    """Row of the nearest seen slot at or before (`backward`: at or after) each slot, and its distance; inf if none."""
    frames = seen.shape[1]
    slot = arange_like(frames, seen)[None, :, None]
    if backward:
        row = frames - 1 - xp.flip(cumulative_max(xp.where(xp.flip(seen, (1,)), slot, -1), 1), (1,))
        distance = row - slot
        found = (row < frames) & (distance <= reach)
    else:
        row = cumulative_max(xp.where(seen, slot, -1), 1)
        distance = slot - row
        found = (row >= 0) & (distance <= reach)
    return xp.where(found, row, 0), xp.where(found, distance * 1.0, float("inf"))


def _share_of_past(xp: Any, variant: str, past: Any, future: Any) -> Any:
    """Weight of the past value, 0..1, from the two distances."""
    if variant == "nearest":
        return xp.where(past < future, 1.0, xp.where(past == future, 0.5, 0.0))
    none = past + future == float("inf")  # one side or both missing: all weight on the finite one
    both = xp.where(none, 1.0, past + future)
    return xp.where(none, (past < future) * 1.0, xp.where(both == 0, 0.5, future / xp.where(both == 0, 1.0, both)))


def _trust(xp: Any, score: Any, row: Any, distance: Any, reach: int, floor: float) -> Any:
    source = take_along(score, row, 1)
    faded = source * (1.0 - xp.where(distance == float("inf"), 0.0, distance) / reach)
    # a seen joint keeps its score even below the floor
    faded = xp.where((distance > 0) & (faded < floor), floor, faded)
    return xp.where(distance == float("inf"), 0.0, faded)

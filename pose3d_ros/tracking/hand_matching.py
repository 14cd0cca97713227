"""Which detected hand is whose: hands in rays are given to the wrists of bodies, or to hands without a body."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.tracking.motion import masked_mean

LABEL_COST = 0.5  # a wrong side weighs as much as half a palm of distance: it decides only where wrists are close
MAX_DISTANCE = 3.0  # palms from a wrist; farther, it is another person's hand or none
UNKNOWN_COST = 2.0  # a wrist that was never seen
DUPLICATE_DISTANCE = 0.4  # palms; two detections nearer than that are one hand
MIN_PALM = 2e-4  # of a ray, a tenth of a pixel: all joints in one point
SIDES = ("left", "right")


class HandReason(str, Enum):
    """Why a hand was not used, or not as it came. The values are what diagnostics count."""

    NOTHING_VISIBLE = "hand_nothing_visible"
    ONE_POINT = "hand_in_one_point"
    DUPLICATE = "hand_duplicate"
    SIDE_CORRECTED = "hand_side_corrected"  # used, on the side that the body says
    FAR_FROM_WRISTS = "hand_far_from_wrists"  # used, but as a hand of nobody known
    TOO_FEW_JOINTS = "hand_too_few_joints"
    IMPLAUSIBLE = "hand_implausible"  # no hand looks like its keypoints
    BODY_LOST = "hand_body_lost"  # used, placed by its own rays

    __str__ = str.__str__


@dataclass(frozen=True)
class SeenHand:
    """A hand of one frame: rays float32 (21, 2) NaN where missing, score (21,), side as labelled, source id or "".

    `of_body`: it was part of a whole-body format.
    """

    rays: np.ndarray
    score: np.ndarray
    side: str
    id: str = ""
    of_body: bool = False

    @cached_property
    def seen(self) -> np.ndarray:
        return self.rays[self.score > 0]

    @cached_property
    def palm(self) -> float:
        """About the length of the palm, in rays: half of the extent of a whole hand, all of a finger's."""
        share = 0.5 if self.score[0] > 0 else 1.0
        return share * float(np.ptp(self.seen, axis=0).max()) if len(self.seen) else 0.0

    @cached_property
    def wrist(self) -> np.ndarray:
        """The wrist, or what is nearest to know: the middle of the seen joints."""
        return self.rays[0] if self.score[0] > 0 else self.middle

    @cached_property
    def middle(self) -> np.ndarray:
        return self.seen.mean(axis=0)


@dataclass(frozen=True)
class BodyWrists:
    """Where a tracked person's left and right wrist are: `rays` (2, 2), NaN where never seen."""

    track: int
    id: str
    rays: np.ndarray


def usable(hands: list[SeenHand]) -> tuple[list[SeenHand], list[HandReason]]:
    """The hands that show something, surest first, without those that lie on a surer one; and why others are gone."""
    reasons, kept = [], []
    hands = sorted(hands, key=lambda h: -float(h.score.sum()))
    same = _gaps(hands) < DUPLICATE_DISTANCE
    for row, hand in enumerate(hands):
        if not len(hand.seen):
            reasons.append(HandReason.NOTHING_VISIBLE)
        elif hand.palm < MIN_PALM:
            reasons.append(HandReason.ONE_POINT)
        elif same[row, kept].any():
            reasons.append(HandReason.DUPLICATE)
        else:
            kept.append(row)
    return [hands[row] for row in kept], reasons


def to_wrists(hands: list[SeenHand], bodies: list[BodyWrists]) -> dict[int, tuple[int, str]]:
    """Row of a hand -> (track, side of the body's). A hand with a person's id goes to this person; the others to the
    nearest wrist, a wrong label counting a little. What is too far from every wrist is left out."""
    if not (hands and bodies):
        return {}
    at, palm = np.stack([hand.wrist for hand in hands]), np.array([hand.palm for hand in hands])
    wrists = np.stack([body.rays for body in bodies])
    apart = np.linalg.norm(at[:, None, None] - wrists, axis=-1) / palm[:, None, None]  # (hands, bodies, sides)
    named = np.array([[body.id == hand.id != "" for body in bodies] for hand in hands])[..., None]
    wrong = np.array([[hand.side != side for side in SIDES] for hand in hands])[:, None]
    unknown = np.isnan(apart) & ~wrong & (named | (len(bodies) == 1))
    cost = np.where(apart <= MAX_DISTANCE, apart + LABEL_COST * wrong, np.where(unknown, UNKNOWN_COST, np.inf))
    cost = np.where(named | ~named.any(axis=1, keepdims=True), cost, np.inf).reshape(len(hands), -1)
    return {row: (bodies[column // 2].track, SIDES[column % 2]) for row, column in solve(cost)}


def solve(cost: np.ndarray) -> list[tuple[int, int]]:
    """Cheapest pairs (row, column) of a matrix in which inf means never."""
    if not cost.size:
        return []
    finite = np.isfinite(cost)
    rows, columns = linear_sum_assignment(np.where(finite, cost, 1e6))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if finite[r, c]]


def _gaps(hands: list[SeenHand]) -> np.ndarray:
    """Mean distance (H, H) of the joints that two hands both show, in palms; inf where there is none."""
    if not hands:
        return np.zeros((0, 0))
    rays, seen = np.stack([hand.rays for hand in hands]), np.stack([hand.score for hand in hands]) > 0
    palm = np.array([max(hand.palm, MIN_PALM) for hand in hands])
    both = seen[:, None] & seen
    apart = masked_mean(np.linalg.norm(rays[:, None] - rays, axis=-1), both) / np.maximum(palm[:, None], palm)
    return np.where(both.any(axis=-1), apart, np.inf)

"""Which detected hand is whose: hands in rays are given to the wrists of bodies, or to hands without a body."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.optimize import linear_sum_assignment

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

    @property
    def seen(self) -> np.ndarray:
        return self.rays[self.score > 0]

    @property
    def palm(self) -> float:
        """About the length of the palm, in rays: half of the extent of a whole hand, all of a finger's."""
        share = 0.5 if self.score[0] > 0 else 1.0
        return share * float(np.ptp(self.seen, axis=0).max()) if len(self.seen) else 0.0

    @property
    def wrist(self) -> np.ndarray:
        """The wrist, or what is nearest to know: the middle of the seen joints."""
        return self.rays[0] if self.score[0] > 0 else self.middle

    @property
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
    for hand in sorted(hands, key=lambda h: -float(h.score.sum())):
        if not len(hand.seen):
            reasons.append(HandReason.NOTHING_VISIBLE)
        elif hand.palm < MIN_PALM:
            reasons.append(HandReason.ONE_POINT)
        elif any(_gap(hand, other) < DUPLICATE_DISTANCE for other in kept):
            reasons.append(HandReason.DUPLICATE)
        else:
            kept.append(hand)
    return kept, reasons


def to_wrists(hands: list[SeenHand], bodies: list[BodyWrists]) -> dict[int, tuple[int, str]]:
    """Row of a hand -> (track, side of the body's). A hand with a person's id goes to this person; the others to the
    nearest wrist, a wrong label counting a little. What is too far from every wrist is left out."""
    cost = np.full((len(hands), 2 * len(bodies)), np.inf)
    for row, hand in enumerate(hands):
        named = [body.id == hand.id != "" for body in bodies]
        for number, body in enumerate(bodies):
            if any(named) and not named[number]:
                continue
            for column, side in enumerate(SIDES):
                apart = float(np.linalg.norm(hand.wrist - body.rays[column])) / hand.palm
                wrong = hand.side != side
                if apart <= MAX_DISTANCE:
                    cost[row, 2 * number + column] = apart + LABEL_COST * wrong
                elif not np.isfinite(apart) and not wrong and (named[number] or len(bodies) == 1):
                    cost[row, 2 * number + column] = UNKNOWN_COST
    return {row: (bodies[column // 2].track, SIDES[column % 2]) for row, column in solve(cost)}


def solve(cost: np.ndarray) -> list[tuple[int, int]]:
    """Cheapest pairs (row, column) of a matrix in which inf means never."""
    if not cost.size:
        return []
    finite = np.isfinite(cost)
    rows, columns = linear_sum_assignment(np.where(finite, cost, 1e6))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if finite[r, c]]


def _gap(hand: SeenHand, other: SeenHand) -> float:
    """Mean distance of the joints that both show, in palms; inf where there is none."""
    both = (hand.score > 0) & (other.score > 0)
    if not both.any():
        return np.inf
    return float(np.linalg.norm(hand.rays[both] - other.rays[both], axis=1).mean()) / max(hand.palm, other.palm)

"""Which hand is whose: detected hands are given to the left and right wrists of the bodies."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

LABEL_COST = 0.5  # a wrong side label weighs as much as half a palm of distance: it decides where the wrists are close
MAX_DISTANCE = 2.0  # palms; a hand that far from a wrist is another person's, or no hand
MAX_PALM = 0.35  # of the body's largest segment; real hands reach 0.25, phantoms on bare skin start at 0.4
DUPLICATE_DISTANCE = 0.5  # palms; two detections nearer than that are the same hand


@dataclass(frozen=True)
class DetectedHand:
    """One hand in an image: `xy_px` (21, 2), `score` of the detection 0..1, `side` as guessed from its look alone,
    `world_m` (21, 3): the detector's own metric guess about the hand's middle, where it has one."""

    xy_px: np.ndarray
    score: float
    side: str
    world_m: np.ndarray | None = None

    @property
    def palm_px(self) -> float:
        """Larger of the palm's length (wrist to middle knuckle) and width (index to little knuckle)."""
        wrist, index, middle, little = self.xy_px[[0, 5, 9, 17]]
        return float(max(np.linalg.norm(middle - wrist), np.linalg.norm(index - little), 1.0))


def without_duplicates(hands: list[DetectedHand]) -> list[DetectedHand]:
    """The hands without those that lie on a surer one."""
    kept: list[DetectedHand] = []
    for hand in sorted(hands, key=lambda h: -h.score):
        gaps = [np.linalg.norm(hand.xy_px - other.xy_px, axis=1).mean() for other in kept]
        if all(gap > DUPLICATE_DISTANCE * hand.palm_px for gap in gaps):
            kept.append(hand)
    return kept


def assign(
    hands: list[DetectedHand], wrists_px: np.ndarray, sizes_px: np.ndarray
) -> list[tuple[int, str, DetectedHand]]:
    """(person, side, hand) for every hand that belongs to a body.

    `wrists_px` (P, 2, 2): left and right wrist of each body, NaN where unknown. `sizes_px` (P,): length of the largest
    of its segments (trunk, shoulders, arms) in the image. Each wrist gets at most one hand. A hand next to no known
    wrist goes by its label to a body that lacks this wrist, if there is only one body; without any body the person is
    -1. All others are dropped.
    """
    hands = without_duplicates(hands)
    people = len(wrists_px)
    if not hands:
        return []
    if not people:
        return [(-1, hand.side, hand) for hand in _one_per_side(hands)]
    sides = ("left", "right")
    cost = np.full((len(hands), 2 * people), np.inf)
    for row, hand in enumerate(hands):
        distance = np.linalg.norm(hand.xy_px[0] - wrists_px.reshape(-1, 2), axis=1) / hand.palm_px
        fits = np.repeat(hand.palm_px <= MAX_PALM * sizes_px, 2)
        known = fits & (distance <= MAX_DISTANCE)  # False for NaN
        wrong = np.tile([hand.side != side for side in sides], people)
        cost[row, known] = (distance + LABEL_COST * wrong)[known]
        if people == 1:
            unknown = fits & ~np.isfinite(distance) & ~wrong
            cost[row, unknown] = MAX_DISTANCE
    # the solver wants finite numbers; a pair that costs this much is dropped below
    refused = 1e6
    rows, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, refused))
    return [
        (int(column) // 2, sides[column % 2], hands[row])
        for row, column in zip(rows, columns, strict=True)
        if np.isfinite(cost[row, column])
    ]


def _one_per_side(hands: list[DetectedHand]) -> list[DetectedHand]:
    best: dict[str, DetectedHand] = {}
    for hand in hands:  # sorted by score
        best.setdefault(hand.side, hand)
    return list(best.values())

"""No message makes the robot deaf: of a crowd the best-scored are kept, since work and memory grow with people."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pose3d_ros.core.types import Keypoints2D

CROWD = "more_than_max_people"
MOST_JOINTS = 512  # scores of more are not added up: no format has a third of it


def best_scored(people: Sequence[Any], most: int) -> list[Any]:
    """Of these people (with `score` and `side`) the `most` best-scored, and twice as many hands, in their order."""
    if len(people) <= most:
        return list(people)
    bodies = [i for i, person in enumerate(people) if not person.side]
    hands = [i for i, person in enumerate(people) if person.side]
    kept = _best(people, bodies, most) + _best(people, hands, 2 * most)
    return [people[i] for i in sorted(kept)]


def limited(frame: Keypoints2D, most: int) -> tuple[Keypoints2D, list[str]]:
    """The frame with its best-scored people only, and what to count where some were left out."""
    people = best_scored(frame.people, most)
    if len(people) == len(frame.people):
        return frame, []
    return replace(frame, people=tuple(people)), [CROWD]


def _best(people: Sequence[Any], rows: list[int], most: int) -> list[int]:
    return rows if len(rows) <= most else sorted(rows, key=lambda i: -_total(people[i].score))[:most]


def _total(score: Any) -> float:
    """Sum of scores; 0 where they are none (NaN, infinite, absurdly many)."""
    if len(score) > MOST_JOINTS:
        return 0.0
    total = float(sum(score))
    return total if 0 <= total <= len(score) else 0.0

"""Keypoints of one format into another, by joint name.

A joint that the source format has is copied and never guessed, also where it is hidden. A joint that it lacks is
built from others by `RULES`; one whose sources are hidden stays hidden.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import FormatError, InputError
from pose3d_ros.core.skeleton import Skeleton

Weights = dict[str, float]

# How a joint that a format lacks is built: alternatives, best first, each a weighted sum with weights that add up to
# one. The joints named may themselves be built.
#
# head_top: least squares on the motion-capture training data with ears, eyes and nose set in the head by
# anthropometry, detector noise of 15 mm. Mean error in 3D: ears 4 cm, eyes 5 cm, nose 6 cm. Eyes and nose lie so far
# ahead of the neck that the direction of the torso must help; without a pelvis they would be 14 and 20 cm off.
#
# toes: where they begin, at 0.72 of the foot's length from the heel (the metatarsal heads of an adult: Pheasant and
# Haslegrave, Bodyspace, table of the foot). The big toe ends at 1.0, the small one at 0.82, the ankle stands over 0.22.
RULES: dict[str, tuple[Weights, ...]] = {
    "pelvis": ({"left_hip": 0.5, "right_hip": 0.5},),
    "thorax": ({"left_shoulder": 0.5, "right_shoulder": 0.5}, {"neck": 1.0}),
    "neck": ({"left_shoulder": 0.5, "right_shoulder": 0.5}, {"thorax": 1.0}),
    "spine": ({"pelvis": 0.41, "thorax": 0.59},),
    "head_top": (
        {"left_ear": 0.96, "right_ear": 0.96, "thorax": -0.92},
        {"left_eye": 0.335, "right_eye": 0.335, "thorax": 0.71, "pelvis": -0.38},
        {"nose": 0.55, "thorax": 0.90, "pelvis": -0.45},
    ),
    **{
        f"{side}_toe": (
            {f"{side}_big_toe": 0.395, f"{side}_small_toe": 0.395, f"{side}_heel": 0.21},
            {f"{side}_big_toe": 0.3625, f"{side}_small_toe": 0.3625, f"{side}_ankle": 0.275},
            {f"{side}_big_toe": 0.64, f"{side}_ankle": 0.36},
            {f"{side}_foot_index": 0.72, f"{side}_heel": 0.28},
            {f"{side}_foot_index": 0.64, f"{side}_ankle": 0.36},
        )
        for side in ("left", "right")
    },
}

# Joints without which a target is of no use. A format that is not listed here takes whatever there is.
_LIMBS = tuple(
    f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
REQUIRED: dict[str, tuple[str, ...]] = {
    "h36m17": _LIMBS,
    "body19": _LIMBS,
    "hand21": formats.get("hand21").joints,
}

# Coordinates beyond this are no measurement; sums of them would overflow float32
_FARTHEST = 1e30


@dataclass(frozen=True, eq=False)
class _Stage:
    """One alternative for each of some target joints. `uses` (R, S) lists a row's source joints, padded."""

    rows: np.ndarray
    weights: np.ndarray
    uses: np.ndarray


@dataclass(frozen=True, eq=False)
class Mapping:
    """Turns keypoints of `source` into keypoints of `target`.

    `invented` names the target joints that are built from others, `missing` those that `source` can never give.
    `recipes` are a target joint's alternatives in joints of the source, best first; empty = missing. Made by `mapping`.
    """

    source: Skeleton
    target: Skeleton
    invented: tuple[str, ...]
    missing: tuple[str, ...]
    recipes: tuple[tuple[Weights, ...], ...]

    @cached_property
    def _stages(self) -> tuple[_Stage, ...]:
        depth = max(len(ways) for ways in self.recipes)
        return tuple(self._stage(level) for level in range(depth))

    def _stage(self, level: int) -> _Stage:
        """The alternatives of one level. The first level holds every target joint, also the missing ones."""
        rows = [i for i, ways in enumerate(self.recipes) if level == 0 or level < len(ways)]
        ways = [self.recipes[i][level] if self.recipes[i] else {} for i in rows]
        count = len(self.source)
        weights = np.zeros((len(rows), count))
        # column `count` of the scores is never the least one, column `count + 1` is always 0
        uses = np.full((len(rows), max(1, *map(len, ways))), count)
        for row, way in enumerate(ways):
            index = self.source.indices(tuple(way))
            weights[row, index] = list(way.values())
            uses[row, : len(index)] = index
            if not way:
                uses[row] = count + 1
        return _Stage(np.array(rows), weights, uses)

    def __call__(self, xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map points (..., J, D), D = 2 or 3 in any unit, with scores (..., J), of any leading shape.

        Gives points (..., J_target, D) and scores (..., J_target). A joint with non-finite (or absurd) coordinates, or
        without a positive finite score, is missing; so is one built from it: NaN, score 0. The score of a built joint
        is the least of its sources'. Raises InputError on other shapes.
        """
        xy, score = np.asarray(xy), np.asarray(score)
        count = len(self.source)
        if xy.ndim < 2 or xy.shape[-2] != count or xy.shape[-1] not in (2, 3) or score.shape != xy.shape[:-1]:
            raise InputError(
                f"{self.source.name}: expected points (..., {count}, 2 or 3) and scores (..., {count}), "
                f"got {xy.shape} and {score.shape}"
            )
        seen = np.logical_and.reduce(np.abs(xy) < _FARTHEST, axis=-1) & (score > 0) & (score < np.inf)
        points = np.where(seen[..., None], xy, 0.0)
        scores = np.zeros((*score.shape[:-1], count + 2))
        np.copyto(scores[..., :count], score, where=seen)
        scores[..., count] = np.inf

        first, *others = self._stages
        xy_t, score_t = first.weights @ points, _least(scores, first)
        for stage in others:
            hidden = score_t[..., stage.rows] == 0
            if hidden.any():
                score_t[..., stage.rows] += np.where(hidden, _least(scores, stage), 0.0)
                xy_t[..., stage.rows, :] = np.where(hidden[..., None], stage.weights @ points, xy_t[..., stage.rows, :])
        xy_t[score_t == 0] = np.nan
        return xy_t.astype(_float_type(xy), copy=False), score_t.astype(_float_type(score), copy=False)


def _least(scores: np.ndarray, stage: _Stage) -> np.ndarray:
    """Scores (..., R) of a stage's joints: the least of their sources'."""
    return np.minimum.reduce(scores.take(stage.uses, axis=-1), axis=-1)


def _float_type(array: np.ndarray) -> np.dtype:
    return array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)


def _recipes(joint: str, names: dict[str, str], banned: frozenset[str] = frozenset()) -> Iterator[Weights]:
    """Ways to make a joint out of the source, best first. `names`: target vocabulary -> joint of the source."""
    if joint in names:
        yield {names[joint]: 1.0}
        return
    banned = banned | {joint}  # thorax and neck stand for each other
    for rule in RULES.get(joint, ()):
        if banned & set(rule):
            continue
        for ways in product(*(tuple(_recipes(part, names, banned)) for part in rule)):
            total: Weights = {}
            for weight, way in zip(rule.values(), ways, strict=True):
                for source_joint, share in way.items():
                    total[source_joint] = total.get(source_joint, 0.0) + weight * share
            yield total


def _distinct(ways: Iterator[Weights]) -> tuple[Weights, ...]:
    """Without the repetitions that arise where two rules lead to the same joints."""
    return tuple({tuple(sorted(way.items())): way for way in ways}.values())


@cache
def mapping(source: str, target: str, side: str = "") -> Mapping:
    """The mapping between two formats by name.

    `side` "left" / "right" picks a hand out of a whole-body format for target hand21. Raises FormatError when a
    format is unknown, or listing the joints that `source` lacks and `target` cannot do without.
    """
    if side not in ("", "left", "right"):
        raise FormatError(f"side: expected '', 'left' or 'right', got {side!r}")
    have, want = formats.get(source), formats.get(target)
    prefix = f"{side}_hand_" if side and target == "hand21" and source != "hand21" else ""
    names = {joint[len(prefix) :]: joint for joint in have.joints if joint.startswith(prefix)}
    recipes = {joint: _distinct(_recipes(joint, names)) for joint in want.joints}
    missing = tuple(joint for joint, ways in recipes.items() if not ways)
    lacking = [joint for joint in REQUIRED.get(target, ()) if joint in missing]
    if lacking or len(missing) == len(want):
        raise FormatError(
            f"format {source} cannot feed {target}: it lacks {', '.join(lacking or missing)}"
            + ("; name the side of the hand, left or right" if target == "hand21" and "left_hand_wrist" in have else "")
        )
    invented = tuple(joint for joint, ways in recipes.items() if ways and joint not in names)
    return Mapping(have, want, invented, missing, tuple(recipes.values()))

"""Who looks like a person: the gate against furniture that a detector takes for people.

Nothing here is proof: people lie down, sit behind tables and stand far away. So one doubt alone, or two, hold nobody
back, and who walks is a person. Three doubts about something that stays where it is do: a table foot is far, crawls,
and has the build of nobody.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.placement import misfit, stature_m
from pose3d_ros.tracking.motion import extent, masked_mean, turned_rays

# Lifted people that no training saw, whatever hides them: stature 1.35 to 1.73 m in 99.8 % of the frames (the lifter
# cannot see size, only build), misfit at most 0.11; random points have 0.7 to 1.4 m and 0.7 to 1.
STATURE_M = (1.40, 2.0)
BUILT_LIKE_NOBODY_M = (1.15, 2.3)
MISFIT, FITS_NOBODY = 0.25, 0.5
MISFIT_JOINTS = 6  # fewer fit anything
SMALL_PX, FAR_M = 60.0, 8.0
WEAK_SCORE = 0.45  # mean over the seen joints
UPRIGHT = 0.6  # share of the joints that have to be in order from head to feet
DOUBTS = 2.5  # so many are too many; those about the build of the body count twice
TIME_S = 0.5  # over which doubts and places are averaged
WALKED = 0.5  # of the body's size, from where it was first seen
SURE_S = 2.0  # who was beyond doubt for so long is not doubted any more
# fmt: off
DOWNWARDS = (
    ("head_top", "thorax"), ("nose", "thorax"), ("thorax", "pelvis"), ("left_hip", "left_knee"),
    ("right_hip", "right_knee"), ("left_knee", "left_ankle"), ("right_knee", "right_ankle"),
)
# fmt: on


class Doubt(str, Enum):
    """Why somebody who is tracked is not published. The values are what diagnostics count."""

    BUILD = "held_back_built_like_nobody"  # stature or shape of the lifted body
    TOO_FAR = "held_back_too_far"
    STILL = "held_back_still_and_odd"

    __str__ = str.__str__


@dataclass
class Record:
    """What was seen of one track so far: means over `TIME_S`, in rays where it is a place."""

    first: np.ndarray
    place: np.ndarray
    doubts: float
    build: float
    stamp_ns: int
    beyond_doubt_s: float = 0.0
    sure: bool = False


class Gate:
    """Says of every lifted track whether it may be published. A record for each number; `forget` those who left."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._down = np.array([skeleton.indices(pair) for pair in DOWNWARDS])
        self._records: dict[int, Record] = {}

    def judge(
        self, stamp_ns: int, numbers: list[int], rays: np.ndarray, score: np.ndarray, xyz_m: np.ndarray, pixel: float,
        max_depth_m: float,
    ) -> list[Doubt | None]:  # fmt: skip
        """None where a track may be published. `rays` (N, J, 2) and `score` (N, J), 0 where hidden, of this frame;
        `xyz_m` (N, J, 3) as lifted; `pixel` in rays."""
        if not numbers:
            return []
        seen = score > 0
        doubts, build = self._doubts(rays, score, xyz_m, pixel)
        place = xyz_m[:, 0, :2] / xyz_m[:, :1, 2]
        size = np.ptp(xyz_m[..., :2] / xyz_m[..., 2:], axis=1).max(1)
        far = (xyz_m[:, 0, 2] > max_depth_m) & (max_depth_m > 0)
        found: list[Doubt | None] = []
        for i, number in enumerate(numbers):
            record = self._records.setdefault(number, Record(place[i], place[i], doubts[i], build[i], stamp_ns))
            if seen[i].any():
                _follow(record, stamp_ns, place[i], doubts[i], build[i], size[i])
            found.append(Doubt.TOO_FAR if far[i] else _verdict(record))
        return found

    def turn(self, R: np.ndarray) -> None:
        """The camera turned, `R` (3, 3) from its old axes into the new: nobody walked by that."""
        for record in self._records.values():
            first, place = turned_rays(np.stack((record.first, record.place)), R)
            if np.isfinite(first).all() and np.isfinite(place).all():
                record.first, record.place = first, place

    def forget(self, numbers: set[int]) -> None:
        """They are gone."""
        for number in numbers:
            self._records.pop(number, None)

    def rename(self, old: int, new: int) -> None:
        """A track has another number now."""
        if old in self._records:
            self._records[new] = self._records.pop(old)

    def _doubts(
        self, rays: np.ndarray, score: np.ndarray, xyz_m: np.ndarray, pixel: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """How many there are (N,), and whether the body is built like nobody's (N,)."""
        seen = score > 0
        stature = stature_m(xyz_m)
        off = misfit(xyz_m, np.where(seen[..., None], rays, 0), score, MISFIT_JOINTS)
        odd = (stature < STATURE_M[0]) | (stature > STATURE_M[1])
        small = extent(np.where(seen[..., None], rays, np.nan)) < SMALL_PX * pixel
        far, weak = xyz_m[:, 0, 2] > FAR_M, masked_mean(score, seen) < WEAK_SCORE
        upper, lower = (np.where(seen[..., None], rays, np.nan)[:, side, 1] for side in self._down.T)
        known = np.isfinite(upper + lower)
        in_order = (lower > upper).sum(1) / np.maximum(known.sum(1), 1)
        fallen = (known.sum(1) >= 2) & (in_order < UPRIGHT)
        doubts = 2.0 * odd + 2.0 * (off > MISFIT) + small + far + weak + fallen
        build = (stature < BUILT_LIKE_NOBODY_M[0]) | (stature > BUILT_LIKE_NOBODY_M[1]) | (off > FITS_NOBODY)
        return doubts, build.astype(float)


def _follow(record: Record, stamp_ns: int, place: np.ndarray, doubts: float, build: float, size: float) -> None:
    passed_s = max((stamp_ns - record.stamp_ns) * 1e-9, 0.0)
    share = -np.expm1(-passed_s / TIME_S)
    record.place = record.place + share * (place - record.place)
    record.doubts += share * (doubts - record.doubts)
    record.build += share * (build - record.build)
    record.stamp_ns = max(record.stamp_ns, stamp_ns)
    fine = record.doubts < DOUBTS and record.build < 0.5
    record.beyond_doubt_s = record.beyond_doubt_s + min(passed_s, TIME_S) if fine else 0.0
    walked = np.hypot(*(record.place - record.first)) > WALKED * size and record.build < 0.5
    record.sure |= bool(walked) or record.beyond_doubt_s > SURE_S


def _verdict(record: Record) -> Doubt | None:
    if record.sure:
        return None
    if record.build >= 0.5:
        return Doubt.BUILD
    return Doubt.STILL if record.doubts >= DOUBTS else None

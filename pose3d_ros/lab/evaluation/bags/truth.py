"""Truth beside estimates: common joints, frames paired by stamp, people by assignment, identities as in MOT."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.core import formats
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import JointState
from pose3d_ros.lab.bags.types import Timeline

DEPTH_WEIGHT = 0.2  # the distance from the camera is what a single camera knows worst
STICKY_M = 0.2  # by so much somebody else must be nearer before a person's track is taken to be another one
NEAREST_M = 0.1
INTERPOLATED_STEPS = 2.5  # truth frames farther apart than so many usual steps are not interpolated


@dataclass(frozen=True)
class Truth:
    """True people of T frames in the joints of the estimates' skeleton; `source` says where they come from.

    `stamps_ns` int64 (T,). `people`: names, in the order of their first frame. `rows[t]` maps a person's number to
    `xyz_m` (J, 3), NaN for unknown joints. `joints`: names known on both sides; `left_out`: on one side only. `root`:
    rows of the joints whose mean is the root.
    """

    source: str
    skeleton: Skeleton
    stamps_ns: np.ndarray
    people: tuple[str, ...]
    rows: tuple[dict[int, np.ndarray], ...]
    joints: tuple[str, ...]
    left_out: dict[str, list[str]]
    root: tuple[int, ...]

    @property
    def step_ns(self) -> float:
        """Usual time between frames."""
        return float(np.median(np.diff(self.stamps_ns))) if len(self.stamps_ns) > 1 else 0.0

    def at(self, frame: int, person: int, stamp_ns: int) -> np.ndarray:
        """Joints (J, 3) of a person at a stamp near frame `frame`: between it and its neighbour, where that is near."""
        here = self.rows[frame][person]
        ahead = stamp_ns - self.stamps_ns[frame]
        other = frame + (1 if ahead > 0 else -1)
        if ahead == 0 or not 0 <= other < len(self.rows) or person not in self.rows[other]:
            return here
        gap = self.stamps_ns[other] - self.stamps_ns[frame]
        if abs(gap) > INTERPOLATED_STEPS * self.step_ns:
            return here
        return here + (ahead / gap) * (self.rows[other][person] - here)


def prepare(timeline: Timeline, skeleton: Skeleton) -> Truth:
    """The truth in the joints of `skeleton`. Raises InputError where it has nobody, or no joint in common."""
    names: dict[str, int] = {}
    rows, known = [], np.zeros(len(skeleton), bool)
    given: dict[str, np.ndarray] = {}  # joints that a format was ever seen with
    for frame in timeline.frames:
        people = {}
        for person in frame.people:
            valid = (person.state != JointState.INVALID) & np.isfinite(person.xyz_m).all(-1)
            given[person.skeleton] = given.get(person.skeleton, False) | valid
            theirs, ours = _common(person.skeleton, skeleton.name)
            xyz_m = np.full((len(skeleton), 3), np.nan)
            xyz_m[ours] = np.where(valid[:, None], person.xyz_m, np.nan)[theirs]
            known |= np.isfinite(xyz_m[:, 0])
            people[names.setdefault(person.id or str(person.track), len(names))] = xyz_m
        rows.append(people)
    elsewhere = {
        joint
        for name, there in given.items()
        for joint, seen in zip(formats.get(name).joints, there, strict=True)
        if seen and joint not in skeleton
    }
    if not known.any():
        raise InputError(
            f"truth {timeline.source}: expected people with joints of {skeleton.name}, found "
            f"{'joints ' + ', '.join(sorted(elsewhere)) if elsewhere else 'nobody'}; give a joint map"
        )
    left_out = {
        "estimate": [joint for joint, there in zip(skeleton.joints, known, strict=True) if not there],
        "truth": sorted(elsewhere),
    }
    joints = tuple(joint for joint, there in zip(skeleton.joints, known, strict=True) if there)
    stamps_ns = np.array(timeline.stamps_ns, np.int64)
    return Truth(
        timeline.source, skeleton, stamps_ns, tuple(names), tuple(rows), joints, left_out, _root(skeleton, joints)
    )


@cache
def _common(theirs: str, ours: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the joints that two formats name alike."""
    source, target = formats.get(theirs), formats.get(ours)
    shared = [joint for joint in source.joints if joint in target]
    return source.indices(shared), target.indices(shared)


def _root(skeleton: Skeleton, joints: tuple[str, ...]) -> tuple[int, ...]:
    """The skeleton's own root; else the middle of the hips; else of everything."""
    hips = ("left_hip", "right_hip")
    if skeleton.joints[0] in joints:
        return (0,)
    chosen = hips if set(hips) <= set(joints) else joints
    return tuple(int(i) for i in skeleton.indices(chosen))


def pair_frames(stamps_ns: np.ndarray, truth_ns: np.ndarray, tolerance_ns: float) -> np.ndarray:
    """int64 (F,): for each of the stamps the row of the truth, one to one, the nearest pairs first; -1 = none."""
    pairs = np.full(len(stamps_ns), -1)
    if not len(truth_ns) or not len(stamps_ns):
        return pairs
    after = np.searchsorted(truth_ns, stamps_ns)
    near = np.stack((after - 1, after), 1)
    apart = np.abs(truth_ns[near.clip(0, len(truth_ns) - 1)] - stamps_ns[:, None])
    apart = np.where((near >= 0) & (near < len(truth_ns)), apart, np.iinfo(np.int64).max)
    frame, side = np.nonzero(apart <= tolerance_ns)
    taken = np.zeros(len(truth_ns), bool)
    for k in np.argsort(apart[frame, side], kind="stable"):
        i, row = frame[k], near[frame[k], side[k]]
        if pairs[i] < 0 and not taken[row]:
            pairs[i], taken[row] = row, True
    return pairs


class Match(NamedTuple):
    """A true person in one frame. `row` of the estimate, -1 = missed; `switched`: by another track than last time."""

    person: int
    row: int
    switched: bool


class Identities:
    """Follows which track is which true person through the frames."""

    def __init__(self, gate_m: float) -> None:
        self._gate_m = gate_m
        self._track: dict[int, int] = {}

    def match(self, found_m: np.ndarray, tracks: np.ndarray, people: dict[int, np.ndarray]) -> list[Match]:
        """The people of one frame among the estimates (N, J, 3). Hungarian method; who was whom last time has a bonus.

        A track that stands for another person than before counts as a switch, also after a gap (IDSW, Bernardin &
        Stiefelhagen 2008).
        """
        persons = list(people)
        rows = dict.fromkeys(persons, -1)
        if len(found_m) and persons:
            cost = np.stack([separation(found_m, people[person]) for person in persons])
            allowed = cost <= self._gate_m
            last = np.array([self._track.get(person, -1) for person in persons])
            cost = np.where(allowed, cost - STICKY_M * (last[:, None] == tracks), 1e3)
            for i, row in zip(*linear_sum_assignment(cost), strict=True):
                if allowed[i, row]:
                    rows[persons[i]] = int(row)
        found = []
        for person, row in rows.items():
            before = self._track.get(person)
            found.append(Match(person, row, row >= 0 and before is not None and before != tracks[row]))
            if row >= 0:
                self._track[person] = int(tracks[row])
        return found


def separation(found_m: np.ndarray, truth_m: np.ndarray) -> np.ndarray:
    """Metres (N,) from estimates (N, J, 3) to a person (J, 3): mean over the joints, depth counting less."""
    truth_m = np.broadcast_to(truth_m, found_m.shape)
    known = np.isfinite(found_m).all(-1) & np.isfinite(truth_m).all(-1)
    depth = np.maximum(truth_m[..., 2], NEAREST_M)
    sideways = found_m[..., :2] * (depth / np.maximum(found_m[..., 2], NEAREST_M))[..., None] - truth_m[..., :2]
    apart = np.hypot(np.linalg.norm(sideways, axis=-1), DEPTH_WEIGHT * (found_m[..., 2] - truth_m[..., 2]))
    count = known.sum(-1)
    return np.where(count > 0, np.where(known, apart, 0).sum(-1) / np.maximum(count, 1), np.inf)

"""Bone lengths of a person: their logarithms with variances, left = right, learned while the person is seen."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.placement import stature_m

LIMBS = ("knee", "ankle", "elbow", "wrist", "toe")  # what ends a bone that does not bend
NOISE = 0.10  # spread of a lifted bone's log length
CORRELATION_S = 0.3  # frames nearer than that say the same
UNSEEN = 0.15  # weight of a bone of which an end is hidden
MIN_LENGTH_M = 1e-3
UNSURE_M = 0.02  # a length that is known no better gives way to what is seen


class Tree(NamedTuple):
    """The bones of a skeleton. `child`, `parent` int (B,) rows of joints; `group` int (B,): bones of one length, left
    with right; `names`: of the groups, after the joint that ends them; `rigid` bool (B,): limbs, where the others are
    chains of joints that bend; `incidence` float (B, J): +1 at the child, -1 at the parent. `levels`: rows of the rigid
    bones, nearer to the root first, each with the joints (K, J) that hang on them."""

    child: np.ndarray
    parent: np.ndarray
    group: np.ndarray
    names: tuple[str, ...]
    rigid: np.ndarray
    incidence: np.ndarray
    levels: tuple[tuple[np.ndarray, np.ndarray], ...]


@lru_cache
def tree(skeleton: Skeleton) -> Tree:
    """The bones of a skeleton, parents before children."""
    child = np.flatnonzero(skeleton.parent_index >= 0)
    parent = skeleton.parent_index[child]
    of = [skeleton.joints[joint].removeprefix("left_").removeprefix("right_") for joint in child]
    names = tuple(dict.fromkeys(of))
    incidence = np.zeros((len(child), len(skeleton)))
    incidence[np.arange(len(child)), child] = 1
    incidence[np.arange(len(child)), parent] = -1
    rigid = np.array([name in LIMBS for name in of])
    depth, below = np.zeros(len(skeleton), int), np.eye(len(skeleton))
    for joint in range(len(skeleton)):
        at = joint
        while (at := skeleton.parent_index[at]) >= 0:
            depth[joint] += 1
            below[at, joint] = 1
    levels = tuple(
        (rows, below[child[rows]])
        for level in range(depth.max() + 1)
        if len(rows := np.flatnonzero(rigid & (depth[child] == level)))
    )
    return Tree(child, parent, np.array([names.index(name) for name in of]), names, rigid, incidence, levels)


class Bones(NamedTuple):
    """Log lengths (N, G + 1) of N people, of the groups and then of the whole body, times their information
    (N, G + 1); information 0 = nothing known."""

    weighted: np.ndarray
    information: np.ndarray

    @property
    def log_length(self) -> np.ndarray:
        """Of the groups, (N, G)."""
        return (self.weighted / np.maximum(self.information, 1e-9))[:, :-1]

    @property
    def stature_m(self) -> np.ndarray:
        """Sole to head top (N,), NaN where unknown."""
        known = self.information[:, -1] > 0
        return np.where(known, np.exp(self.weighted[:, -1] / np.where(known, self.information[:, -1], 1)), np.nan)


def unknown(people: int, bones: Tree) -> Bones:
    """Nothing is known yet."""
    return Bones(*np.zeros((2, people, len(bones.names) + 1)))


def told(old: Bones, row: int, log_length: np.ndarray, sigma: np.ndarray) -> Bones:
    """With the log lengths (G,) of somebody's profile and their standard deviations (G,), inf where it names none."""
    weighted, information = old.weighted.copy(), old.information.copy()
    information[row, :-1] = 1 / np.square(sigma)
    weighted[row, :-1] = np.where(information[row, :-1] > 0, log_length, 0) * information[row, :-1]
    return Bones(weighted, information)


def known_m(bones: Bones) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (N, G) of the groups, and the standard deviations of what is known of them."""
    length = np.exp(bones.log_length)
    return length, length / np.sqrt(np.maximum(bones.information[:, :-1], 1e-6))


def lengths_m(xyz_m: np.ndarray, bones: Tree) -> np.ndarray:
    """Lengths (N, B) of the bones of joints (N, J, 3)."""
    return np.linalg.norm(xyz_m[:, bones.child] - xyz_m[:, bones.parent], axis=-1)


def fitted(xyz_m: np.ndarray, length_m: np.ndarray, unsure_m: np.ndarray, bones: Tree) -> np.ndarray:
    """Joints (N, J, 3) with limbs of their lengths (N, B), the more so the surer these are; directions stay."""
    certain = 1 / (1 + np.square(unsure_m / UNSURE_M))
    for rows, hanging in bones.levels:
        bone = xyz_m[:, bones.child[rows]] - xyz_m[:, bones.parent[rows]]
        is_m = np.maximum(np.linalg.norm(bone, axis=-1), MIN_LENGTH_M)
        step = bone * (certain[:, rows] * (length_m[:, rows] - is_m) / is_m)[..., None]
        xyz_m = xyz_m + (step.swapaxes(1, 2) @ hanging).swapaxes(1, 2)
    return xyz_m


def learn(old: Bones, xyz_m: np.ndarray, seen: np.ndarray, dt_s: np.ndarray, bones: Tree) -> Bones:
    """Take in lifted joints (N, J, 3), `seen` bool (N, J), after `dt_s` (N,); 0 where nothing is to be learned.

    Lengths of successive frames err alike, so a frame counts by its share of the time over which they do.
    """
    lengths = np.concatenate((lengths_m(xyz_m, bones), stature_m(xyz_m)[:, None]), 1)
    log = np.log(np.maximum(lengths, MIN_LENGTH_M))
    both = seen[:, bones.child] & seen[:, bones.parent]
    certain = np.concatenate((np.where(both, 1.0, UNSEEN), both.mean(1, keepdims=True)), 1)
    weight = certain * (np.minimum(dt_s, CORRELATION_S) / CORRELATION_S / NOISE**2)[:, None]
    sums = np.zeros((len(bones.child) + 1, len(bones.names) + 1))
    sums[np.arange(len(sums)), [*bones.group, len(bones.names)]] = 1
    return Bones(old.weighted + (weight * log) @ sums, old.information + weight @ sums)

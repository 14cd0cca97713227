"""Whether the people that are evaluated are others than those learned from: by the lengths of their limbs.

Recordings of other motion on the skeleton of somebody who was learned from are new motion, not new people. A mocap
skeleton keeps the lengths of its limbs to a fraction of a millimetre, so that they tell whose it is.
"""

from typing import NamedTuple

import numpy as np
import torch

from pose3d_ros.core import formats
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.models.conditions import NAMES, bone_lengths

LIMBS = ("thigh", "shin", "upper_arm", "forearm")  # rigid in every source; trunk and head are definitions that bend
SAME_MM = 1.0  # all limbs within this: one skeleton. Files hold half floats, good to 0.5 mm
FRAMES = 64  # of a clip, spread over it


class Overlap(NamedTuple):
    """Clips of the evaluated file whose limbs are those of somebody who was learned from, and of how many; whose."""

    clips: int
    of: int
    subjects: tuple[tuple[str, str], ...]  # evaluated, learned from

    def __str__(self) -> str:
        if not self.clips:
            return "unknown people: no limb lengths of theirs occur in training"
        pairs = ", ".join(f"{mine} = {theirs}" for mine, theirs in self.subjects)
        return f"new motion, known bodies: the skeletons of {self.clips} of {self.of} clips occur in training ({pairs})"


def limb_lengths_mm(motion: MotionSet) -> np.ndarray:
    """(C, 4) median lengths of the clips' limbs, mean of both sides."""
    skeleton = formats.get("body19" if motion.joints.shape[1] == len(formats.get("body19")) else "h36m17")
    columns = [NAMES.index(name) for name in LIMBS]
    found = []
    for start, length in zip(motion.start.tolist(), motion.length.tolist(), strict=True):
        rows = torch.linspace(start, start + length - 1, min(FRAMES, length)).long()
        found.append(1000 * bone_lengths(motion.joints[rows], skeleton)[:, columns].median(0).values.numpy())
    return np.array(found)


def overlap(evaluated: MotionSet, learned: MotionSet) -> Overlap:
    """Who of the evaluated people occurs, as a body, among those learned from."""
    mine, theirs = limb_lengths_mm(evaluated), limb_lengths_mm(learned)
    same = (np.abs(mine[:, None] - theirs) < SAME_MM).all(-1)
    pairs = {(evaluated.subjects[i], learned.subjects[j]) for i, j in zip(*np.nonzero(same), strict=True)}
    return Overlap(int(same.any(1).sum()), len(mine), tuple(sorted(pairs)))

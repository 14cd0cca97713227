"""What can be said of estimates without truth: coverage, jitter, bones, reprojection, identities, inference."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import JointState
from pose3d_ros.lab.evaluation.bags.collect import usual_rate_hz
from pose3d_ros.lab.evaluation.bags.run import RunFrames
from pose3d_ros.lab.evaluation.metrics import derivative, mean, rounded

TAKEN_OVER_S, TAKEN_OVER_M = 1.0, 0.5
LEAST_FRAMES = 10  # of a track before its bones say anything


@dataclass(frozen=True)
class Quality:
    """None where there was nothing to measure.

    `frames`, `answered`: frames, and those with an estimate, if only of nobody. `people`: estimated people in all
    frames together; `tracks`: their numbers. `coverage`: share of the bodies detected (before faults) for whom there
    was an estimate. `jitter_m_s2`: mean acceleration of the joints. `bone_cv_percent`: standard deviation of a bone's
    length over time in percent of its mean, the mean of all bones; `bones_cv_percent` for each, named by its child.
    `reprojection_px`, `reprojection_percent`: mean distance from joints to their keypoints, in pixels and in percent of
    the person's height in the image. `id_switches`: tracks that began within 1 s and 0.5 m of where another had
    ended. `share_inferred`: of the joints with a position.
    """

    frames: int
    answered: int
    people: int
    tracks: int
    coverage: float | None
    jitter_m_s2: float | None
    bone_cv_percent: float | None
    bones_cv_percent: dict[str, float | None]
    reprojection_px: float | None
    reprojection_percent: float | None
    id_switches: int
    share_inferred: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: floats rounded to what is meant by them."""
        return {name: rounded(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class RowQuality:
    """The same before it is averaged: `accel_m_s2` (N, J), `bone_m` (N, B) of the rows of `RunFrames`, NaN where there
    is none; `taken_over` bool (N,): a track begins here where another ended."""

    accel_m_s2: np.ndarray
    bone_m: np.ndarray
    taken_over: np.ndarray


def row_quality(frames: RunFrames, skeleton: Skeleton) -> RowQuality:
    """Of every estimated person."""
    count, joints = frames.sigma_m.shape
    accel = np.full((count, joints), np.nan)
    rate_hz = usual_rate_hz(frames.stamp_ns[frames.answered])
    for number in np.unique(frames.track):
        rows = np.flatnonzero(frames.track == number)
        xyz_m = frames.xyz_m[rows].astype(np.float64)
        stamps_ns = frames.stamp_ns[frames.frame[rows]]
        accel[rows] = np.linalg.norm(derivative(xyz_m, 2, rate_hz, stamps_ns), axis=-1)
    tree = _tree(skeleton)
    bone_m = np.linalg.norm(frames.xyz_m[:, tree[:, 1]] - frames.xyz_m[:, tree[:, 0]], axis=-1)
    return RowQuality(accel, bone_m, _taken_over(frames))


def measure_quality(
    frames: RunFrames, rows: RowQuality, skeleton: Skeleton, of_frames: np.ndarray, of_rows: np.ndarray
) -> Quality:
    """Of the frames and rows for which bool (F,) and (N,) are true."""
    states = frames.state[of_rows]
    valid = states != JointState.INVALID
    bones = _bones_cv_percent(rows.bone_m[of_rows], frames.track[of_rows])
    children = [skeleton.joints[child] for _, child in _tree(skeleton)]
    off, height = frames.reprojection_px[of_rows], frames.height_px[of_rows]
    detected = int(frames.detected[of_frames].sum())
    given = np.bincount(frames.frame[of_rows], minlength=len(frames))
    return Quality(
        frames=int(of_frames.sum()),
        answered=int(frames.answered[of_frames].sum()),
        people=int(of_rows.sum()),
        tracks=len(np.unique(frames.track[of_rows])),
        coverage=float(np.minimum(given, frames.detected)[of_frames].sum() / detected) if detected else None,
        jitter_m_s2=mean(rows.accel_m_s2[of_rows]),
        bone_cv_percent=mean(bones),
        bones_cv_percent={name: mean(bones[i : i + 1]) for i, name in enumerate(children)},
        reprojection_px=mean(off),
        reprojection_percent=mean(100 * off / height[:, None]),
        id_switches=int(rows.taken_over[of_rows].sum()),
        share_inferred=mean((states == JointState.INFERRED)[valid]),
    )


def _tree(skeleton: Skeleton) -> np.ndarray:
    """int64 (B, 2): (parent, child) rows of the bones proper."""
    return np.array([(parent, child) for child, parent in enumerate(skeleton.parent_index) if parent >= 0])


def _bones_cv_percent(bone_m: np.ndarray, track: np.ndarray) -> np.ndarray:
    """(B,): the tracks' coefficients of variation, averaged by their lengths; NaN where there is none."""
    total, weight = np.zeros(bone_m.shape[1]), np.zeros(bone_m.shape[1])
    for number in np.unique(track):
        lengths = bone_m[track == number].astype(np.float64)
        known = np.isfinite(lengths)
        count = known.sum(0)
        lengths = np.where(known, lengths, 0)
        middle = lengths.sum(0) / np.maximum(count, 1)
        spread = np.sqrt((np.where(known, lengths - middle, 0) ** 2).sum(0) / np.maximum(count, 1))
        use = (count >= LEAST_FRAMES) & (middle > 0)
        total += np.where(use, count * 100 * spread / np.where(use, middle, 1), 0)
        weight += np.where(use, count, 0)
    return np.where(weight > 0, total / np.maximum(weight, 1), np.nan)


def _taken_over(frames: RunFrames) -> np.ndarray:
    """bool (N,): first row of a track where another track ended shortly before."""
    found = np.zeros(len(frames.track), bool)
    numbers, first = np.unique(frames.track, return_index=True)
    last = len(frames.track) - 1 - np.unique(frames.track[::-1], return_index=True)[1]
    stamps_ns = frames.stamp_ns[frames.frame]
    for row in first:
        since_s = (stamps_ns[row] - stamps_ns[last]) / 1e9
        apart_m = np.linalg.norm(frames.xyz_m[last, 0] - frames.xyz_m[row, 0], axis=-1)
        ended = (since_s > 0) & (since_s <= TAKEN_OVER_S) & (apart_m <= TAKEN_OVER_M)
        found[row] = ended[numbers != frames.track[row]].any()
    return found

"""From the joints that are lifted to the 24 of `core/formats/body24.py`, and from segments to rotations of joints."""

from functools import cache
from typing import NamedTuple

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.formats.body24 import REST_M
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import JointState
from pose3d_ros.geometry.articulation import SEGMENTS
from pose3d_ros.geometry.rotations import between, dot, rotate

BODY24 = formats.get("body24")
SIDES = ("left", "right")
# The joint of the lifted skeletons that each segment hangs on
HOLDS = {
    "pelvis": "pelvis", "chest": "thorax", "head": "nose",
    **{
        f"{side}_{segment}": f"{side}_{joint}"
        for side in SIDES
        for segment, joint in zip(
            ("thigh", "arm", "shank", "forearm", "foot", "hand"),
            ("hip", "shoulder", "knee", "elbow", "ankle", "wrist"), strict=True,
        )
    },
}  # fmt: skip
# Joints that turn with a segment beside those, and joints between two: lower, upper, how far on the way
_WITH = {"spine3": "chest", "head_top": "head", "head": "head"} | {
    f"{side}_{joint}": segment.format(side)
    for side in SIDES
    for joint, segment in {"toe": "{}_foot", "foot": "{}_foot", "collar": "chest", "hand": "{}_hand"}.items()
}
_BETWEEN = {
    "spine": ("pelvis", "chest", 1 / 2), "spine1": ("pelvis", "chest", 1 / 3), "spine2": ("pelvis", "chest", 2 / 3),
    "neck": ("chest", "head", 1 / 2),
}  # fmt: skip
# Places as weighted sums: a parabola through pelvis, spine and thorax at 0.25, 0.5 and 0.62 of the way
_SUMS = {
    "spine1": {"pelvis": 0.375, "spine": 0.75, "thorax": -0.125},
    "spine2": {"spine": 1.0},
    "spine3": {"pelvis": -0.0912, "spine": 0.9424, "thorax": 0.1488},
    "neck": {"thorax": 0.6, "nose": 0.4},
    "head": {"nose": 1.0},
    **{f"{side}_collar": {"thorax": 0.65, f"{side}_shoulder": 0.35} for side in SIDES},
    **{f"{side}_hand": {f"{side}_wrist": 1.0} for side in SIDES},
}
# Then an offset in the axes of a joint, for somebody in whom the distance between two joints is so much
_HEAD = (-0.05, 0.0, -0.02), "nose", ("nose", "head_top"), 0.14
_HANDS = {side: (REST_M[f"{side}_hand"], f"{side}_wrist", (f"{side}_elbow", f"{side}_wrist"), 0.255) for side in SIDES}
_FEET = {side: (REST_M[f"{side}_foot"], f"{side}_ankle", (f"{side}_knee", f"{side}_ankle"), 0.43) for side in SIDES}
# Times a joint's rotation: SMPL's and OpenXR's axes at rest, x left, y up, z ahead, instead of ours
SMPL_AT_REST = np.array([0.5, 0.5, 0.5, 0.5])
SMPL_AT_REST.setflags(write=False)
NECK_SHARE = 0.4  # of the head's offset
OFFSET_SIGMA = 0.2  # of an offset, whose length is that of people in general
SCALES = (0.6, 1.4)


class Body24(NamedTuple):
    """N people: `xyz_m` (N, 24, 3), `sigma_m` (N, 24), `state` uint8 (N, 24), `velocity_m_s` (N, 24, 3) or None,
    `quat_xyzw` (N, 24, 4)."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray
    state: np.ndarray
    velocity_m_s: np.ndarray | None
    quat_xyzw: np.ndarray


class _Turns(NamedTuple):
    """For one skeleton: `segment` (J,) of each joint; of the joints `mixed` (K,) `lower`, `upper` and `share` (K,)."""

    segment: np.ndarray
    mixed: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    share: np.ndarray


class _Plan(NamedTuple):
    """For one lifted skeleton: `weight` (24, J); for offsets (K): `target` row of body24 and `gain`, `offset_m` (K, 3),
    `joint` whose axes it is in, `ends` (2, K) and `length_m` (K,) that scale it."""

    weight: np.ndarray
    holds: np.ndarray
    target: np.ndarray
    gain: np.ndarray
    offset_m: np.ndarray
    joint: np.ndarray
    ends: np.ndarray
    length_m: np.ndarray


def joint_quats(segments: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Rotation (N, J, 4) of each joint of a skeleton, of those of the segments (N, 15, 4)."""
    turns = _turns(skeleton)
    quat = segments[:, turns.segment]
    quat[:, turns.mixed] = between(segments[:, turns.lower], segments[:, turns.upper], turns.share)
    return quat


def body24_of(
    skeleton: Skeleton, xyz_m: np.ndarray, sigma_m: np.ndarray, state: np.ndarray, velocity_m_s: np.ndarray | None,
    quat_xyzw: np.ndarray,
) -> Body24:  # fmt: skip
    """N people of a lifted skeleton: (N, J, 3), (N, J), (N, J), (N, J, 3), and `joint_quats` (N, J, 4).

    Joints that nobody lifts (spine, collars, neck, head, hands, feet without toes) follow from the others; how is
    written in docs/body24.md. Their sigma grows with the offset, their velocity neglects its turning.
    """
    plan = _plan(skeleton)
    placed = plan.weight @ np.nan_to_num(xyz_m)
    offset_m = plan.gain[:, None] * plan.offset_m * _scale(xyz_m, plan)[..., None]
    placed[:, plan.target] += rotate(quat_xyzw[:, plan.joint], offset_m)
    spread = np.nan_to_num(sigma_m) @ np.abs(plan.weight).T
    spread[:, plan.target] += OFFSET_SIGMA * np.sqrt(dot(offset_m, offset_m)[..., 0])
    velocity = None if velocity_m_s is None else plan.weight @ np.nan_to_num(velocity_m_s)
    used = (plan.weight != 0).T
    lost = ((state == JointState.INVALID) @ used) | ~np.isfinite(placed).all(-1)
    inferred = (state != JointState.MEASURED) @ used
    placed[lost] = spread[lost] = np.nan
    states = np.where(lost, JointState.INVALID, np.where(inferred, JointState.INFERRED, JointState.MEASURED))
    return Body24(placed, spread, states.astype(np.uint8), velocity, joint_quats(quat_xyzw[:, plan.holds], BODY24))


def _scale(xyz_m: np.ndarray, plan: _Plan) -> np.ndarray:
    """(N, K): how much larger people are than the one the offsets are of."""
    ends = xyz_m[:, plan.ends[0]] - xyz_m[:, plan.ends[1]]
    return np.clip(np.sqrt(dot(ends, ends)[..., 0]) / plan.length_m, *SCALES)


@cache
def _turns(skeleton: Skeleton) -> _Turns:
    at = {segment: row for row, segment in enumerate(SEGMENTS)}
    of = {joint: segment for segment, joint in HOLDS.items()} | _WITH
    mixed = [joint for joint in skeleton.joints if joint in _BETWEEN]
    return _Turns(
        np.array([at[of.get(joint, "pelvis")] for joint in skeleton.joints]),
        skeleton.indices(mixed),
        np.array([at[_BETWEEN[joint][0]] for joint in mixed]),
        np.array([at[_BETWEEN[joint][1]] for joint in mixed]),
        np.array([_BETWEEN[joint][2] for joint in mixed]),
    )


@cache
def _plan(skeleton: Skeleton) -> _Plan:
    offsets = {"head": (1.0, *_HEAD), "neck": (NECK_SHARE, *_HEAD)}
    offsets |= {f"{side}_hand": (1.0, *_HANDS[side]) for side in SIDES}
    sums = dict(_SUMS)
    for side in SIDES:
        if f"{side}_toe" in skeleton:
            sums[f"{side}_foot"] = {f"{side}_toe": 1.0}
        else:
            sums[f"{side}_foot"] = {f"{side}_ankle": 1.0}
            offsets[f"{side}_foot"] = (1.0, *_FEET[side])
    weight = np.zeros((len(BODY24), len(skeleton)))
    for row, joint in enumerate(BODY24.joints):
        for source, share in sums.get(joint, {joint: 1.0}).items():
            weight[row, skeleton.index(source)] = share
    gain, offset_m, joint, ends, length_m = zip(*offsets.values(), strict=True)
    holds = skeleton.indices([HOLDS[segment] for segment in SEGMENTS])
    rows = np.array([skeleton.indices(pair) for pair in ends]).T
    return _Plan(
        weight, holds, BODY24.indices(list(offsets)), np.array(gain), np.array(offset_m), skeleton.indices(joint), rows,
        np.array(length_m),
    )  # fmt: skip

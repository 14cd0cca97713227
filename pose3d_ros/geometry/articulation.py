"""Rotations of the body's segments from the places of its joints, over time.

At rest the axes of every segment are those of the room: x ahead, y to the left, z up (REP-103), the person upright with
arms spread, palms down (docs/body24.md). A segment's rotation turns these axes to where they are now.

A limb's two bones do not tell how it is turned about itself while it is straight, and little while it is nearly so.
Their plane (elbow and knee are hinges) is therefore added up, weighted by the sine of the bend, to where the limb
would point if it came from rest by the shortest way and to the foot, which count the less the more it is bent, and to
where it pointed in the frame before. What would still turn faster than limbs do is slowed down, so nothing flips while
a limb passes through straight.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.rotations import carried, cross, dot, unit

SEGMENTS = (
    "pelvis", "chest", "head", "left_thigh", "right_thigh", "left_arm", "right_arm", "left_shank", "right_shank",
    "left_forearm", "right_forearm", "left_foot", "right_foot", "left_hand", "right_hand",
)  # fmt: skip
_LIMBS = ("left_hip left_knee left_ankle", "right_hip right_knee right_ankle",
          "left_shoulder left_elbow left_wrist", "right_shoulder right_elbow right_wrist")  # fmt: skip
_TRUNK = ("pelvis", "spine", "thorax", "nose", "head_top")
_TOES = ("left_toe", "right_toe")
LIMBS, FEET, FOREARMS, HANDS = slice(3, 11), slice(11, 13), slice(9, 11), slice(13, 15)
LEGS, ARMS = slice(0, 2), slice(2, 4)  # of the four limbs

# Which way a limb's bone points along its axis, and its hinge (bone x bone) along the other
_BONE = np.array([-1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, -1.0])[:, None]
_HINGE = np.array([1.0, 1.0, -1.0, 1.0])[:, None]
# Weights beside the sine of the bend
FROM_REST, FROM_BEFORE, FROM_TOES = 0.3, 0.3, 0.3
TWIST_RAD_S = 15.0  # no limb is turned about itself faster: what would be is a fold or a stretch that was misjudged
MEMORY_S = 0.5  # what was before weighs 1/e of it after this long
BEND = 0.5  # share of the trunk's bend that is believed: data sets put the spine's joint in different places
HEAD_AHEAD_RAD = np.arctan2(0.045, 0.215)  # of the line to the crown from between thorax and nose, when one stands
CHEST_AHEAD_M = 0.03  # the chest decides where a face looks whose nose is less than this off that line
SHANK_ACROSS = 0.2  # and the shank where a foot is turned that points along it by less than this sine
TOE_PITCH_RAD = np.arctan2(0.028, 0.131)  # of the line from ankle to toes at rest
# Columns: axes of the palm (geometry/hand.py) at rest
PALM_AT_REST = np.array([[[0, 1, 0], [1, 0, 0], [0, 0, -1]], [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]], float)
PALM_AT_REST.setflags(write=False)
MIN_M, MIN_SQUARE = 1e-3, 0.25


class Places(NamedTuple):
    """Rows of one skeleton: `trunk` of `_TRUNK`, `limbs` (3, 4): their upper, middle and lower ends, `toes` or None."""

    trunk: np.ndarray
    limbs: np.ndarray
    toes: np.ndarray | None


class Articulated(NamedTuple):
    """`axes` (N, 15, 3, 3): columns x, y, z of each segment, NaN where unknown. Of the limbs, upper segments first,
    `bones` (N, 8, 3) and the `hinges` (N, 8, 3) square to them; `twist_rad` (N, 2) of the forearms beyond their hinges,
    left and right; `wrist` (N, 2, 3, 3): hand in the forearm."""

    axes: np.ndarray
    bones: np.ndarray
    hinges: np.ndarray
    twist_rad: np.ndarray
    wrist: np.ndarray


@cache
def places(skeleton: Skeleton) -> Places | None:
    """Where a skeleton's joints are; None where it is no body that can be articulated."""
    limbs = np.array([name.split() for name in _LIMBS]).T
    if not all(joint in skeleton for joint in (*_TRUNK, *limbs.ravel())):
        return None
    toes = skeleton.indices(_TOES) if all(toe in skeleton for toe in _TOES) else None
    return Places(skeleton.indices(_TRUNK), skeleton.indices(tuple(limbs.ravel())).reshape(3, 4), toes)


def unknown(people: int) -> Articulated:
    """The memory of people of whom nothing is known."""
    axes, bones = np.full((people, len(SEGMENTS), 3, 3), np.nan), np.full((people, 8, 3), np.nan)
    return Articulated(axes, bones, bones, np.zeros((people, 2)), np.tile(np.eye(3), (people, 2, 1, 1)))


def articulate(
    xyz_m: np.ndarray, where: Places, palms: np.ndarray | None, before: Articulated, since_s: np.ndarray
) -> Articulated:
    """Segments of N people, joints (N, J, 3), any frame.

    `palms` (N, 2, 3, 3): axes of left and right palms, NaN where there is none: then the hand stays as it is in the
    forearm. `before`, and how long ago that was (N,), keep what the joints do not tell.
    """
    upper_end, middle, lower_end = xyz_m[:, where.limbs[0]], xyz_m[:, where.limbs[1]], xyz_m[:, where.limbs[2]]
    axes = np.empty((len(xyz_m), len(SEGMENTS), 3, 3))
    _trunk(axes, xyz_m[:, where.trunk], upper_end)
    bones = unit(np.concatenate((middle - upper_end, lower_end - middle), 1))
    toes = None if where.toes is None else unit(xyz_m[:, where.toes] - lower_end[:, LEGS])
    hinges = _hinges(axes, bones, toes, before, since_s)
    _limbs(axes[:, LIMBS], _BONE * bones, hinges)
    _feet(axes, toes)
    twist, wrist = _hands(axes, palms, before)
    _keep(axes, before.axes)
    return Articulated(axes, bones, hinges, twist, wrist)


def _trunk(axes: np.ndarray, trunk: np.ndarray, ends: np.ndarray) -> None:
    """Pelvis, chest and head. y is exact: from hip to hip, from shoulder to shoulder."""
    left, right = ends[:, (0, 2)], ends[:, (1, 3)]
    pelvis, spine, thorax, nose, crown = (trunk[:, i] for i in range(5))
    y = unit(left - right)
    bend = BEND * (spine - (pelvis + thorax) / 2)
    up = np.stack((thorax - pelvis + 2 * bend, thorax - pelvis - 2 * bend), 1)
    x = unit(cross(y, up))
    axes[:, :2, :, 0], axes[:, :2, :, 1], axes[:, :2, :, 2] = x, y, cross(x, y)
    up = unit(crown - (nose + thorax) / 2)
    ahead = unit(cross(cross(up, nose - thorax) + CHEST_AHEAD_M * y[:, 1], up))
    cos, sin = np.cos(HEAD_AHEAD_RAD), np.sin(HEAD_AHEAD_RAD)
    axes[:, 2, :, 0], axes[:, 2, :, 1] = cos * ahead + sin * up, cross(up, ahead)
    axes[:, 2, :, 2] = cos * up - sin * ahead


def _hinges(
    axes: np.ndarray, bones: np.ndarray, toes: np.ndarray | None, before: Articulated, since_s: np.ndarray
) -> np.ndarray:
    """Directions (N, 8, 3), square to the bones, that knees and elbows bend about: y of the legs, z of the arms."""
    upper, lower = bones[:, :4], bones[:, 4:]
    start, rest = np.empty_like(upper), np.empty_like(upper)
    start[:, LEGS], rest[:, LEGS] = -axes[:, :1, :, 2], axes[:, :1, :, 1]
    start[:, ARMS], rest[:, ARMS] = _BONE[ARMS] * axes[:, 1:2, :, 1], axes[:, 1:2, :, 2]
    bend = _HINGE * cross(upper, lower)
    guess = FROM_REST * carried(rest, start, upper)
    if toes is not None:
        turned = cross(toes, lower[:, LEGS])  # z, which is -lower, x toes
        guess[:, LEGS] += FROM_TOES * (turned if np.isfinite(turned).all() else np.nan_to_num(turned))
    hinge = bend + (1 - dot(bend, bend)) * guess
    kept = carried(before.hinges, before.bones, bones)
    known = np.isfinite(kept)
    kept = np.where(known, kept, 0)
    hinge = np.concatenate((hinge, hinge), 1) + kept * (FROM_BEFORE * np.exp(-since_s / MEMORY_S))[:, None, None]
    hinge = unit(hinge - bones * dot(bones, hinge))
    return _slowed(hinge, kept, bones, since_s) if known.any() else hinge


def _slowed(hinge: np.ndarray, kept: np.ndarray, bones: np.ndarray, since_s: np.ndarray) -> np.ndarray:
    """What turned farther from `kept` about the bone than a limb can since then, as far as it can."""
    limit = np.minimum(TWIST_RAD_S * since_s, np.pi)[:, None, None]
    turned = np.arctan2(dot(cross(kept, hinge), bones), dot(kept, hinge))
    if (np.abs(turned) <= limit).all():
        return hinge
    most = np.clip(turned, -limit, limit)
    return np.where(most == turned, hinge, np.cos(most) * kept + np.sin(most) * cross(bones, kept))


def _limbs(axes: np.ndarray, bone: np.ndarray, hinge: np.ndarray) -> None:
    """Axes (N, 8, 3, 3) of the limbs, of the axis that lies along the bone and of the hinge."""
    x = cross(bone, hinge)
    for legs, arms in ((slice(0, 2), slice(2, 4)), (slice(4, 6), slice(6, 8))):
        axes[:, legs, :, 0], axes[:, legs, :, 1], axes[:, legs, :, 2] = -x[:, legs], hinge[:, legs], bone[:, legs]
        axes[:, arms, :, 0], axes[:, arms, :, 1], axes[:, arms, :, 2] = x[:, arms], bone[:, arms], hinge[:, arms]


def _feet(axes: np.ndarray, toes: np.ndarray | None) -> None:
    """Along ankle and toes, upright with the shank; square to the shank where there are no toes."""
    shank = axes[:, 7:9]
    axes[:, FEET] = shank
    if toes is None:
        return
    hint = cross(shank[..., 2], toes) + SHANK_ACROSS * shank[..., 1]
    y = unit(hint - toes * dot(toes, hint))
    up, cos, sin = cross(toes, y), np.cos(TOE_PITCH_RAD), np.sin(TOE_PITCH_RAD)
    feet = np.stack((cos * toes + sin * up, y, cos * up - sin * toes), -1)
    axes[:, FEET] = feet if np.isfinite(feet).all() else np.where(np.isfinite(feet), feet, shank)


def _hands(axes: np.ndarray, palms: np.ndarray | None, before: Articulated) -> tuple[np.ndarray, np.ndarray]:
    """Turns the forearms about themselves so that the hand only bends in the wrist (swing and twist)."""
    twist, wrist = before.twist_rad, before.wrist
    hinged = axes[:, FOREARMS].copy()
    if palms is not None:
        seen = np.isfinite(palms).all((2, 3)) & np.isfinite(hinged).all((2, 3))
        hands = palms @ PALM_AT_REST.swapaxes(1, 2)
        held = hinged.swapaxes(2, 3) @ hands
        turn = 2 * np.arctan2(held[..., 0, 2] - held[..., 2, 0], 1 + np.trace(held, axis1=2, axis2=3))
        twist = np.where(seen, turn, twist)
        wrist = np.where(seen[..., None, None], _about_y(twist).swapaxes(2, 3) @ held, wrist)
    if twist.any():
        hinged = hinged @ _about_y(twist)
    axes[:, FOREARMS] = hinged
    axes[:, HANDS] = hinged @ wrist
    return twist, wrist


def _about_y(angle_rad: np.ndarray) -> np.ndarray:
    cos, sin, zero = np.cos(angle_rad), np.sin(angle_rad), np.zeros_like(angle_rad)
    return np.stack((cos, zero, sin, zero, zero + 1, zero, -sin, zero, cos), -1).reshape(*angle_rad.shape, 3, 3)


def _keep(axes: np.ndarray, before: np.ndarray) -> None:
    """Segments whose joints coincide stay as they were; they are unknown where they never were anything else."""
    square = np.einsum("nsij,nsij->nsj", axes, axes)
    flat = (square < MIN_SQUARE).any(-1)
    if flat.any():
        axes[flat] = before[flat]

"""The hand as a robot wants it: palm frame, joint angles, aperture, curl; and back from angles to joints.

Palm frame, the same for both hands: origin at the wrist, x to the middle finger's knuckle, z out of the palm (where an
object would be held), y = z cross x. So y points to the little finger on a right hand and to the thumb on a left one.

Angles: flexion is positive towards the palm. Abduction is positive away from the middle finger, that of the middle
finger itself towards the thumb. A finger's first joint turns by the flexion, then by the abduction about the turned
axis; the two outer joints bend in the finger's plane. The thumb's first joint: abduction lifts the metacarpal out of
the palm's plane, flexion swings it across the palm (0 = along x, negative = spread). Straight fingers = 0.

The functions take numpy arrays, those without a quaternion torch tensors too, of any leading shape.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.geometry.arrays import namespace

SKELETON = formats.get("hand21")
J = {name: SKELETON.index(name) for name in SKELETON.joints}
THUMB = ("cmc", "mcp", "ip", "tip")
FINGERS = ("index", "middle", "ring", "little")
KNUCKLES = SKELETON.indices([f"{finger}_mcp" for finger in FINGERS]).tolist()
CHAINS = [[J[f"thumb_{part}"] for part in THUMB]] + [
    [J[f"{finger}_{part}"] for part in ("mcp", "pip", "dip", "tip")] for finger in FINGERS
]
TIPS = [chain[-1] for chain in CHAINS]
ANGLE_NAMES = (
    "thumb_cmc_abduction", "thumb_cmc_flexion", "thumb_mcp_flexion", "thumb_ip_flexion",
    *(f"{finger}_{part}" for finger in FINGERS for part in ("abduction", "mcp_flexion", "pip_flexion", "dip_flexion")),
)  # fmt: skip

# A right hand's abduction turns these ways in y: index and middle towards the thumb, ring and little away from it
AWAY = (-1.0, -1.0, 1.0, 1.0)
# The thumb bends in a plane that is turned from the palm's plane by this, seen along its metacarpal
THUMB_PLANE_RAD = np.radians(-30.0)
# Sum of a finger's flexions (a thumb's two outer ones) in a fist
CLOSED_RAD = np.radians([100.0, 250.0, 250.0, 250.0, 250.0])
MIN_LENGTH_M, MIN_SINE = 1e-3, 0.05  # a palm that is shorter, or narrower for its length, has no frame


class HandPose(NamedTuple):
    """N hands: `quat_xyzw` (N, 4) turns palm axes into the axes of the joints, `angles_rad` (N, 20) in the order of
    `ANGLE_NAMES`, `aperture_m` (N,), `curl` (N, 5), `valid` bool (N,): the palm has a direction. All NaN where not."""

    quat_xyzw: np.ndarray
    angles_rad: np.ndarray
    aperture_m: np.ndarray
    curl: np.ndarray
    valid: np.ndarray

    def of(self, row: int) -> dict[str, Any]:
        """One hand, as the fields of `Hand3D`."""
        return {
            "quat_xyzw": self.quat_xyzw[row].astype(np.float32),
            "joint_angles_rad": self.angles_rad[row].astype(np.float32),
            "aperture_m": float(self.aperture_m[row]),
            "curl": self.curl[row].astype(np.float32),
        }


def describe(xyz_m: np.ndarray, left: np.ndarray) -> HandPose:
    """Pose of hands (N, 21, 3) in any right-handed frame; `left` bool (N,). Degenerate hands are not valid."""
    axes, valid = palm_axes(xyz_m, left)
    axes = np.where(valid[:, None, None], axes, np.eye(3))
    angles = joint_angles(xyz_m, left, axes)
    hidden = ~valid[:, None]
    quat = np.where(hidden, np.nan, Rotation.from_matrix(axes).as_quat()) if len(xyz_m) else np.zeros((0, 4))
    angles = np.where(hidden, np.nan, angles)
    return HandPose(quat, angles, np.where(valid, aperture(xyz_m), np.nan), curl(angles), valid)


def resized(xyz_m: np.ndarray, size_m: float) -> np.ndarray:
    """Hands (N, 21, 3) about their wrists with this `hand_length`; as they are where it is 0, not known."""
    return xyz_m * (size_m / np.maximum(hand_length(xyz_m), MIN_LENGTH_M))[:, None, None] if size_m else xyz_m


def palm_axes(xyz: Any, left: Any) -> tuple[Any, Any]:
    """Rotations (..., 3, 3), columns x, y, z of the palm, and bool (...): whether the knuckles span a palm."""
    xp = namespace(xyz)
    to_middle, to_index, to_little = (
        xyz[..., J[f"{finger}_mcp"], :] - xyz[..., J["wrist"], :] for finger in ("middle", "index", "little")
    )
    length = _length(to_middle)
    x = to_middle / xp.clip(length, MIN_LENGTH_M, None)[..., None]
    normal = _cross(to_index, to_little)
    normal = xp.where(left[..., None], -normal, normal)
    normal = normal - (normal * x).sum(-1)[..., None] * x
    area = _length(normal)
    valid = (length > MIN_LENGTH_M) & (area > MIN_SINE * length**2)
    z = normal / xp.where(valid, area, xp.ones_like(area))[..., None]
    return xp.stack((x, _cross(z, x), z), -1), valid


def joint_angles(xyz: Any, left: Any, axes: Any) -> Any:
    """(..., 20) radians of hands (..., 21, 3) with their palm axes (..., 3, 3)."""
    xp = namespace(xyz)
    palm = xp.einsum("...ji,...kj->...ki", axes, xyz - xyz[..., :1, :])
    # worked out for a right hand; a left one is its mirror image in y
    y = xp.where(left[..., None], -palm[..., 1], palm[..., 1])
    palm = xp.stack((palm[..., 0], y, palm[..., 2]), -1)
    fingers = _finger_angles(xp, palm)
    return xp.concatenate((xp.stack(_thumb_angles(xp, palm), -1), fingers.reshape(*fingers.shape[:-2], 16)), -1)


def joints_of(angles: Any, palm: Any, lengths: Any, thumb_plane: Any = THUMB_PLANE_RAD) -> Any:
    """Inverse of `joint_angles` for right hands: joints (..., 21, 3) in the palm frame.

    `angles` (..., 20), `palm` (..., 5, 3) positions of the thumb's cmc and the four knuckles, `lengths` (..., 5, 3) of
    the bones that follow. A left hand is its mirror image: negate y.
    """
    xp = namespace(angles)
    joints = []
    for finger in range(5):
        first, second, outer = (angles[..., 4 * finger + k] for k in (0, 1, 2))
        if finger == 0:
            along, bend = _thumb_directions(xp, first, second, thumb_plane)
        else:
            along, bend = _finger_directions(xp, AWAY[finger - 1] * xp.sin(first), xp.cos(first), second)
        at = palm[..., finger, :] + 0 * along
        joints += [at] if joints else [0 * along, at]
        for bone, turn in enumerate((None, outer, angles[..., 4 * finger + 3])):
            if turn is not None:
                cos, sin = xp.cos(turn)[..., None], xp.sin(turn)[..., None]
                along, bend = cos * along + sin * bend, cos * bend - sin * along
            at = at + lengths[..., finger, bone, None] * along
            joints.append(at)
    return xp.stack(joints, -2)


def aperture(xyz: Any) -> Any:
    """(...) distance of the tips of thumb and index finger, in the unit of (..., 21, 3)."""
    return _length(xyz[..., J["thumb_tip"], :] - xyz[..., J["index_tip"], :])


def curl(angles: np.ndarray) -> np.ndarray:
    """(..., 5) from 0, straight, to 1, as in a fist: thumb to little finger, of angles (..., 20)."""
    by_finger = angles.reshape(*angles.shape[:-1], 5, 4)
    thumb, fingers = by_finger[..., :1, 2:].sum(-1), by_finger[..., 1:, 1:].sum(-1)
    return np.clip(np.concatenate((thumb, fingers), -1) / CLOSED_RAD, 0.0, 1.0)


def hand_length(xyz: Any) -> Any:
    """(...) size of hands (..., 21, 3): from the wrist along the bones to the tip of the middle finger."""
    chain = [J["wrist"], *CHAINS[2]]
    return _length(xyz[..., chain[1:], :] - xyz[..., chain[:-1], :]).sum(-1)


def _thumb_angles(xp: Any, palm: Any) -> list[Any]:
    one, two, three = (_unit(bone) for bone in _bones(palm, CHAINS[0]))
    lift = xp.arcsin(xp.clip(one[..., 2], -1, 1))
    swing = xp.arctan2(one[..., 1], one[..., 0])
    along, bend = _thumb_directions(xp, lift, swing, THUMB_PLANE_RAD)
    return [lift, swing, *_bends(xp, along, bend, two, three)]


def _finger_angles(xp: Any, palm: Any) -> Any:
    """(..., 4 fingers, 4) of joints (..., 21, 3) in the palm frame."""
    one, two, three = (_unit(bone) for bone in _bones(palm, list(zip(*CHAINS[1:], strict=True))))
    sideways = xp.clip(one[..., 1], -1, 1)
    right = xp.arcsin(sideways)
    abduction = xp.stack([away * right[..., i] for i, away in enumerate(AWAY)], -1)
    flexion = xp.arctan2(one[..., 2], one[..., 0])
    along, bend = _finger_directions(xp, sideways, xp.cos(right), flexion)
    return xp.stack((abduction, flexion, *_bends(xp, along, bend, two, three)), -1)


def _bends(xp: Any, along: Any, bend: Any, two: Any, three: Any) -> list[Any]:
    """Flexions of the two outer joints; what leaves the finger's plane is not looked at."""
    first = xp.arctan2((two * bend).sum(-1), (two * along).sum(-1))
    cos, sin = xp.cos(first)[..., None], xp.sin(first)[..., None]
    along, bend = cos * along + sin * bend, cos * bend - sin * along
    return [first, xp.arctan2((three * bend).sum(-1), (three * along).sum(-1))]


def _finger_directions(xp: Any, sideways: Any, ahead: Any, flexion: Any) -> tuple[Any, Any]:
    """Direction of a finger's first bone and the direction, square to it, in which the finger bends. `sideways`: y of
    the bone of length 1, `ahead`: what is left of it in the plane of x and z."""
    cos_f, sin_f = xp.cos(flexion), xp.sin(flexion)
    along = xp.stack((cos_f * ahead, sideways, sin_f * ahead), -1)
    return along, xp.stack((-sin_f, 0 * sin_f, cos_f), -1)


def _thumb_directions(xp: Any, lift: Any, swing: Any, plane: Any) -> tuple[Any, Any]:
    """The same for the thumb: bends across the palm, in a plane turned by `plane` from the palm's."""
    cos_l, sin_l, cos_s, sin_s = xp.cos(lift), xp.sin(lift), xp.cos(swing), xp.sin(swing)
    along = xp.stack((cos_l * cos_s, cos_l * sin_s, sin_l), -1)
    x, y, z = (along[..., i] for i in range(3))
    across = _unit(xp.stack((-y * x, 1 - y * y, -y * z), -1))
    up = _cross(along, across)
    plane = plane + 0 * lift
    return along, xp.cos(plane)[..., None] * across + xp.sin(plane)[..., None] * up


def _bones(palm: Any, chain: list) -> list[Any]:
    """Of a chain of joints (..., 3), or of chains side by side: a tuple of joints at each place."""
    return [palm[..., b, :] - palm[..., a, :] for a, b in pairwise(chain)]


def _length(vector: Any) -> Any:
    return namespace(vector).sqrt((vector**2).sum(-1))


def _unit(vector: Any) -> Any:
    return vector / namespace(vector).clip(_length(vector), 1e-9, None)[..., None]


def _cross(a: Any, b: Any) -> Any:
    return namespace(a).stack([a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))], -1)

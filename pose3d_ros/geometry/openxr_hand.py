"""The 26 joints of OpenXR's XrHandJointEXT, each with a pose, of hands of 21 joints.

Axes of every joint: -z along its bone to the tips, y out of the back of the hand, x = y x z (the same for both hands).
The palm and the four metacarpals within the hand are not lifted: they lie on the lines from wrist to knuckles.
"""

import numpy as np

from pose3d_ros.geometry.hand import FINGERS, THUMB_PLANE_RAD, J
from pose3d_ros.geometry.rotations import cross, dot, quat_of, unit

_PARTS = ("metacarpal", "proximal", "intermediate", "distal", "tip")
JOINTS = (
    "palm", "wrist", *(f"thumb_{part}" for part in ("metacarpal", "proximal", "distal", "tip")),
    *(f"{finger}_{part}" for finger in FINGERS for part in _PARTS),
)  # fmt: skip
BASE = 0.2  # of the way from the wrist to the knuckle: where a metacarpal begins
_ROW = {joint: row for row, joint in enumerate(JOINTS)}
_OURS = {"metacarpal": "cmc", "proximal": "mcp", "distal": "ip", "tip": "tip"}
_OUR_FINGER = {"proximal": "mcp", "intermediate": "pip", "distal": "dip", "tip": "tip"}
# Rows of theirs that are ours, and the first and second end of each joint's bone (the last bone for a tip)
_COPIED = [_ROW[f"thumb_{part}"] for part in _OURS] + [_ROW[f"{f}_{part}"] for f in FINGERS for part in _OUR_FINGER]
_FROM = [J[f"thumb_{part}"] for part in _OURS.values()] + [J[f"{f}_{p}"] for f in FINGERS for p in _OUR_FINGER.values()]
_STARTS = [
    _ROW["wrist"],
    *range(2, 5),
    4,
    *(row for f in range(4) for row in (*range(6 + 5 * f, 10 + 5 * f), 9 + 5 * f)),
]
_ENDS = [
    _ROW["middle_proximal"],
    *range(3, 6),
    5,
    *(r for f in range(4) for r in (*range(7 + 5 * f, 11 + 5 * f), 10 + 5 * f)),
]
THUMB = slice(2, 6)


def openxr_hand(xyz_m: np.ndarray, palm: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, 26, 3), quaternions (N, 26, 4) of hands (N, 21, 3) with palm axes (N, 3, 3); `left` bool (N,)."""
    wrist = xyz_m[:, J["wrist"]]
    places = np.empty((len(xyz_m), len(JOINTS), 3))
    places[:, _ROW["wrist"]] = wrist
    places[:, _COPIED] = xyz_m[:, _FROM]
    for finger in FINGERS:
        places[:, _ROW[f"{finger}_metacarpal"]] = wrist + BASE * (xyz_m[:, J[f"{finger}_mcp"]] - wrist)
    places[:, _ROW["palm"]] = (places[:, _ROW["middle_metacarpal"]] + places[:, _ROW["middle_proximal"]]) / 2
    along = np.empty_like(places)
    along[:, 1:] = unit(places[:, _ENDS] - places[:, _STARTS])
    along[:, :2] = palm[:, None, :, 0]
    back = np.repeat(-palm[:, None, :, 2], len(JOINTS), 1)
    across = np.repeat(palm[:, None, :, 1], len(JOINTS), 1)
    # fingers bend about an axis across the palm, so their backs are square to it also when they are closed
    back[:, 6:] = cross(across[:, 6:], along[:, 6:])
    back[:, THUMB] = _thumb_back(along[:, THUMB], across[:, THUMB], np.where(left, -1.0, 1.0)[:, None, None])
    y = unit(back - along * dot(along, back))
    return places, quat_of(np.stack((cross(along, y), y, -along), -1))


def _thumb_back(along: np.ndarray, across: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Opposite to where the thumb bends, which is across the palm, turned about its bone (geometry/hand.py)."""
    little = unit(side * (across - along * dot(along, across)))
    up = side * cross(along, little)
    return -(np.cos(THUMB_PLANE_RAD) * little + np.sin(THUMB_PLANE_RAD) * up)

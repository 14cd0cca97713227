"""COCO-WholeBody, 133 joints: coco17, 6 foot points, 68 face points (iBUG order), left hand, right hand.

A hand's joints are `left_hand_` / `right_hand_` + the name in hand21. The 68 face points carry their iBUG number and
no side, so that a mirror leaves them where they are: no model here reads them.
"""

from pose3d_ros.core.formats.coco17 import SKELETON as BODY
from pose3d_ros.core.formats.hand21 import SKELETON as HAND
from pose3d_ros.core.skeleton import Skeleton

_FEET = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))
_FACE = tuple(f"face_{i:02d}" for i in range(68))
_HANDS = ("left_hand_", "right_hand_")

# Runs of iBUG numbers, last one included: jaw, brows, nose bridge, nostrils
_OPEN_LINES = ((0, 16), (17, 21), (22, 26), (27, 30), (31, 35))
# Eyes, outer and inner lips
_CLOSED_LINES = ((36, 41), (42, 47), (48, 59), (60, 67))

_FACE_BONES = (
    *((_FACE[i], _FACE[i + 1]) for first, last in (*_OPEN_LINES, *_CLOSED_LINES) for i in range(first, last)),
    *((_FACE[last], _FACE[first]) for first, last in _CLOSED_LINES),
)

SKELETON = Skeleton(
    name="coco_wholebody133",
    joints=(*BODY.joints, *_FEET, *_FACE, *(hand + joint for hand in _HANDS for joint in HAND.joints)),
    parents={
        **BODY.parents,
        **{foot: foot.split("_")[0] + "_ankle" for foot in _FEET},
        **{hand + child: hand + parent for hand in _HANDS for child, parent in HAND.parents.items()},
        "left_hand_wrist": "left_wrist",
        "right_hand_wrist": "right_wrist",
    },
    extra_bones=(
        *BODY.extra_bones,
        *((hand + a, hand + b) for hand in _HANDS for a, b in HAND.extra_bones),
        *_FACE_BONES,
    ),
)

"""Halpe, 26 joints: coco17, then head top, neck, pelvis and the feet (AlphaPose, RTMPose body models)."""

from pose3d_ros.core.formats.coco17 import SKELETON as COCO17
from pose3d_ros.core.skeleton import Skeleton

# fmt: off
SKELETON = Skeleton(
    name="halpe26",
    joints=(
        *COCO17.joints, "head_top", "neck", "pelvis", "left_big_toe", "right_big_toe", "left_small_toe",
        "right_small_toe", "left_heel", "right_heel",
    ),
    parents={
        **COCO17.parents, "neck": "pelvis", "nose": "neck", "head_top": "neck", "left_shoulder": "neck",
        "right_shoulder": "neck", "left_hip": "pelvis", "right_hip": "pelvis", "left_big_toe": "left_ankle",
        "left_small_toe": "left_ankle", "left_heel": "left_ankle", "right_big_toe": "right_ankle",
        "right_small_toe": "right_ankle", "right_heel": "right_ankle",
    },
)
# fmt: on

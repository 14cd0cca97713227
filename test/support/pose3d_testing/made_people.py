"""People made by forward kinematics from known rotations of their segments."""

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.formats.body24 import REST_M
from pose3d_ros.geometry.articulation import SEGMENTS

SKELETON = formats.get("h36m17")
ROW = {segment: row for row, segment in enumerate(SEGMENTS)}
CHAIN = {
    "hip": ("pelvis", ""), "knee": ("thigh", "hip"), "ankle": ("shank", "knee"), "toe": ("foot", "ankle"),
    "elbow": ("arm", "shoulder"), "wrist": ("forearm", "elbow"),
}  # fmt: skip


def joints_of(axes: np.ndarray) -> dict[str, np.ndarray]:
    """Joint -> (3,) of a person whose segments are turned by `axes` (15, 3, 3); the trunk does not bend."""
    trunk = axes[ROW["chest"]]
    at = {"pelvis": np.zeros(3), "spine": trunk @ (0, 0, 0.245), "thorax": trunk @ (0, 0, 0.49)}
    head = axes[ROW["head"]]
    at["nose"] = at["thorax"] + head @ (0.07, 0, 0.15)
    at["head_top"] = at["nose"] + head @ (0.01, 0, 0.14)
    for side in ("left", "right"):
        at[f"{side}_shoulder"] = at["thorax"] + trunk @ (
            0,
            REST_M[f"{side}_shoulder"][1] + REST_M[f"{side}_collar"][1],
            0,
        )
        for joint, (segment, parent) in CHAIN.items():
            turn = axes[ROW[segment if segment == "pelvis" else f"{side}_{segment}"]]
            rest = REST_M[f"{side}_foot" if joint == "toe" else f"{side}_{joint}"]
            at[f"{side}_{joint}"] = at[f"{side}_{parent}" if parent else "pelvis"] + turn @ rest
    return at


def xyz_of(axes: np.ndarray) -> np.ndarray:
    """float64 (17, 3)."""
    at = joints_of(axes)
    return np.array([at[joint] for joint in SKELETON.joints])

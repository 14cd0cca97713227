"""The body as humanoids and headsets take it, 24 joints with a rotation each: OpenXR `XR_BD_body_tracking` = SMPL-24.

Joint, what it is and how its axes lie at rest: docs/body24.md.
"""

from pose3d_ros.core.skeleton import Skeleton

SKELETON = Skeleton(
    name="body24",
    joints=(
        "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
        "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
        "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
    ),
    parents={
        "left_hip": "pelvis", "right_hip": "pelvis", "spine1": "pelvis",
        "left_knee": "left_hip", "right_knee": "right_hip", "spine2": "spine1",
        "left_ankle": "left_knee", "right_ankle": "right_knee", "spine3": "spine2",
        "left_foot": "left_ankle", "right_foot": "right_ankle", "neck": "spine3",
        "left_collar": "spine3", "right_collar": "spine3", "head": "neck",
        "left_shoulder": "left_collar", "right_shoulder": "right_collar",
        "left_elbow": "left_shoulder", "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow", "right_wrist": "right_elbow",
        "left_hand": "left_wrist", "right_hand": "right_wrist",
    },
)  # fmt: skip

# Metres from the parent at rest, of a person of 1.75 m: x ahead, y left, z up; arms spread, palms down, soles level.
# Lengths: Winter, Biomechanics and Motor Control of Human Movement, table of segment lengths; toes, neck, head: medians
# of people who stand upright in the training motion.
_LEFT_M = {
    "hip": (0.0, 0.088, 0.0), "knee": (0.0, 0.0, -0.43), "ankle": (0.0, 0.0, -0.43), "foot": (0.131, 0.0, -0.028),
    "collar": (0.0, 0.063, 0.186), "shoulder": (0.0, 0.117, 0.0), "elbow": (0.0, 0.30, 0.0), "wrist": (0.0, 0.255, 0.0),
    "hand": (0.0, 0.09, 0.0),
}  # fmt: skip
REST_M = {
    "pelvis": (0.0, 0.0, 0.0), "spine1": (0.0, 0.0, 0.122), "spine2": (0.0, 0.0, 0.123), "spine3": (0.0, 0.0, 0.059),
    "neck": (0.008, 0.0, 0.238), "head": (0.012, 0.0, 0.078),
    **{f"left_{joint}": offset for joint, offset in _LEFT_M.items()},
    **{f"right_{joint}": (x, -y, z) for joint, (x, y, z) in _LEFT_M.items()},
}  # fmt: skip

"""Human3.6M, 17 joints: what the body lifters take in and give out."""

from pose3d_ros.core.skeleton import Skeleton

SKELETON = Skeleton(
    name="h36m17",
    joints=(
        "pelvis",
        "right_hip", "right_knee", "right_ankle",
        "left_hip", "left_knee", "left_ankle",
        "spine", "thorax", "nose", "head_top",
        "left_shoulder", "left_elbow", "left_wrist",
        "right_shoulder", "right_elbow", "right_wrist",
    ),
    parents={
        "right_hip": "pelvis", "right_knee": "right_hip", "right_ankle": "right_knee",
        "left_hip": "pelvis", "left_knee": "left_hip", "left_ankle": "left_knee",
        "spine": "pelvis", "thorax": "spine", "nose": "thorax", "head_top": "nose",
        "left_shoulder": "thorax", "left_elbow": "left_shoulder", "left_wrist": "left_elbow",
        "right_shoulder": "thorax", "right_elbow": "right_shoulder", "right_wrist": "right_elbow",
    },
)  # fmt: skip

"""COCO, 17 joints: what most body detectors give out (left before right in every pair).

COCO has no pelvis and no neck, so the limbs hang on shoulders that are roots of their own.
"""

from pose3d_ros.core.skeleton import Skeleton

# fmt: off
SKELETON = Skeleton(
    name="coco17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
    parents={
        "left_eye": "nose", "left_ear": "left_eye", "right_eye": "nose", "right_ear": "right_eye",
        "left_elbow": "left_shoulder", "left_wrist": "left_elbow", "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow", "left_hip": "left_shoulder", "left_knee": "left_hip", "left_ankle": "left_knee",
        "right_hip": "right_shoulder", "right_knee": "right_hip", "right_ankle": "right_knee",
    },
    extra_bones=(
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        ("left_ear", "left_shoulder"),
        ("right_ear", "right_shoulder"),
    ),
)
# fmt: on

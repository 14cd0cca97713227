"""OpenPose BODY_25. Right before left in body and face, left before right in the feet; `pelvis` is its MidHip."""

from pose3d_ros.core.skeleton import Skeleton

# fmt: off
SKELETON = Skeleton(
    name="body25",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye",
        "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe",
        "right_small_toe", "right_heel",
    ),
    parents={
        "neck": "pelvis", "nose": "neck", "right_eye": "nose", "right_ear": "right_eye", "left_eye": "nose",
        "left_ear": "left_eye", "right_shoulder": "neck", "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow", "left_shoulder": "neck", "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow", "right_hip": "pelvis", "right_knee": "right_hip", "right_ankle": "right_knee",
        "left_hip": "pelvis", "left_knee": "left_hip", "left_ankle": "left_knee", "left_big_toe": "left_ankle",
        "left_small_toe": "left_big_toe", "left_heel": "left_ankle", "right_big_toe": "right_ankle",
        "right_small_toe": "right_big_toe", "right_heel": "right_ankle",
    },
)
# fmt: on

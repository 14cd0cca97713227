"""MediaPipe Pose (BlazePose), 33 landmarks. Left and right are the person's own.

The three points on each hand are knuckles of the little finger, the index finger and the thumb; they are too few for
a hand model. `foot_index` is the tip of the foot.
"""

from pose3d_ros.core.skeleton import Skeleton

# fmt: off
SKELETON = Skeleton(
    name="mediapipe33",
    joints=(
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "left_mouth", "right_mouth", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hand_little", "right_hand_little", "left_hand_index",
        "right_hand_index", "left_hand_thumb", "right_hand_thumb", "left_hip", "right_hip", "left_knee", "right_knee",
        "left_ankle", "right_ankle", "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
    parents={
        "left_eye_inner": "nose", "left_eye": "left_eye_inner", "left_eye_outer": "left_eye",
        "left_ear": "left_eye_outer", "right_eye_inner": "nose", "right_eye": "right_eye_inner",
        "right_eye_outer": "right_eye", "right_ear": "right_eye_outer", "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow", "right_elbow": "right_shoulder", "right_wrist": "right_elbow",
        "left_hand_little": "left_wrist", "left_hand_index": "left_wrist", "left_hand_thumb": "left_wrist",
        "right_hand_little": "right_wrist", "right_hand_index": "right_wrist", "right_hand_thumb": "right_wrist",
        "left_hip": "left_shoulder", "left_knee": "left_hip", "left_ankle": "left_knee",
        "right_hip": "right_shoulder", "right_knee": "right_hip", "right_ankle": "right_knee",
        "left_heel": "left_ankle", "left_foot_index": "left_heel", "right_heel": "right_ankle",
        "right_foot_index": "right_heel",
    },
    extra_bones=(
        ("left_mouth", "right_mouth"),
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        ("left_hand_little", "left_hand_index"),
        ("right_hand_little", "right_hand_index"),
    ),
)
# fmt: on

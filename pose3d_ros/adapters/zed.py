"""zed_msgs: body tracking of a ZED camera, 2D and 3D, body formats 18, 34 and 38.

The message holds no confidence of single joints, so a 2D keypoint gets that of its person. Joints that the camera does
not see are negative in 2D and NaN in 3D. Spine joints other than the pelvis and the neck are defined differently from
ours and are not taken.
"""

from pose3d_ros.adapters.base import Adapter, Context
from pose3d_ros.adapters.joints import person_of
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.messages import Message

FORMAT = "body25"
NOT_OURS = "-"
# fmt: off
BODY_18 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
)
BODY_34 = (
    "pelvis", NOT_OURS, NOT_OURS, "neck", NOT_OURS, "left_shoulder", "left_elbow", "left_wrist", NOT_OURS, NOT_OURS,
    NOT_OURS, NOT_OURS, "right_shoulder", "right_elbow", "right_wrist", NOT_OURS, NOT_OURS, NOT_OURS, "left_hip",
    "left_knee", "left_ankle", NOT_OURS, "right_hip", "right_knee", "right_ankle", NOT_OURS, NOT_OURS, "nose",
    "left_eye", "left_ear", "right_eye", "right_ear", "left_heel", "right_heel",
)
PAIRS_38 = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "big_toe", "small_toe", "heel")
BODY_38 = (
    "pelvis", NOT_OURS, NOT_OURS, NOT_OURS, "neck", "nose", "left_eye", "right_eye", "left_ear", "right_ear", NOT_OURS,
    NOT_OURS, *(f"{side}_{part}" for part in PAIRS_38 for side in ("left", "right")),
    *[NOT_OURS] * 8,  # fingers
)
# fmt: on
BODIES = {0: BODY_18, 1: BODY_34, 2: BODY_38}  # Object.body_format


def keypoints(msg: Message, context: Context) -> Keypoints2D:
    """ObjectsStamped, pixels of the left image."""
    people = []
    for body, names in _bodies(msg, context):
        score = min(max(body.confidence / 100, 0.0), 1.0)
        points = [point.kp for point in body.skeleton_2d.keypoints[: len(names)]]
        joints = {
            name: (float(kp[0]), float(kp[1]), score)
            for name, kp in zip(names, points, strict=True)
            if kp[0] >= 0 and kp[1] >= 0
        }
        people.append(context.person(joints, FORMAT, _id(body)))
    return Keypoints2D(context.stamp_ns, tuple(people), msg.header.frame_id)


def skeletons(msg: Message, context: Context) -> Skeletons3D:
    """ObjectsStamped, in the frame of its header (the left camera, x forward: TF turns it)."""
    people = []
    for number, (body, names) in enumerate(_bodies(msg, context), start=1):
        points = [point.kp for point in body.skeleton_3d.keypoints[: len(names)]]
        joints = dict(zip(names, points, strict=True))
        person = person_of(joints, context.joints.skeleton, _id(body), body.label_id if _id(body) else number)
        people += [person] if person else []
    return Skeletons3D(context.stamp_ns, msg.header.frame_id, tuple(people))


def _bodies(msg: Message, context: Context) -> list[tuple[Message, tuple[str, ...]]]:
    """Objects with a skeleton of a known format, and the names of its joints."""
    found = []
    for body in msg.objects:
        if not body.skeleton_available:
            continue
        if body.body_format in BODIES:
            found.append((body, BODIES[body.body_format]))
        else:
            context.skipped[f"{context.topic}: unknown body_format {body.body_format}"] += 1
    return found


def _id(body: Message) -> str:
    return str(body.label_id) if body.tracking_available and body.label_id >= 0 else ""


ADAPTERS = (Adapter("zed_msgs/msg/ObjectsStamped", keypoints=keypoints, skeletons=skeletons),)

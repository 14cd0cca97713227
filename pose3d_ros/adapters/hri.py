"""hri_msgs (ROS4HRI): one topic a person, /humans/bodies/ID/skeleton2d, coordinates normalised to the image.

The constants of Skeleton2D.msg put the left eye and ear before the right ones, unlike the OpenPose order that its
comment cites. The constants count.
"""

from pose3d_ros.adapters.base import Adapter, Context
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.messages import Message

# fmt: off
JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "left_eye", "right_eye",
    "left_ear", "right_ear",
)
# fmt: on
FORMAT = "body25"  # has all of these


def keypoints(msg: Message, context: Context) -> Keypoints2D:
    """Skeleton2D. Raises InputError where the size of the image is not known (camera_info), or joints are missing."""
    camera = context.camera
    if camera is None or not camera.width or not camera.height:
        raise InputError("normalised keypoints need the image's size: no camera_info had arrived")
    if len(msg.skeleton) != len(JOINTS):
        raise InputError(f"expected {len(JOINTS)} points, got {len(msg.skeleton)}")
    joints = {
        name: (point.x * camera.width - 0.5, point.y * camera.height - 0.5, point.c)
        for name, point in zip(JOINTS, msg.skeleton, strict=True)
    }
    parts = context.topic.split("/")
    person = context.person(joints, FORMAT, parts[-2] if len(parts) > 2 else "")
    return Keypoints2D(context.stamp_ns, (person,), msg.header.frame_id, camera.width, camera.height)


ADAPTERS = (Adapter("hri_msgs/msg/Skeleton2D", keypoints=keypoints, per_person=True),)

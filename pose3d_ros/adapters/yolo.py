"""yolo_msgs: keypoints of a YOLO pose model, COCO order, numbered from 1; weak ones are left out by the sender."""

from pose3d_ros.adapters.base import Adapter, Context
from pose3d_ros.core import formats
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.messages import Message

FORMAT = "coco17"


def keypoints(msg: Message, context: Context) -> Keypoints2D:
    """DetectionArray. Detections without keypoints (other classes) are no people."""
    names = formats.get(FORMAT).joints
    people = []
    for detection in msg.detections:
        points = detection.keypoints.data
        if any(not 1 <= point.id <= len(names) for point in points):
            context.skipped[f"{context.topic}: keypoints of another format than {FORMAT}"] += 1
        elif points:
            joints = {names[p.id - 1]: (p.point.x, p.point.y, p.score) for p in points}
            people.append(context.person(joints, FORMAT, detection.id))
    return Keypoints2D(context.stamp_ns, tuple(people), msg.header.frame_id)


ADAPTERS = (Adapter("yolo_msgs/msg/DetectionArray", keypoints=keypoints),)

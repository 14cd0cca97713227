"""Points without names: visualization_msgs/MarkerArray and geometry_msgs/PoseArray. A joint map says what they are."""

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.adapters.base import Adapter, Context
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.messages import Message

ADDED, LISTS = (0,), (4, 5, 6, 7, 8)  # actions that show a marker; LINE_STRIP to POINTS: markers made of points


def markers(msg: Message, context: Context) -> Skeletons3D:
    """MarkerArray. A marker that is a list of points is a person, and its points are named by their number; all other
    markers are one point each, named NAMESPACE/ID. The map's `namespace` limits both."""
    shown = [m for m in msg.markers if m.action in ADDED and context.joints.namespace in ("", m.ns)]
    if len({m.header.frame_id for m in shown}) > 1:
        raise InputError("markers of one message in several frames")
    people = []
    for number, marker in enumerate((m for m in shown if m.type in LISTS), start=1):
        points = {str(i): point for i, point in enumerate(_placed(marker))}
        name = context.joints.people[0]
        people.append(context.joints.person(points, name, max(marker.id, 0) or number, f"{marker.id}"))
    points = {f"{m.ns}/{m.id}": xyz(m.pose.position) for m in shown if m.type not in LISTS}
    for number, name in enumerate(context.joints.people, start=1):
        people.append(context.joints.person(points, name, number) if points else None)
    frame_id = shown[0].header.frame_id if shown else ""
    return Skeletons3D(context.stamp_ns, frame_id, tuple(person for person in people if person))


def poses(msg: Message, context: Context) -> Skeletons3D:
    """PoseArray: points are named by their number; `points_per_person` of the map splits it."""
    joints = context.joints
    step = joints.points_per_person or max(len(msg.poses), 1)
    people = []
    for number, start in enumerate(range(0, len(msg.poses), step)):
        points = {str(i): xyz(pose.position) for i, pose in enumerate(msg.poses[start : start + step])}
        name = joints.people[number] if number < len(joints.people) else ""
        people.append(joints.person(points, name, number + 1, name or str(number)))
    return Skeletons3D(context.stamp_ns, msg.header.frame_id, tuple(person for person in people if person))


def xyz(point: Message) -> np.ndarray:
    """Of a point or a vector, float64 (3,)."""
    return np.array([point.x, point.y, point.z])


def _placed(marker: Message) -> np.ndarray:
    """Points (N, 3) of a list, by the marker's own pose."""
    turn = marker.pose.orientation
    quat = np.array([turn.x, turn.y, turn.z, turn.w])
    points = np.array([xyz(point) for point in marker.points]).reshape(-1, 3)
    turned = Rotation.from_quat(quat).apply(points) if np.any(quat) and len(points) else points
    return turned + xyz(marker.pose.position)


ADAPTERS = (
    Adapter("visualization_msgs/msg/MarkerArray", skeletons=markers, needs_map=True),
    Adapter("geometry_msgs/msg/PoseArray", skeletons=poses, needs_map=True),
)

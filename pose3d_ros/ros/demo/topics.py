"""What is played and recorded: names, message classes and QoS."""

from collections.abc import Iterable
from importlib import import_module

from rclpy.qos import QoSProfile

from pose3d_ros.ros import qos

INPUTS = {
    "image/compressed": "sensor_msgs/msg/CompressedImage",
    "camera_info": "sensor_msgs/msg/CameraInfo",
    "keypoints": "pose3d_ros/msg/Skeleton2DArray",
}
OUTPUTS = {
    "skeletons": "pose3d_ros/msg/Skeleton3DArray",
    "hands": "pose3d_ros/msg/Hand3DArray",
    "markers": "visualization_msgs/msg/MarkerArray",
    "timings": "pose3d_ros/msg/StageTimings",
    "skeleton_definition": "pose3d_ros/msg/SkeletonDefinition",
}
DIAGNOSTICS = {"/diagnostics": "diagnostic_msgs/msg/DiagnosticArray"}
STATUSES = ("lifter: status", "pose_vit: status")  # ends of their names, which begin with the namespace
ROBOT = {"joint_command": "sensor_msgs/msg/JointState", "status": "std_msgs/msg/String"}
DEPTH = 100  # for a recorder that waits for the disk


def of_robots(names: Iterable[str]) -> dict[str, str]:
    """What retarget_node says to robots and of them."""
    return {f"{name}/{topic}": kind for name in names for topic, kind in ROBOT.items()}


def message_class(kind: str) -> type:
    """Class of "package/msg/Name"."""
    package, _, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)


def profile(topic: str) -> QoSProfile:
    """Nothing is lost; the latched topic also reaches those who come late."""
    return qos.latched(DEPTH) if topic.endswith("skeleton_definition") else qos.reliable(DEPTH)

"""A person before a camera as a LeRobot teleoperator."""

from lerobot_teleoperator_pose3d.teleoperator import Pose3D, Pose3DConfig

__all__ = ["Pose3D", "Pose3DConfig"]

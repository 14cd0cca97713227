"""`named_poses`: the followed person's 24 joints as IsaacTeleop publishes bodies: name, pose, is_valid.

Where its package teleop_ros2_interfaces is not installed, the same poses go out as a PoseArray in the order of body24;
a joint that is not valid then has the quaternion 0, 0, 0, 0. Axes at rest are those of OpenXR: x left, y up, z ahead.
"""

import numpy as np
from geometry_msgs.msg import Pose, PoseArray

from pose3d_ros.core.types import Person3D
from pose3d_ros.geometry.body24 import BODY24, SMPL_AT_REST
from pose3d_ros.geometry.rotations import product
from pose3d_ros.ros import conversions
from pose3d_ros.ros.outputs.base import Moment, Output, register

try:
    from teleop_ros2_interfaces.msg import NamedPoseArray
except ImportError:
    NamedPoseArray = None

NAMES = [joint.upper() for joint in BODY24.joints]


def poses_of(person: Person3D) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """Positions (24, 3), quaternions (24, 4), and which joints are valid; what is not is zero."""
    quat = product(person.quat_xyzw, SMPL_AT_REST)
    valid = np.isfinite(person.xyz_m).all(1) & np.isfinite(quat).all(1)
    return np.where(valid[:, None], person.xyz_m, 0.0), np.where(valid[:, None], quat, 0.0), valid.tolist()


@register
class NamedPoses(Output):
    """Nothing is sent while nobody is followed, or what is known is stale."""

    NAME = "named_poses"

    def open(self) -> None:
        self._poses = [Pose() for _ in NAMES]
        self._send = self.advertise(NamedPoseArray or PoseArray, "followed/body24")

    def publish(self, moment: Moment) -> None:
        person = moment.followed24
        if person is None or moment.result.stale:
            return
        *places, valid = poses_of(person)
        poses = conversions.refill(self._poses, *places)
        if NamedPoseArray:
            self._send(NamedPoseArray(header=moment.header, name=NAMES, pose=poses, is_valid=valid))
        else:
            self._send(PoseArray(header=moment.header, poses=poses))

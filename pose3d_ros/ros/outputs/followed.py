"""`followed`: the pose of the followed person's pelvis, x ahead, z to the head; for Nav2's Following Server."""

import numpy as np
from geometry_msgs.msg import PoseStamped

from pose3d_ros.ros import conversions
from pose3d_ros.ros.outputs.base import Moment, Output, register


@register
class FollowedPose(Output):
    """Nothing is sent while nobody is followed, or what is known is stale: a follower then times out."""

    NAME = "followed"

    def open(self) -> None:
        self._send = self.advertise(PoseStamped, "followed/pose")

    def publish(self, moment: Moment) -> None:
        person = moment.followed24
        if person is None or moment.result.stale:
            return
        at, turned = person.xyz_m[0], person.quat_xyzw[0]
        if np.isfinite(at).all() and np.isfinite(turned).all():
            self._send(PoseStamped(header=moment.header, pose=conversions.pose(at, turned)))

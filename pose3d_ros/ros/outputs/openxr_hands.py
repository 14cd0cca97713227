"""`openxr_hands`: hands of the followed person as the 26 joints of OpenXR, one PoseArray a side."""

import numpy as np
from geometry_msgs.msg import Pose, PoseArray

from pose3d_ros.geometry.openxr_hand import JOINTS, openxr_hand
from pose3d_ros.geometry.rotations import matrix_of
from pose3d_ros.ros import conversions
from pose3d_ros.ros.outputs.base import Moment, Output, register

SIDES = ("left", "right")


@register
class OpenXrHands(Output):
    """In the order of `geometry.openxr_hand.JOINTS`. A hand that is lost or stale is not sent; never zeros."""

    NAME = "openxr_hands"

    def open(self) -> None:
        self._message = PoseArray(poses=[Pose() for _ in JOINTS])
        self._send = {side: self.advertise(PoseArray, f"hands/{side}/openxr") for side in SIDES}

    def publish(self, moment: Moment) -> None:
        hands = [hand for hand in moment.hands if np.isfinite(hand.xyz_m).all() and not moment.result.stale]
        if not hands:
            return
        palms = matrix_of(np.array([hand.quat_xyzw for hand in hands], np.float64))
        left = np.array([hand.side == "left" for hand in hands])
        places, turns = openxr_hand(np.array([hand.xyz_m for hand in hands], np.float64), palms, left)
        for hand, at, turned in zip(hands, places, turns, strict=True):
            self._message.header = moment.header
            conversions.refill(self._message.poses, at, turned)
            self._send[hand.side](self._message)

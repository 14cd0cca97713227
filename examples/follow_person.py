#!/usr/bin/env python3
"""Where a follower would drive: `followed/pose` turned into a speed and a turn, as the simplest follower would.

    python examples/follow_person.py --ros-args -r __ns:=/demo -p distance_m:=1.2

Nothing is published unless `drive` is true; then cmd_vel. The camera is taken to look ahead, level.
"""

import contextlib
import math

import rclpy
from geometry_msgs.msg import PoseStamped, Twist
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

TIMEOUT_S, TICK_S, EVERY_S = 0.3, 0.05, 1.0
FASTEST_M_S, FASTEST_RAD_S = 0.6, 0.8


class Follower(Node):
    """Keeps its distance and its eyes on the person; stands while nobody is followed."""

    def __init__(self) -> None:
        super().__init__("follow_person")
        self.distance_m = self.declare_parameter("distance_m", 1.2).value
        self.drives = self.declare_parameter("drive", False).value
        self.pose, self.heard, self.told = None, None, 0.0
        self.create_subscription(PoseStamped, "followed/pose", self.on_pose, 1)
        self.command = self.create_publisher(Twist, "cmd_vel", 1)
        self.create_timer(TICK_S, self.on_tick)

    def on_pose(self, pose: PoseStamped) -> None:
        """The newest one counts."""
        self.pose, self.heard = pose, self.get_clock().now()

    def on_tick(self) -> None:
        """One command; silence of the source is a stop."""
        now, twist = self.get_clock().now(), Twist()
        fresh = self.heard is not None and (now - self.heard).nanoseconds < TIMEOUT_S * 1e9
        words = "stands: nobody is followed"
        if fresh:
            at, q = self.pose.pose.position, self.pose.pose.orientation
            ahead, left = at.z, -at.x  # of the camera's optical axes
            toward = 2 * (q.x * q.z - q.w * q.y)  # z of where the person's front points: -1 = to the camera
            twist.linear.x = max(-FASTEST_M_S, min(FASTEST_M_S, ahead - self.distance_m))
            twist.angular.z = max(-FASTEST_RAD_S, min(FASTEST_RAD_S, math.atan2(left, ahead)))
            looks = "at the camera" if toward < -0.5 else "away" if toward > 0.5 else "aside"
            words = f"{ahead:.2f} m ahead, {left:+.2f} m left, looks {looks}"
        if self.drives:
            self.command.publish(twist)
        if now.nanoseconds / 1e9 - self.told > EVERY_S:
            self.told = now.nanoseconds / 1e9
            print(f"v {twist.linear.x:+.2f} m/s  w {twist.angular.z:+.2f} rad/s  {words}", flush=True)


def main() -> None:
    """Until Ctrl-C."""
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(Follower())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a stop zone sees: points of `cloud` in a box ahead of the robot, as Nav2's Collision Monitor counts them.

    python examples/stop_zone.py --ros-args -r __ns:=/demo -p camera_height_m:=1.2

**Not a safety function.** The camera is taken to look ahead, level; with TF let Nav2 do this
(docs/recipes/stop_zone.md).
"""

import contextlib

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import PointCloud2

# from the camera's optical axes to x ahead, y left, z up
TO_BASE = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])
TIMEOUT_S, TICK_S = 0.3, 0.05


class StopZone(Node):
    """Says `stop` while enough points are in the box, `go` while not, and `unknown` while no cloud comes."""

    def __init__(self) -> None:
        super().__init__("stop_zone")
        self.ahead_m = self.declare_parameter("ahead_m", 1.5).value
        self.half_width_m = self.declare_parameter("half_width_m", 0.8).value
        self.min_points = self.declare_parameter("min_points", 4).value
        self.height_m = self.declare_parameter("camera_height_m", 1.2).value
        self.heard, self.said = None, ""
        profile = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.create_subscription(PointCloud2, "cloud", self.on_cloud, profile)
        self.create_timer(TICK_S, self.on_tick)

    def on_cloud(self, cloud: PointCloud2) -> None:
        """Counts points in the box."""
        self.heard = self.get_clock().now()
        fields = np.frombuffer(cloud.data, np.float32).reshape(-1, len(cloud.fields))
        points = fields[:, :3] @ TO_BASE.T + (0, 0, self.height_m)
        inside = (points[:, 0] < self.ahead_m) & (abs(points[:, 1]) < self.half_width_m) & (points[:, 2] > 0.05)
        count = int(inside.sum())
        nearest = f"nearest {points[:, 0].min():.2f} m ahead" if len(points) else "nobody"
        self.say("stop" if count >= self.min_points else "go", f"{count} points inside, {nearest}")

    def on_tick(self) -> None:
        """A cloud that stays away is no free way."""
        if self.heard is None or (self.get_clock().now() - self.heard).nanoseconds > TIMEOUT_S * 1e9:
            self.say("unknown", "no cloud")

    def say(self, state: str, why: str) -> None:
        """Prints what is news."""
        if state != self.said:
            self.said = state
            print(f"{state}: {why}", flush=True)


def main() -> None:
    """Until Ctrl-C."""
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(StopZone())


if __name__ == "__main__":
    main()

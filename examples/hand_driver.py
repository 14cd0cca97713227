"""Where the driver of a robot hand goes: joint targets of retarget_node in, your hand's SDK out.

    python examples/hand_driver.py [leap_right] [--ros-args -r __ns:=/demo]

Prints instead of moving. Nothing comes while the hand holds still: keep the last target then.
"""

import contextlib
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String


class HandDriver(Node):
    """One robot hand."""

    def __init__(self, robot: str) -> None:
        super().__init__("hand_driver")
        self.create_subscription(JointState, f"{robot}/joint_command", self._move, 1)
        latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(String, f"{robot}/status", self._status, latched)

    def _move(self, command: JointState) -> None:
        targets = dict(zip(command.name, command.position, strict=True))  # rad, by the URDF's names
        print("move", " ".join(f"{name}={at:.2f}" for name, at in targets.items()), flush=True)
        # your_sdk.set_positions([targets[name] for name in YOUR_ORDER])

    def _status(self, status: String) -> None:
        print(f"holds still: {status.data}" if status.data else "moves", flush=True)


def main() -> None:
    """Until Ctrl-C."""
    rclpy.init()
    robot = next((word for word in sys.argv[1:2] if not word.startswith("-")), "leap_right")
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(HandDriver(robot))


if __name__ == "__main__":
    main()

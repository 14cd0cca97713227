"""What a robot hears from the retarget node, and what it tells."""

from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, QuaternionStamped, TwistStamped, Vector3
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from pose3d_ros.control.arms import ArmDriver, ToolCommand
from pose3d_ros.control.driver import Driver, JointCommand
from pose3d_ros.ros import conversions, qos
from pose3d_ros.ros.lifecycle import ManagedNode

DEPTH = 1  # an old command is worth nothing


class RobotTopics:
    """Publishers and the subscription of one robot, under its name. `told`: the robot said where it is."""

    def __init__(self, node: ManagedNode, name: str, driver: Driver, mismatch: Callable[[str], None]) -> None:
        self._node, self._driver, self._name, self._mismatch = node, driver, name, mismatch
        self._arm = isinstance(driver, ArmDriver)
        self.told = False
        self._status: str | None = None
        self._publishers: list[Any] = []
        self._state = None
        kinds = {"pose": PoseStamped, "twist": TwistStamped} if self._arm else {
            "joint_command": JointState, "joint_trajectory": JointTrajectory,
        }  # fmt: skip
        if not self._arm and driver.floats:
            kinds["base_orientation"] = QuaternionStamped
        self._out = {topic: self._create(kind, topic, qos.reliable(DEPTH)) for topic, kind in kinds.items()}
        self._status_out = self._create(String, "status", qos.latched(1))

    def listen(self, call: Callable[[Callable[[], None]], None]) -> None:
        """To where the robot is; what changes the driver goes through `call`."""
        self.told, self._status = False, None
        kind, topic = (PoseStamped, "tool_pose") if self._arm else (JointState, "joint_states")

        def heard(msg: Any) -> None:
            call(lambda: self._heard(msg))

        self._state = qos.subscribe(self._node, kind, f"{self._name}/{topic}", heard, qos.LATEST, self._mismatch)

    def deafen(self) -> None:
        if self._state:
            self._node.destroy_subscription(self._state)
            self._state = None

    def publish(self, command: JointCommand | ToolCommand, trajectory_s: float) -> None:
        """One command."""
        if isinstance(command, ToolCommand):
            header = conversions.header(command.stamp_ns, command.frame)
            self._out["pose"].publish(
                PoseStamped(header=header, pose=conversions.pose(command.xyz_m, command.quat_xyzw))
            )
            self._out["twist"].publish(_twist(command))
            return
        names, position = list(command.names), command.position_rad.tolist()
        header = conversions.header(command.stamp_ns, "")
        velocity = command.velocity_rad_s.tolist()
        self._out["joint_command"].publish(JointState(header=header, name=names, position=position, velocity=velocity))
        if command.base_quat_xyzw is not None:
            turn = conversions.quaternion(command.base_quat_xyzw)
            self._out["base_orientation"].publish(QuaternionStamped(header=header, quaternion=turn))
        if self._out["joint_trajectory"].get_subscription_count():
            # a stamp of 0 means now; without velocities the joints come to rest there if nothing follows
            in_time = Duration(seconds=max(command.dt_s, trajectory_s)).to_msg()
            point = JointTrajectoryPoint(positions=position, time_from_start=in_time)
            self._out["joint_trajectory"].publish(JointTrajectory(joint_names=names, points=[point]))

    def tell(self, reason: str) -> bool:
        """Why it holds still, "" where it moves, when that changes; an arm is halted then. True when it did."""
        if reason == self._status:
            return False
        if reason and not self._status and self._arm:
            self._out["twist"].publish(_twist(self._driver.halt()))
        self._status = reason
        self._status_out.publish(String(data=reason))
        return True

    def close(self) -> None:
        self.deafen()
        while self._publishers:
            self._node.destroy_lifecycle_publisher(self._publishers.pop())

    def _heard(self, msg: Any) -> None:
        self.told = True
        if self._arm:
            at, turn = msg.pose.position, msg.pose.orientation
            self._driver.start(np.array([at.x, at.y, at.z]), np.array([turn.x, turn.y, turn.z, turn.w]))
        else:
            self._driver.start(dict(zip(msg.name, msg.position, strict=False)))

    def _create(self, message: type, topic: str, profile: Any) -> Any:
        publisher = self._node.create_lifecycle_publisher(
            message, f"{self._name}/{topic}", profile, qos_overriding_options=qos.overridable()
        )
        self._publishers.append(publisher)
        return publisher


def _twist(command: ToolCommand) -> TwistStamped:
    message = TwistStamped(header=conversions.header(command.stamp_ns, command.frame))
    message.twist.linear, message.twist.angular = (
        Vector3(x=float(v[0]), y=float(v[1]), z=float(v[2])) for v in (command.linear_m_s, command.angular_rad_s)
    )
    return message

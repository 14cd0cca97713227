"""`separation_node`: skeletons and TF in, smallest distance to the robot and its bound out. NOT A SAFETY FUNCTION."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType, JumpThreshold
from rclpy.duration import Duration

from pose3d_ros.control.robot_shape import RobotShape, load
from pose3d_ros.control.separation_watch import Verdict, Watch, WatchConfig
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError, Pose3DError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.geometry.transform_tree import TransformTree, transform
from pose3d_ros.messages import skeletons_from_msg, stamp_to_ns
from pose3d_ros.msg import Separation, Skeleton3DArray
from pose3d_ros.ros import conversions, lifecycle, qos
from pose3d_ros.ros.diagnostics import Diagnostics
from pose3d_ros.ros.parameters import Parameters
from pose3d_ros.ros.transforms import listen

WARNING = "**NOT A SAFETY FUNCTION**: it may slow a robot down, it must never be what keeps people safe"
TICK_S = 0.01
FROM_TF = (0.0,) * 7


@dataclass(frozen=True)
class SeparationConfig(WatchConfig):
    """Everything that the node can be told."""

    robot: str = param("mobile_base", "the robot's capsules: a name in config/separation, or the path of a YAML file")
    camera_pose: tuple[float, ...] = param(
        FROM_TF, "where the skeletons' frame is in the robot's base frame: x y z in metres and a quaternion x y z w; "
        "all 0 = from TF",
    )  # fmt: skip
    tf_max_age_s: float = param(
        0.2, "transforms that move are stale after that", unit="s", low=0.01, high=10.0, live=True
    )

    def __post_init__(self) -> None:
        validate(self)
        pose = self.camera_pose
        if len(pose) != 7 or not np.isfinite(np.array(pose, float)).all():
            raise ConfigError(f"camera_pose: expected 7 finite numbers, got {pose}")
        if any(pose) and abs(np.linalg.norm(pose[3:]) - 1) > 1e-2:
            raise ConfigError(f"camera_pose: expected a quaternion of length 1 at its end, got {pose[3:]}")


class SeparationNode(lifecycle.ManagedNode):
    """Everything happens in the executor's thread: a distance takes less than a millisecond."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("separation", **kwargs)
        self.tree = TransformTree()
        self._watch: Watch | None = None
        self._publisher = self._timer = self._jump = None
        self._subscribed: list[Any] = []
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._settings = Parameters(self, SeparationConfig(), lambda: self.state, self._reconfigure)
        self._diagnostics = Diagnostics(self, self.health, "skeletons", self._facts)

    @property
    def config(self) -> SeparationConfig:
        return self._settings.config

    def acquire(self) -> None:
        shape = load(self.config.robot)
        if any(self.config.camera_pose):
            alien = sorted(set(shape.frames) - {shape.base})
            if alien and not listen.available:
                raise ConfigError(f"robot: the frames {alien} need TF, and the package tf2_msgs is not installed")
        elif not listen.available:
            raise ConfigError(
                "camera_pose: TF needs the package tf2_msgs, which is not installed: give the pose instead"
            )
        self._watch = Watch(self.config, shape)
        self._publisher = self.create_lifecycle_publisher(
            Separation, "separation", qos.reliable(1), qos_overriding_options=qos.overridable()
        )
        self.get_logger().warning(WARNING)

    def start(self) -> None:
        self.health.restart()
        self._watch.reset()
        self.tree = TransformTree()
        mismatch = lambda text: self._blame("QoS of skeletons", text, lasting=True)  # noqa: E731
        self._subscribed = [
            qos.subscribe(self, Skeleton3DArray, "skeletons", self._on_skeletons, qos.LATEST, mismatch),
            *listen(self, lambda: self.tree, self._steady_s),
        ]
        any_backward = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jump = self.get_clock().create_jump_callback(any_backward, post_callback=lambda _: self._watch.reset())
        self._timer = self.create_timer(TICK_S, self.guarded(self._tick), clock=self._steady)

    def stop(self) -> None:
        while self._subscribed:
            self.destroy_subscription(self._subscribed.pop())
        if self._timer:
            self.destroy_timer(self._timer)
            self._timer = None
        if self._jump:
            self._jump.unregister()
            self._jump = None

    def release(self) -> None:
        if self._publisher:
            self.destroy_lifecycle_publisher(self._publisher)
        self._publisher = self._watch = None

    def _on_skeletons(self, msg: Skeleton3DArray) -> None:
        stamp_ns = stamp_to_ns(msg.header.stamp)
        age_s = (self.get_clock().now().nanoseconds - stamp_ns) / 1e9
        arrived_s = self.health.arrived(1e3 * age_s)
        now_s = self._steady_s()
        try:
            result, camera_m, ends_m = self._in_base(skeletons_from_msg(msg), now_s)
            verdict = self._watch.see(result, ends_m, camera_m, age_s, now_s)
        except Exception as error:  # a message never stops the node, and what it cannot read is not clear
            text = str(error) if isinstance(error, Pose3DError) else f"{type(error).__name__}: {error}"
            verdict = self._watch.fail(text, now_s)
        self._publish(verdict, stamp_ns, len(msg.people))
        self.health.published(arrived_s, len(msg.people))

    def _in_base(self, result: Skeletons3D, now_s: float) -> tuple[Skeletons3D, np.ndarray, np.ndarray]:
        """People, the camera's place, and the robot's capsules, all in the robot's base frame. Raises InputError."""
        shape, config = self._watch.robot, self.config
        at = {
            frame: np.eye(4) if frame == shape.base else self.tree.lookup(shape.base, frame, now_s, config.tf_max_age_s)
            for frame in set(shape.frames)
        }
        pose = config.camera_pose
        if any(pose):
            T = transform(pose[:3], np.array(pose[3:]) / np.linalg.norm(pose[3:]))
        else:
            T = self.tree.lookup(shape.base, result.frame_id, now_s, config.tf_max_age_s)
        R = T[:3, :3]
        people = tuple(
            replace(
                person,
                xyz_m=person.xyz_m @ R.T + T[:3, 3],
                velocity_m_s=None if person.velocity_m_s is None else person.velocity_m_s @ R.T,
                root_covariance=None if person.root_covariance is None else R @ person.root_covariance @ R.T,
                quat_xyzw=None,
            )
            for person in result.people
        )
        return replace(result, people=people, frame_id=shape.base), T[:3, 3], shape.placed(at)

    def _tick(self) -> None:
        before = self._watch.last
        verdict = self._watch.tick(self._steady_s())
        if verdict is not before:
            self._publish(verdict, self.get_clock().now().nanoseconds, 0)

    def _publish(self, verdict: Verdict, stamp_ns: int, people: int) -> None:
        if verdict.reason:
            self._blame("separation", verdict.reason)
        self._publisher.publish(to_msg(verdict, self._watch.robot, self.config.confidence, stamp_ns))

    def _reconfigure(self, config: SeparationConfig) -> None:
        if self._watch:
            self._watch.config = config

    def _steady_s(self) -> float:
        return self._steady.now().nanoseconds / 1e9

    def _facts(self) -> dict[str, str]:
        last = self._watch.last if self._watch else None
        return {"model": WARNING, "state": f"{last.zone.name} {last.reason}".strip() if last else "not configured"}


def to_msg(verdict: Verdict, robot: RobotShape, confidence: float, stamp_ns: int) -> Separation:
    """The verdict as it is published."""
    gap = verdict.gap
    return Separation(
        header=conversions.header(stamp_ns, robot.base), state=int(verdict.zone), reason=verdict.reason,
        distance_m=gap.distance_m, lower_m=gap.lower_m, upper_m=gap.upper_m, confidence=confidence,
        protective_m=verdict.protective_m, ratio=float(verdict.ratio), approach_m_s=float(verdict.closing_m_s),
        age_s=verdict.age_s, track=gap.track, person_id=gap.person_id, joint=gap.joint, robot_frame=gap.frame,
        at_person=conversions.point(gap.at_person_m), at_robot=conversions.point(gap.at_robot_m),
    )  # fmt: skip


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(SeparationNode, args)

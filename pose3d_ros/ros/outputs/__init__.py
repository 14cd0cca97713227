"""`Outputs`: everything that the lifter node publishes. One more output is one more file here (`base`)."""

import pkgutil
from dataclasses import replace
from importlib import import_module

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from visualization_msgs.msg import MarkerArray

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import SIDES, Hand3D, Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.geometry.articulation import places
from pose3d_ros.geometry.body24 import BODY24
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.msg import Hand3DArray, Skeleton3DArray, SkeletonDefinition, StageTimings
from pose3d_ros.ros import compat, conversions, qos
from pose3d_ros.ros.lifecycle import ManagedNode
from pose3d_ros.ros.lifter_config import LifterConfig
from pose3d_ros.ros.markers import Markers
from pose3d_ros.ros.outputs.base import DEPTH, REGISTRY, UNAVAILABLE, Moment, Output
from pose3d_ros.stages.articulation import as_body24

for _module in pkgutil.iter_modules(__path__):
    try:
        import_module(f"{__name__}.{_module.name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pose3d_ros"):
            raise
        UNAVAILABLE[_module.name] = error.name


class Outputs:
    """Publishers of one configured node. Headers are those of the input; `close` destroys all that was created.

    Raises ConfigError when something is asked for that is not installed, or body24 of weights that lift no whole body.
    """

    def __init__(self, node: ManagedNode, config: LifterConfig, skeletons: tuple[Skeleton, ...]) -> None:
        self._node, self.config = node, config
        self._skeletons = {skeleton.name: skeleton for skeleton in skeletons}
        if config.output.skeleton == BODY24.name:
            if not any(places(skeleton) for skeleton in skeletons):
                raise ConfigError(
                    f"output.skeleton: body24 needs pelvis, spine, head and limbs, not {skeletons[0].name}"
                )
            self._skeletons[BODY24.name] = BODY24
        self._markers, self._track, self._publishers, self._more = Markers(config.markers), None, [], []
        chosen = [_found(name) for name in config.output.more if name]
        self._tf = _broadcaster(node) if config.output.tf or config.output.tf_joints else None
        self._skeletons_out = self._create(Skeleton3DArray, "skeletons")
        self._hands_out = self._create(Hand3DArray, "hands")
        self._wrists_out = {side: self._create(PoseStamped, f"hands/{side}/pose") for side in SIDES if side}
        self._markers_out = self._create(MarkerArray, "markers")
        self._timings_out = self._create(StageTimings, "timings")
        self._definitions_out = self._create(
            SkeletonDefinition, "skeleton_definition", qos.latched(len(self._skeletons))
        )
        try:
            for output in chosen:
                self._more.append(output(node, config))
        except Exception:
            self.close()
            raise

    def reconfigure(self, config: LifterConfig) -> None:
        self.config = config
        self._markers.config = config.markers
        for output in self._more:
            output.config = config

    def define(self) -> None:
        """Publishes the latched definitions; call when active."""
        for skeleton in self._skeletons.values():
            self._definitions_out.publish(conversions.definition_to_msg(skeleton))

    def publish(
        self,
        seen: Skeletons3D,
        frame: Keypoints2D | None = None,
        camera: Camera | None = None,
        placed: Skeletons3D | None = None,
    ) -> None:
        """Everything of one push, of what somebody listens to. `frame` and `camera`: what it was lifted from; `placed`:
        the same in the frame in which it goes out."""
        result = lifted = placed or seen
        if self.config.output.skeleton == BODY24.name:
            result = replace(lifted, people=tuple(as_body24(lifted.people)))
        if self._skeletons_out.get_subscription_count():
            self._skeletons_out.publish(conversions.skeletons_to_msg(result))
        if self._hands_out.get_subscription_count():
            self._hands_out.publish(conversions.hands_to_msg(result))
        for hand in followed_hands(result, self.config.output.follow_id):
            self._wrists_out[hand.side].publish(conversions.wrist_pose(hand, result))
        if self._tf:
            self._tf.sendTransform(self._frames(lifted))
        if self._markers_out.get_subscription_count():
            self._markers_out.publish(self._markers.draw(result))
        self._publish_more(Moment(lifted, self._followed(lifted), frame, camera, seen))

    def _publish_more(self, moment: Moment) -> None:
        for output in self._more:
            try:
                if output.wanted:
                    output.publish(moment)
            except Exception as error:  # one output never stops the others
                self._node._blame(f"output {output.NAME}", f"output {output.NAME}: {type(error).__name__}: {error}")

    def _followed(self, result: Skeletons3D) -> Person3D | None:
        """Who is called `output.follow_id`; else who was followed before, else the nearest."""
        wanted = self.config.output.follow_id
        people = [person for person in result.people if not wanted or person.id == wanted]
        same = [person for person in people if person.track == self._track]
        person = same[0] if same else min(people, key=_distance_m, default=None)
        self._track = person.track if person else None
        return person

    def _frames(self, result: Skeletons3D) -> list[TransformStamped]:
        """Of people as they were lifted."""
        frames = []
        if self.config.output.tf:
            frames = [conversions.body_transform(p, self._skeletons[p.skeleton], result) for p in result.people]
        if self.config.output.tf_joints:
            for person in as_body24(result.people):
                frames += conversions.joint_transforms(person, BODY24, result)
        frames = [frame for frame in frames if frame]
        for frame in frames:
            frame.child_frame_id = self.config.frames.prefix + frame.child_frame_id
        return frames

    def publish_timings(self, result: Skeletons3D, age_in_ms: float, age_out_ms: float) -> None:
        if self._timings_out.get_subscription_count():
            self._timings_out.publish(conversions.timings_to_msg(result, age_in_ms, age_out_ms))

    def clear(self, frame_id: str) -> None:
        """Removes all markers: at (de)activation and after time jumps. After a signal nothing can be published."""
        self._track = None
        if self._node.context.ok():
            self._markers_out.publish(self._markers.clear(frame_id))

    def close(self) -> None:
        while self._more:
            self._more.pop().close()
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers.clear()
        if self._tf:
            self._node.destroy_publisher(self._tf.pub_tf)
            self._tf = None

    def _create(self, message: type, topic: str, profile=None):
        publisher = self._node.create_lifecycle_publisher(
            message, topic, profile or qos.reliable(DEPTH), qos_overriding_options=qos.overridable()
        )
        self._publishers.append(publisher)
        return publisher


def followed_hands(result: Skeletons3D, follow_id: str) -> list[Hand3D]:
    """The hands of the person with this id, or of the nearest one; at most one a side."""
    if follow_id:
        return [hand for hand in result.hands if hand.person_id == follow_id]
    if result.people:
        nearest = min(result.people, key=_distance_m)
        return [hand for hand in result.hands if hand.track == nearest.track]
    by_distance = sorted(result.hands, key=lambda hand: -np.linalg.norm(hand.wrist_m))
    return list({hand.side: hand for hand in by_distance}.values())


def _found(name: str) -> type[Output]:
    """Raises ConfigError with what there is, or what is missing."""
    if name in UNAVAILABLE:
        raise ConfigError(f"output.more: {name} needs the package {UNAVAILABLE[name]}, which is not installed")
    if name not in REGISTRY:
        known = sorted(REGISTRY.keys() | UNAVAILABLE.keys())
        raise ConfigError(f"output.more: expected names among {', '.join(known)}, got {name!r}")
    return REGISTRY[name]


def _broadcaster(node: ManagedNode) -> compat.TransformBroadcaster:
    try:
        return compat.TransformBroadcaster(node)
    except ImportError as error:
        raise ConfigError(f"output.tf: {error}") from None


def _distance_m(person: Person3D) -> float:
    found = np.isfinite(person.xyz_m).all(axis=1)
    return float(np.linalg.norm(person.xyz_m[found], axis=1).mean()) if found.any() else np.inf

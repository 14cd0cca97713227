"""`bridge_node`: 2D keypoints as other packages publish them in, `Skeleton2DArray` out."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CameraInfo

from pose3d_ros.adapters.base import UNSCORED, Context
from pose3d_ros.adapters.gathering import Gathering
from pose3d_ros.adapters.sources import SOURCES, Source, source_of
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import CameraError, ConfigError, InputError
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.messages import header_of
from pose3d_ros.msg import Skeleton2DArray
from pose3d_ros.ros import conversions, lifecycle, qos
from pose3d_ros.ros.calibration import Calibration
from pose3d_ros.ros.diagnostics import Diagnostics
from pose3d_ros.ros.lifter_config import CameraConfig
from pose3d_ros.ros.parameters import Parameters

QUEUE = 10  # messages kept for a slow reader
GATHER_S = 0.02  # how long a frame waits for the messages of its other people
PER_PERSON = "skeleton2d"  # name of the topic below that of a person
BEYOND = 1.1  # of the image's sides: keypoints farther out are those of a larger image
ASSUME = "if it never sends any, set assumed_score"


@dataclass(frozen=True)
class BridgeConfig:
    """Whose messages, and what they do not say."""

    source: str = param(
        "yolo", f"{', '.join(SOURCES)}, or the type of a message that an adapter reads, as yolo_msgs/msg/DetectionArray"
    )
    topic: str = param(
        "", "topic of the messages (hri: the one below which the bodies lie); empty = the usual one of the source: "
        + ", ".join(f"{name} {known.topic}" for name, known in SOURCES.items()),
    )  # fmt: skip
    assumed_score: float = param(
        0.0, "score of all keypoints of a person whose source sends none; 0 = they count as missing", low=0.0,
        high=1.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


class BridgeNode(lifecycle.ManagedNode):
    """Reads in the callback: that takes less than a thread would. No queue: what comes goes."""

    def __init__(self, **kwargs) -> None:
        super().__init__("bridge", **kwargs)
        self._source: Source | None = None
        self._message = self._ids_message = self._publisher = self._timer = None
        self._subscribed: list[Any] = []
        self._bodies: dict[str, Any] = {}  # subscriptions of people, where each has a topic
        self._calibration, self._gathering = Calibration(), Gathering()
        self._settings = Parameters(self, BridgeConfig(), lambda: self.state, lambda config: None)
        self._diagnostics = Diagnostics(self, self.health, self._input_topic(), self._facts)

    @property
    def config(self) -> BridgeConfig:
        """The current parameters."""
        return self._settings.config

    def acquire(self) -> None:
        self._settings.check()
        self._source = source_of(self.config.source, self.config.topic)
        self._diagnostics.watch(self._input_topic())
        self._message = message_class(self._source.msgtype)
        if self._source.ids:
            self._ids_message = message_class(f"{self._source.msgtype.partition('/')[0]}/msg/IdsList")
        self._publisher = self.create_lifecycle_publisher(
            Skeleton2DArray, "keypoints", qos.reliable(QUEUE), qos_overriding_options=qos.overridable()
        )

    def start(self) -> None:
        self.health.restart()
        self._calibration, self._gathering = Calibration(), Gathering()
        self._listen(CameraInfo, "camera_info", self._on_camera_info)
        if self._source.ids:
            self._listen(self._ids_message, f"{self._source.topic}/{self._source.ids}", self._on_ids)
            self._timer = self.create_timer(
                GATHER_S, self.guarded(self._on_timer), clock=Clock(clock_type=ClockType.STEADY_TIME)
            )
            self._seen_ns = -1
        else:
            self._listen(self._message, self._source.topic, partial(self._on_message, self._source.topic))

    def stop(self) -> None:
        if self._timer:
            self.destroy_timer(self._timer)
            self._timer = None
        for subscription in (*self._subscribed, *self._bodies.values()):
            self.destroy_subscription(subscription)
        self._subscribed.clear()
        self._bodies.clear()

    def release(self) -> None:
        if self._publisher:
            self.destroy_publisher(self._publisher)
            self._publisher = None

    def _listen(self, message: type, topic: str, callback: Callable[[Any], None]) -> None:
        self._subscribed.append(self._subscription(message, topic, callback))

    def _subscription(self, message: type, topic: str, callback: Callable[[Any], None]) -> Any:
        """Best effort, since every publisher serves that."""
        return qos.subscribe(
            self, message, topic, callback, qos.best_effort(QUEUE),
            lambda text: self._blame(f"QoS of {topic}", text, lasting=True),
        )  # fmt: skip

    def _on_camera_info(self, msg: CameraInfo) -> None:
        try:
            self._calibration.update(msg, CameraConfig())
            self.health.clear("camera_info")
        except CameraError as error:
            self._blame("camera_info", str(error))

    def _on_ids(self, msg: Any) -> None:
        """Who is there; a topic is read for each."""
        names = frozenset(msg.ids)
        for name in set(self._bodies) - names:
            self.destroy_subscription(self._bodies.pop(name))
        for name in names - set(self._bodies):
            topic = f"{self._source.topic}/{name}/{PER_PERSON}"
            self._bodies[name] = self._subscription(self._message, topic, partial(self._on_message, topic, name=name))
        self._gathering.expected = names
        if not names:
            stamp_ns = self._stamp_ns(msg)
            self._publish(Keypoints2D(stamp_ns, (), msg.header.frame_id), self.health.arrived(self._age_ms(stamp_ns)))

    def _on_message(self, topic: str, msg: Any, name: str = "") -> None:
        stamp_ns = self._stamp_ns(msg)
        arrived_s = self.health.arrived(self._age_ms(stamp_ns))
        context = Context(topic, stamp_ns, self._calibration.camera, assumed_score=self.config.assumed_score)
        try:
            frame = self._source.adapter.keypoints(msg, context)
            self._check_size(frame)
        except Exception as error:  # a message never stops the node
            self.health.count("dropped")
            self._blame("message", f"{topic}: {error}", name=type(error).__name__)
            return
        for text, count in context.skipped.items():
            self._blame(text, f"{text}; {ASSUME}" if text.endswith(UNSCORED) else text)
            self.health.count("people skipped", count)
        for ready in self._gathering.add(name, frame) if name else (frame,):
            self._publish(ready, arrived_s)

    def _on_timer(self) -> None:
        """What waited through a whole period leaves as it is."""
        for ready in self._gathering.flush(self._seen_ns):
            self._publish(ready, self.health.last_input_s)
        self._seen_ns = self._gathering.newest_ns

    def _publish(self, frame: Keypoints2D, arrived_s: float) -> None:
        camera = self._calibration.camera
        if camera and not frame.width:
            frame = replace(frame, width=camera.width, height=camera.height)
        self._publisher.publish(conversions.keypoints_to_msg(frame))
        self.health.published(arrived_s, len(frame.people))

    def _check_size(self, frame: Keypoints2D) -> None:
        """Raises CameraError or InputError where the keypoints are those of another image than the camera's."""
        camera = self._calibration.camera
        if not camera:
            return
        camera.check_image(frame.width, frame.height)
        seen = [person.xy_px[person.score > 0] for person in frame.people]
        farthest = np.max([xy.max(0) for xy in seen if len(xy)], axis=0, initial=0.0)
        if (farthest > BEYOND * np.array((camera.width, camera.height))).any():
            raise InputError(
                f"keypoints reach {farthest[0]:.0f}, {farthest[1]:.0f} px but camera_info is that of a "
                f"{camera.width}x{camera.height} image: give the camera_info of the image which the detector reads"
            )

    def _stamp_ns(self, msg: Any) -> int:
        """When the image was taken; where the message does not say, now."""
        header = header_of(msg)
        stamp_ns = conversions.stamp_to_ns(header.stamp) if header else 0
        if stamp_ns > 0:
            return stamp_ns
        self._blame("stamps", "messages have no stamp, so their arrival counts: give them the stamp of the image")
        return self.get_clock().now().nanoseconds

    def _age_ms(self, stamp_ns: int) -> float:
        return conversions.age_ms(self.get_clock().now().nanoseconds, stamp_ns)

    def _input_topic(self) -> str:
        source = self._source or Source("", self.config.topic or self.config.source)
        return f"{source.topic}/{source.ids}" if source.ids else source.topic

    def _facts(self) -> dict[str, str]:
        camera = self._calibration.camera
        size = f"{camera.width}x{camera.height}" if camera else "unknown: no camera_info"
        return {"source": self.config.source, "topic": self._input_topic(), "image": size}


def message_class(msgtype: str) -> type:
    """Class of a message type. Raises ConfigError where its package is not there."""
    package, _, name = msgtype.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{msgtype} is not there ({error}): install {package}, or source the workspace that it was built in"
        ) from None


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(BridgeNode, args)

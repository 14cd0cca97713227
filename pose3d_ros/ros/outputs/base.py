"""`Output`: one more way out of the lifter node. A new one is a file here that defines a class with `@register`.

Each output belongs to one node and one configuration, is asked once a frame whether somebody listens, and builds its
messages only then. What it needs that is not installed it imports at the top: it is then not offered, and why is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from std_msgs.msg import Header

from pose3d_ros.control.sonic import level_of
from pose3d_ros.core.types import Hand3D, Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.ros import conversions, qos
from pose3d_ros.ros.lifecycle import ManagedNode
from pose3d_ros.stages.articulation import as_body24

REGISTRY: dict[str, type["Output"]] = {}
UNAVAILABLE: dict[str, str] = {}  # outputs whose imports fail, and why
OPTICAL = "optical"  # frames of this kind are z ahead, y down (REP-103); others z up
LEVEL = {True: level_of(np.array([0.0, -1.0, 0.0])), False: np.array([0.0, 0.0, 0.0, 1.0])}  # optical, or not
DEPTH = 10  # of reliable outputs: a reader may stall for a third of a second


def register(output: type["Output"]) -> type["Output"]:
    """Offers the class under its NAME."""
    REGISTRY[output.NAME] = output
    return output


@dataclass(frozen=True)
class Moment:
    """One push, and what several outputs want of it, made once. `followed`: the person that is followed, if any;
    `keypoints`, `camera`: what the result was lifted from; `seen`: the result in the camera's frame."""

    result: Skeletons3D
    followed: Person3D | None = None
    keypoints: Keypoints2D | None = None
    camera: Camera | None = None
    seen: Skeletons3D | None = None

    @cached_property
    def header(self) -> Header:
        return conversions.header(self.result.stamp_ns, self.result.frame_id)

    @cached_property
    def body24(self) -> list[Person3D]:
        return as_body24(self.result.people)

    @cached_property
    def followed24(self) -> Person3D | None:
        track = self.followed.track if self.followed else None
        return next((person for person in self.body24 if person.track == track), None)

    @property
    def hands(self) -> list[Hand3D]:
        """Of the followed person."""
        return [hand for hand in self.result.hands if self.followed and hand.track == self.followed.track]

    @property
    def level(self) -> np.ndarray:
        """Quaternion from the header's frame to one with z up. A camera is taken to stand level."""
        return LEVEL[OPTICAL in self.result.frame_id]


class Output:
    """Base of outputs. `NAME` is what `output.more` calls it."""

    NAME: ClassVar[str]

    def __init__(self, node: ManagedNode, config: Any) -> None:
        self.node, self.config = node, config
        self._publishers: dict[str, Any] = {}
        self.open()

    def open(self) -> None:
        """Advertises the topics."""

    @property
    def wanted(self) -> bool:
        """Whether somebody listens."""
        return any(publisher.get_subscription_count() for publisher in self._publishers.values())

    def publish(self, moment: Moment) -> None:
        """Builds and sends the messages of one push; called only when `wanted`."""
        raise NotImplementedError

    def close(self) -> None:
        """Destroys what was created."""
        for topic in list(self._publishers):
            self.withdraw(topic)

    def advertise(self, message: type, topic: str, profile: Any = None) -> Callable[[Any], None]:
        """A publisher's `publish`."""
        publisher = self.node.create_lifecycle_publisher(
            message, topic, profile or qos.reliable(DEPTH), qos_overriding_options=qos.overridable()
        )
        self._publishers[topic] = publisher
        return publisher.publish

    def withdraw(self, topic: str) -> None:
        """Destroys one publisher."""
        self.node.destroy_lifecycle_publisher(self._publishers.pop(topic))

    def listened(self, topic: str) -> bool:
        """Whether somebody listens to this topic."""
        return bool(self._publishers[topic].get_subscription_count())

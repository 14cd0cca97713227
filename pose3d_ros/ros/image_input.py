"""`ImageInput`: the images of a lifter node. Keypoints wait for theirs, but not for long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image

from pose3d_ros.core.config import param, validate
from pose3d_ros.ros import compat, images, qos
from pose3d_ros.ros.lifecycle import ManagedNode
from pose3d_ros.ros.pairing import Pairing

EXPIRE_S = 0.005  # how late the end of the wait may be noticed


@dataclass(frozen=True)
class ImageConfig:
    """Where the images come from that `refine` looks at, and how long keypoints wait for theirs."""

    transport: str = param(
        "raw", "raw: sensor_msgs/Image on `image`; compressed: CompressedImage on `image`/compressed, the suffix is "
        "appended after remapping", choices=tuple(images.MESSAGES),
    )  # fmt: skip
    slop_s: float = param(
        0.0, "largest difference between the stamps of keypoints and their image; 0 = they are equal", unit="s",
        low=0.0, high=1.0,
    )  # fmt: skip
    wait_s: float = param(
        0.05, "keypoints wait so long for their image, then the lifter's result goes out", unit="s", low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        validate(self)


class ImageInput:
    """Subscription, pairing and timer, from activation to deactivation. `deliver(job, image)` gets each job with the
    message of its image, or None; `blame(key, text, lasting)` is told why one is missing."""

    def __init__(
        self, node: ManagedNode, config: ImageConfig, deliver: Callable[[Any, Any], None],
        blame: Callable[..., Any],
    ) -> None:  # fmt: skip
        self._node, self._blame = node, blame
        self.topic = images.topic(node, config.transport)
        self._pairing = Pairing(config.slop_s, config.wait_s, deliver, self._missed)
        mismatch = qos.options(node, self.topic, lambda text: blame("QoS of image", text, lasting=True))
        message = images.MESSAGES[config.transport]
        self._source = compat.Subscriber(node, message, self.topic, qos_profile=qos.LATEST, **mismatch)
        self._source.registerCallback(node.guarded(self._on_image))
        # a steady clock: simulated time may stand still
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(EXPIRE_S, node.guarded(self._pairing.expire), clock=steady)

    def add(self, stamp_ns: int, job: Any) -> None:
        """Take a job that waits for the image of this stamp."""
        self._pairing.add(stamp_ns, job)

    def restart(self) -> None:
        """Forget what waits: after a reset, or when time jumped."""
        self._pairing.restart()

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._source.sub)

    def _on_image(self, image: Image | CompressedImage) -> None:
        self._node.health.clear("QoS of image")
        self._pairing.on_image(image)

    def _missed(self, why: str) -> None:
        self._blame("image", f"{self.topic} ({self._node.count_publishers(self.topic)} publishers): {why}")

"""`detector_node`: images in, 2D keypoints of bodies and hands out. Newest image wins; there is never a queue."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from threading import Lock
from typing import NamedTuple

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from pose3d_ros import detectors
from pose3d_ros.core.config import param
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.detectors import Detector, DetectorConfig
from pose3d_ros.msg import Skeleton2DArray
from pose3d_ros.ros import conversions, images, lifecycle, qos
from pose3d_ros.ros.diagnostics import Diagnostics
from pose3d_ros.ros.parameters import Parameters
from pose3d_ros.ros.worker import Worker

QUEUE = 10  # keypoint messages kept for a slow reader
WARM_UP = (480, 640, 3)


@dataclass(frozen=True)
class DetectorNodeConfig(DetectorConfig):
    """Everything that the detector node can be told: the detector's parameters and where its images come from."""

    image_transport: str = param(
        "raw", "raw: sensor_msgs/Image on `image`; compressed: CompressedImage on `image`/compressed, the suffix is "
        "appended after remapping", choices=tuple(images.MESSAGES),
    )  # fmt: skip

    def detector_config(self) -> DetectorConfig:
        """The detector's share."""
        return DetectorConfig(**{entry.name: getattr(self, entry.name) for entry in fields(DetectorConfig)})


class Job(NamedTuple):
    """One image on its way to the worker, as received: decoding is the worker's."""

    msg: Image | CompressedImage
    arrived_s: float


class DetectorNode(lifecycle.ManagedNode):
    """The callback puts the image into the one slot, where a newer one replaces it; the worker empties the slot.

    `make_detector` exists for tests.
    """

    def __init__(self, make_detector: Callable[[DetectorConfig], Detector] = detectors.make, **kwargs) -> None:
        super().__init__("detector", **kwargs)
        self._make_detector = make_detector
        self._detector = self._publisher = self._worker = self._subscription = None
        self._lock, self._slot = Lock(), None
        self._settings = Parameters(self, DetectorNodeConfig(), lambda: self.state, lambda config: None)
        self._diagnostics = Diagnostics(self, self.health, self.image_topic, self._facts)

    @property
    def config(self) -> DetectorNodeConfig:
        """The current parameters."""
        return self._settings.config

    @property
    def image_topic(self) -> str:
        """Full name of the topic with the images."""
        return images.topic(self, self.config.image_transport)

    def acquire(self) -> None:
        self._detector = self._make_detector(self.config.detector_config())
        self._detector.detect(np.zeros(WARM_UP, np.uint8), 0)  # the first image is several times slower
        self._publisher = self.create_lifecycle_publisher(
            Skeleton2DArray, "keypoints", qos.reliable(QUEUE), qos_overriding_options=qos.overridable()
        )

    def start(self) -> None:
        self.health.restart()
        self._slot = None
        self._worker = Worker(self._work, self._failed)
        self._subscription = qos.subscribe(
            self,
            images.MESSAGES[self.config.image_transport],
            self.image_topic,
            self._on_image,
            qos.LATEST,
            lambda text: self._blame("QoS of image", text, lasting=True),
        )

    def stop(self) -> None:
        if self._subscription:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        if self._worker:
            self._worker.stop()
            self._worker = None
        self._slot = None

    def release(self) -> None:
        if self._publisher:
            self.destroy_publisher(self._publisher)
            self._publisher = None
        if self._detector:
            detector, self._detector = self._detector, None
            detector.close()

    def _on_image(self, msg: Image | CompressedImage) -> None:
        self.health.clear("QoS of image")
        job = Job(msg, self.health.arrived(self._age_ms(msg)))
        with self._lock:
            replaced, self._slot = self._slot, job
        if replaced:
            self.health.count("dropped")
        else:
            self._worker.submit(None)  # there is something in the slot

    def _work(self, _: list[None]) -> None:
        """Runs in the worker's thread."""
        with self._lock:
            job, self._slot = self._slot, None
        stamp_ns = conversions.stamp_to_ns(job.msg.header.stamp)
        if stamp_ns <= 0:
            raise InputError(f"image stamp: expected the time of exposure, got {stamp_ns} ns; set it in the driver")
        image_rgb = images.to_rgb(job.msg)
        people = self._detector.detect(image_rgb, stamp_ns)
        height, width = image_rgb.shape[:2]
        frame = Keypoints2D(stamp_ns, people, job.msg.header.frame_id, width, height)
        self._publisher.publish(conversions.keypoints_to_msg(frame))
        self.health.published(job.arrived_s, sum(not person.side for person in frame.people))

    def _age_ms(self, msg: Image | CompressedImage) -> float:
        return conversions.age_ms(self.get_clock().now().nanoseconds, conversions.stamp_to_ns(msg.header.stamp))

    def _failed(self, error: Exception) -> None:
        """An image never stops the node."""
        self.health.count("dropped")
        self._blame("error", f"{type(error).__name__}: {error}")

    def _facts(self) -> dict[str, str]:
        found = ", ".join(self._detector.names) if self._detector else "not loaded"
        return {"detector": self.config.detector, "finds": found, "images": self.image_topic}


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(DetectorNode, args)

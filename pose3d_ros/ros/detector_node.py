"""`detector_node`: images in, 2D keypoints of bodies and hands out. Newest image wins; there is never a queue."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
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
from pose3d_ros.ros.watchdog import Watchdog, WatchdogConfig
from pose3d_ros.ros.worker import STOP_S, Worker

QUEUE = 10  # keypoint messages kept for a slow reader
WARM_UP = (480, 640, 3)


@dataclass(frozen=True)
class DetectorNodeConfig(DetectorConfig):
    """Everything that the detector node can be told: the detector's parameters and where its images come from."""

    image_transport: str = param(
        "raw", "raw: sensor_msgs/Image on `image`; compressed: CompressedImage on `image`/compressed, the suffix is "
        "appended after remapping", choices=tuple(images.MESSAGES),
    )  # fmt: skip

    watchdog: WatchdogConfig = field(default_factory=lambda: WatchdogConfig(limit_s=5.0))

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
        self._watchdog = Watchdog(self, lambda: self._worker, lambda: self.config.watchdog.limit_s, self._on_hang)

    @property
    def config(self) -> DetectorNodeConfig:
        """The current parameters."""
        return self._settings.config

    @property
    def image_topic(self) -> str:
        """Full name of the topic with the images."""
        return images.topic(self, self.config.image_transport)

    def acquire(self) -> None:
        self._detector = self._made()
        self._publisher = self.create_lifecycle_publisher(
            Skeleton2DArray, "keypoints", qos.reliable(QUEUE), qos_overriding_options=qos.overridable()
        )

    def _made(self) -> Detector:
        detector = self._make_detector(self.config.detector_config())
        detector.detect(np.zeros(WARM_UP, np.uint8), 0)  # the first image is several times slower
        return detector

    def start(self) -> None:
        self._detector = self._detector or self._made()  # it is gone where it hung when the node was deactivated
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
            self._leave_worker()
        self._slot = None

    def _leave_worker(self, timeout_s: float = STOP_S) -> None:
        """Ends the worker. One that does not end keeps the detector, and frees it should it ever come back."""
        worker, self._worker = self._worker, None
        if not worker.stop(timeout_s, after=self._detector.close if self._detector else None):
            self._detector = None

    def _on_hang(self, seconds: float) -> None:
        """A fresh worker with a fresh detector."""
        self.get_logger().error(f"a detection has not returned for {seconds:.1f} s: loading the detector again")
        self.health.count("hangs")
        self._leave_worker(timeout_s=0.0)
        self._slot = None
        self._worker = Worker(self._work, self._failed)
        self._worker.call(self._reload)
        self._diagnostics.updater.force_update()

    def _reload(self) -> None:
        """In the worker's thread; what is ready too late is nobody's."""
        worker, detector = self._worker, self._made()
        if worker is self._worker and worker and worker.mine:
            self._detector = detector
        else:
            detector.close()

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
        elif self._worker:
            self._worker.submit(None)  # there is something in the slot

    def _work(self, _: list[None]) -> None:
        """Runs in the worker's thread."""
        worker, detector = self._worker, self._detector
        with self._lock:
            job, self._slot = self._slot, None
        if not (job and worker and detector):
            if worker and not detector:  # what hung could not be loaded again
                worker.call(self._reload)
            return
        stamp_ns = conversions.stamp_to_ns(job.msg.header.stamp)
        if stamp_ns <= 0:
            raise InputError(f"image stamp: expected the time of exposure, got {stamp_ns} ns; set it in the driver")
        image_rgb = images.to_rgb(job.msg)
        people = detector.detect(image_rgb, stamp_ns)
        if not worker.mine:
            return  # too late: another worker publishes, or nobody
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

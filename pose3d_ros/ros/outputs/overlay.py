"""`overlay`: keypoints that came in and skeletons that went out, drawn over the camera's image."""

from collections import deque

import cv2
import numpy as np
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image

from pose3d_ros.geometry.drawing import draw
from pose3d_ros.ros import conversions, images, qos
from pose3d_ros.ros.outputs.base import Moment, Output, register
from pose3d_ros.ros.worker import Worker

KEEP, LOOK_S, QUALITY = 60, 0.5, (cv2.IMWRITE_JPEG_QUALITY, 80)  # images; how soon a listener is noticed; of JPEG
RAW, COMPRESSED = "image/overlay", "image/overlay/compressed"


@register
class Overlay(Output):
    """Draws in a thread of its own, the newest frame only. Images of `image` (transport `output.overlay_transport`) are
    read while somebody listens; without an image of the same stamp the skeletons are drawn on grey."""

    NAME = "overlay"

    def open(self) -> None:
        self._send_raw = self.advertise(Image, RAW, qos.reliable(1))
        self._send_compressed = self.advertise(CompressedImage, COMPRESSED, qos.reliable(1))
        self._kept, self._subscription, self._worker = deque(maxlen=KEEP), None, None
        self._timer = self.node.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def wanted(self) -> bool:
        return self._worker is not None

    def _look(self) -> None:
        """Begins when somebody listens, ends when nobody does: in the executor's thread, which owns subscriptions."""
        if (wanted := super().wanted) and not self._worker:
            self._worker = Worker(self._work, self._failed)
            kind = self.config.output.overlay_transport
            keep = lambda one: self._kept.append(one)  # noqa: E731 - rclpy takes no bound method of C
            of = images.MESSAGES[kind], images.topic(self.node, kind), keep, qos.LATEST
            self._subscription = self.node.create_subscription(*of)
        elif not wanted:
            self._rest()

    def publish(self, moment: Moment) -> None:
        if (worker := self._worker) and moment.keypoints is not None:  # another thread may end it
            worker.submit(moment)

    def close(self) -> None:
        self.node.destroy_timer(self._timer)
        self._rest()
        super().close()

    def _rest(self) -> None:
        if worker := self._worker:
            self._worker = None
            worker.stop()
            self.node.destroy_subscription(self._subscription)
            self._kept.clear()

    def _work(self, moments: list[Moment]) -> None:
        moment = moments[-1]
        canvas = draw(
            self._image(moment.result.stamp_ns), moment.keypoints, moment.seen or moment.result, moment.camera
        )
        if self.listened(RAW):
            raw = images.from_array(canvas, "bgr8")
            raw.header = moment.header
            self._send_raw(raw)
        if self.listened(COMPRESSED):
            message = CompressedImage(header=moment.header, format="jpeg")
            message.data.frombytes(cv2.imencode(".jpg", canvas, QUALITY)[1].tobytes())
            self._send_compressed(message)

    def _image(self, stamp_ns: int) -> np.ndarray | None:
        same = [kept for kept in tuple(self._kept) if conversions.stamp_to_ns(kept.header.stamp) == stamp_ns]
        return images.to_bgr(same[-1]).copy() if same else None

    def _failed(self, error: Exception) -> None:
        self.node._blame("overlay", f"image/overlay: {type(error).__name__}: {error}")

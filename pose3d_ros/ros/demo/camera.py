"""Camera process of the live demo: a camera or video file as compressed images, with an assumed calibration.

    python -m pose3d_ros.ros.demo.camera SOURCE [--namespace NAME] [--seconds S] [--fov DEG] [--readers N]

Says "ready" when its topics have subscribers, waits for a line on stdin, and publishes until the time is over, the
video ends, or another line comes; then says "done" and the stamps of its images. On a robot the driver does this.
"""

import argparse
import sys
import threading
import time

import cv2
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.ros import conversions, qos
from pose3d_ros.ros.demo.player import DEPTH, POLL_S

FRAME_ID = "camera_optical_frame"
JPEG_QUALITY = 85


class CameraPublisher(Node):
    """Images of a video source at its own rate. Raises InputError where it cannot be opened."""

    def __init__(self, source: str, namespace: str, fov_deg: float) -> None:
        super().__init__("camera", namespace=namespace)
        self._video = cv2.VideoCapture(int(source) if source.isdecimal() else source)
        if not self._video.isOpened():
            raise InputError(f"cannot open camera or video {source!r}: is it connected, used elsewhere, readable?")
        self._file_rate_hz = 0.0 if source.isdecimal() else self._video.get(cv2.CAP_PROP_FPS) or 30.0
        self._fov_deg = fov_deg
        self._images = self.create_publisher(CompressedImage, "image/compressed", qos.reliable(DEPTH))
        self._infos = self.create_publisher(CameraInfo, "camera_info", qos.reliable(DEPTH))

    def wait_for_subscribers(self, count: int) -> None:
        """Of images."""
        pause = threading.Event()
        while self._images.get_subscription_count() < count:
            pause.wait(POLL_S)

    def run(self, seconds: float, stop: threading.Event) -> list[int]:
        """Returns the stamps of the images."""
        start, stamps = time.monotonic(), []
        while time.monotonic() - start < seconds and not stop.is_set():
            read, bgr = self._video.read()
            if not read:
                break
            stamps.append(self._publish(bgr))
            if self._file_rate_hz:  # a camera sets the pace itself
                stop.wait(max(0.0, start + len(stamps) / self._file_rate_hz - time.monotonic()))
        self._video.release()
        return stamps

    def _publish(self, bgr) -> int:
        stamp_ns = self.get_clock().now().nanoseconds
        header = conversions.header(stamp_ns, FRAME_ID)
        camera = Camera.from_fov(bgr.shape[1], bgr.shape[0], self._fov_deg)
        self._infos.publish(conversions.camera_to_msg(camera, stamp_ns, FRAME_ID))
        data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        self._images.publish(CompressedImage(header=header, format="bgr8; jpeg compressed bgr8", data=data))
        return stamp_ns


def main() -> None:
    """Publishes once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="number of a camera, or a video file")
    parser.add_argument("--namespace", default="")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fov", type=float, default=60.0, help="assumed horizontal field of view, degrees")
    parser.add_argument("--readers", type=int, default=2, help="subscribers of images to wait for")
    args = parser.parse_args()
    rclpy.init()
    camera = CameraPublisher(args.source, args.namespace, args.fov)
    camera.wait_for_subscribers(args.readers)
    print("ready", flush=True)
    sys.stdin.readline()
    stop = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        stop.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    print("done", *camera.run(args.seconds, stop), flush=True)
    listener.join()  # what was sent last is delivered while this process lives
    camera.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

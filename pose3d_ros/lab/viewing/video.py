"""A video file or a camera through the package's own detector and pipeline, recorded as a bag to be looked at."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.detectors import Detector
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.writer import BagWriter
from pose3d_ros.lab.viewing.bag import Recording
from pose3d_ros.lab.viewing.offline import hand_views
from pose3d_ros.pipeline import Pipeline

FRAME_ID = "camera_optical_frame"
START_NS = 1_000_000_000  # stamp of a file's first frame; 0 would say that there is none
USUAL_HZ = 30.0  # of a file that does not say
Progress = Callable[[int, int], None]  # frames done, frames in all (0: unknown)


class Frame(NamedTuple):
    """One image, uint8 (H, W, 3), blue first."""

    stamp_ns: int
    bgr: np.ndarray


class Video:
    """Frames of a file, or of a camera by its number, for `seconds` of its time (0: the whole file).

    A file's stamps are those that it holds, so that its rate may vary; where they stand still, they go on by the
    nominal rate. A camera's are those of arrival. Raises InputError where there is nothing to read.
    """

    def __init__(self, source: str, seconds: float = 0.0) -> None:
        self._camera = source.isdecimal()
        if not self._camera and not Path(source).is_file():
            raise InputError(f"{source}: expected a video file or the number of a camera, there is no such file")
        self._capture = cv2.VideoCapture(int(source) if self._camera else source)
        if not self._capture.isOpened():
            why = "is it connected, and used by nobody else?" if self._camera else "OpenCV reads no video in it"
            raise InputError(f"cannot open {'camera ' if self._camera else ''}{source}: {why}")
        self._source, self._seconds = source, seconds
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self._rate_hz = rate_hz if 1 <= rate_hz <= 1000 else USUAL_HZ
        count = 0 if self._camera else max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        self.count = min(count, int(np.ceil(seconds * self._rate_hz))) if seconds else count

    def __iter__(self) -> Iterator[Frame]:
        first_ns, last_ns = None, 0
        while (read := self._capture.read())[0]:
            stamp_ns = self._stamp_ns(last_ns)
            first_ns = stamp_ns if first_ns is None else first_ns
            if self._seconds and stamp_ns - first_ns >= self._seconds * 1e9:
                break
            yield Frame(stamp_ns, read[1])
            last_ns = stamp_ns
        self._capture.release()
        if first_ns is None:
            raise InputError(f"{self._source}: expected frames, got none: the file is cut off or empty")

    def _stamp_ns(self, last_ns: int) -> int:
        if self._camera:
            return time.time_ns()
        held_ns = START_NS + round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return held_ns if held_ns > last_ns else last_ns + round(1e9 / self._rate_hz)


def record(
    video: Video, detector: Detector, pipeline: Pipeline, bag: Path, fov_deg: float, progress: Progress
) -> Recording:
    """Detect and lift every frame; images, calibration and keypoints go into the new `bag`.

    The camera is taken to be ideal with this horizontal field of view. The recording's times of arrival are those of
    this machine: an image came, and its skeletons were there.
    """
    lifted, came, answered = {}, {}, {}
    camera = None
    with BagWriter(bag, force=True) as writer:
        for number, frame in enumerate(video, 1):
            height, width = frame.bgr.shape[:2]
            if camera is None or (camera.width, camera.height) != (width, height):
                camera = Camera.from_fov(width, height, fov_deg)
                pipeline.reset()
            came[frame.stamp_ns] = time.monotonic_ns()
            people = detector.detect(np.ascontiguousarray(frame.bgr[..., ::-1]), frame.stamp_ns)
            found = Keypoints2D(frame.stamp_ns, people, FRAME_ID, width, height)
            lifted[frame.stamp_ns] = pipeline.push(found, camera)
            answered[frame.stamp_ns] = time.monotonic_ns()
            writer.image("/image/compressed", frame.stamp_ns, frame.bgr, frame.stamp_ns, FRAME_ID)
            writer.camera("/camera_info", frame.stamp_ns, camera, frame.stamp_ns, FRAME_ID)
            writer.keypoints("/keypoints", frame.stamp_ns, found)
            progress(number, video.count)
    recording = Recording(bag)
    recording.skeletons = lifted
    recording.hands = {stamp_ns: hand_views(frame) for stamp_ns, frame in lifted.items()}
    recording.arrivals_ns = {"keypoints": came, "skeletons": answered}
    return recording

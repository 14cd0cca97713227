#!/usr/bin/env python3
"""Writes a rosbag2 (mcap) from video files: compressed images, camera_info and the 2D keypoints of our detector.

Needs no ROS. In the detector's environment (pip install 'mediapipe==0.10.21' rosbags):

    python tools/make_demo_bag.py student.mkv brother.mkv:2 --out demo/signing

Several videos of one size are joined, each optionally cut: FILE[:FIRST[:END]], frames. No camera was calibrated, so
camera_info holds an ideal lens with an assumed field of view (--fov).
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pose3d_ros.core.types import Keypoints2D  # noqa: E402
from pose3d_ros.detectors import DetectorConfig, make  # noqa: E402
from pose3d_ros.geometry.camera import Camera  # noqa: E402

START_NS = 1_700_000_000_000_000_000  # any; fixed, so that the same videos give the same bag
DETECTION_NS = 30_000_000  # keypoints are recorded that much after their image, about what the detector takes
METADATA_VERSION = 8  # read by Humble to Lyrical
IMAGE = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
KEYPOINTS = "pose3d_ros/msg/Skeleton2DArray"


def typestore():
    """Standard messages and those of this package, from their definitions."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for path in sorted((ROOT / "msg").glob("Skeleton2D*.msg")):
        types.update(get_types_from_msg(path.read_text(), f"pose3d_ros/msg/{path.stem}"))
    store.register(types)
    return store


def frames(clip: str) -> Iterator[np.ndarray]:
    """BGR images of FILE[:FIRST[:END]]."""
    path, _, cut = clip.partition(":")
    first, _, end = cut.partition(":")
    video = cv2.VideoCapture(path)
    if not video.isOpened():
        raise SystemExit(f"cannot open video {path!r}")
    index = 0
    while (read := video.read())[0]:
        if int(first or 0) <= index < int(end or sys.maxsize):
            yield read[1]
        index += 1


class Recorder:
    """One frame of video -> three messages in the bag."""

    def __init__(self, writer: Writer, frame_id: str, quality: int) -> None:
        self.store, self.writer, self.frame_id, self.quality = typestore(), writer, frame_id, quality
        topics = {"/image/compressed": IMAGE, "/camera_info": INFO, "/keypoints": KEYPOINTS}
        qos = [reliable_qos()]
        self.connections = {
            kind: writer.add_connection(topic, kind, typestore=self.store, offered_qos_profiles=qos)
            for topic, kind in topics.items()
        }

    def header(self, stamp_ns: int):
        time = self.store.types["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
        return self.store.types["std_msgs/msg/Header"](time, self.frame_id)

    def write(self, kind: str, at_ns: int, message) -> None:
        self.writer.write(self.connections[kind], at_ns, self.store.serialize_cdr(message, kind))

    def image(self, stamp_ns: int, bgr: np.ndarray) -> np.ndarray:
        """Writes the image; returns it as a subscriber decodes it, BGR."""
        data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])[1]
        self.write(IMAGE, stamp_ns, self.store.types[IMAGE](self.header(stamp_ns), "bgr8; jpeg compressed bgr8", data))
        return cv2.imdecode(data, cv2.IMREAD_COLOR)

    def info(self, stamp_ns: int, camera: Camera) -> None:
        roi = self.store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        message = self.store.types[INFO](
            header=self.header(stamp_ns),
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=camera.K.ravel(),
            r=np.eye(3).ravel(),
            p=np.c_[camera.K, np.zeros(3)].ravel(),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )
        self.write(INFO, stamp_ns, message)

    def keypoints(self, frame: Keypoints2D) -> None:
        skeleton = self.store.types["pose3d_ros/msg/Skeleton2D"]
        people = [
            skeleton(id=p.id, side=p.side, format=p.format, xy_px=p.xy_px.ravel(), score=p.score) for p in frame.people
        ]
        message = self.store.types[KEYPOINTS](
            header=self.header(frame.stamp_ns), width=frame.width, height=frame.height, people=people
        )
        self.write(KEYPOINTS, frame.stamp_ns + DETECTION_NS, message)


def reliable_qos() -> Qos:
    """What drivers offer by default; a player offers the same."""
    unset = QosTime(2147483647, 4294967295)
    return Qos(
        QosHistory.KEEP_LAST, 5, QosReliability.RELIABLE, QosDurability.VOLATILE, unset, unset,
        QosLiveliness.AUTOMATIC, unset, avoid_ros_namespace_conventions=False,
    )  # fmt: skip


def record(args: argparse.Namespace) -> int:
    """Number of frames written."""
    detector, count = make(DetectorConfig()), 0
    with Writer(args.out, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP) as writer:
        recorder = Recorder(writer, args.frame_id, args.quality)
        for clip in args.videos:
            for bgr in frames(clip):
                stamp_ns = START_NS + round(count * 1e9 / args.rate)
                seen = recorder.image(stamp_ns, bgr)
                recorder.info(stamp_ns, Camera.from_fov(bgr.shape[1], bgr.shape[0], args.fov))
                recorder.keypoints(detector.detect(seen[..., ::-1], stamp_ns))
                count += 1
    detector.close()
    return count


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="FILE[:FIRST[:END]]")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new bag")
    parser.add_argument("--rate", type=float, default=30.0, help="frames per second of the videos")
    parser.add_argument("--fov", type=float, default=60.0, help="assumed horizontal field of view, degrees")
    parser.add_argument("--quality", type=int, default=80, help="JPEG quality")
    parser.add_argument("--frame-id", default="camera_optical_frame")
    args = parser.parse_args()
    count = record(args)
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {count} frames, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes a rosbag2 (mcap) from video files: compressed images, camera_info and the 2D keypoints of our detector.

Needs no ROS, but the detector's models (pose3d detector fetch):

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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pose3d_ros.core.types import Keypoints2D  # noqa: E402
from pose3d_ros.detectors import DetectorConfig, make  # noqa: E402
from pose3d_ros.geometry.camera import Camera  # noqa: E402
from pose3d_ros.lab.bags.writer import BagWriter  # noqa: E402

START_NS = 1_700_000_000_000_000_000  # any; fixed, so that the same videos give the same bag
DETECTION_NS = 30_000_000  # keypoints are recorded that much after their image, about what the detector takes


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


def record(args: argparse.Namespace) -> int:
    """Number of frames written."""
    detector, count = make(DetectorConfig()), 0
    with BagWriter(args.out, force=args.force) as bag:
        for clip in args.videos:
            for bgr in frames(clip):
                stamp_ns = START_NS + round(count * 1e9 / args.rate)
                jpeg = bag.image("/image/compressed", stamp_ns, bgr, stamp_ns, args.frame_id, args.quality)
                camera = Camera.from_fov(bgr.shape[1], bgr.shape[0], args.fov)
                bag.camera("/camera_info", stamp_ns, camera, stamp_ns, args.frame_id)
                seen = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)  # as a subscriber decodes it
                people = detector.detect(np.ascontiguousarray(seen[..., ::-1]), stamp_ns)
                found = Keypoints2D(stamp_ns, people, args.frame_id, bgr.shape[1], bgr.shape[0])
                bag.keypoints("/keypoints", stamp_ns + DETECTION_NS, found)
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
    parser.add_argument("--force", action="store_true", help="replace the bag that is there")
    parser.add_argument("--frame-id", default="camera_optical_frame")
    args = parser.parse_args()
    count = record(args)
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {count} frames, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

"""Lift the people of a video file with a detector of this package.

    python examples/2_video_file.py VIDEO [--fov 60] [--frames 100]

The detector's model files come once with `make models`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros import Camera, Keypoints2D, Pipeline, Skeletons3D
from pose3d_ros.detectors import Detector, make


def images(video: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Stamp in nanoseconds and RGB image of every frame."""
    capture = cv2.VideoCapture(str(video))
    rate_hz = capture.get(cv2.CAP_PROP_FPS) or 30.0
    for number in range(10**9):
        there, image = capture.read()
        if not there:
            return
        yield round(number / rate_hz * 1e9), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def lift(video: Path, detector: Detector, fov_deg: float = 60.0) -> Iterator[Skeletons3D]:
    """Everybody's skeleton in every frame, in metres, in the axes of the camera."""
    pipeline = Pipeline()
    for stamp_ns, image in images(video):
        height, width = image.shape[:2]
        people = detector.detect(image, stamp_ns)
        yield pipeline.push(
            Keypoints2D(stamp_ns, people, "camera", width, height), Camera.from_fov(width, height, fov_deg)
        )
    pipeline.close()


def main() -> None:
    """Print how far everybody is away."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--fov", type=float, default=60.0, help="horizontal field of view in degrees")
    args = parser.parse_args()
    for found in lift(args.video, make(), args.fov):
        away = ", ".join(f"person {person.track} {person.xyz_m[0, 2]:.2f} m" for person in found.people)
        print(f"{found.stamp_ns / 1e9:.2f} s: {away or 'nobody'}")


if __name__ == "__main__":
    main()

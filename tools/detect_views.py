#!/usr/bin/env python3
"""Writes the 2D detections of calibrated views that `benchmark/real_views.py` reads, one npz a view.

In an environment with MediaPipe 0.10.21:

    python tools/detect_views.py Calib.qca.txt cam01.mp4 cam02.mp4 ... --out demo/pose2sim

The calibration is that of Qualisys Track Manager; the order of the videos is that of its cameras.
"""

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mediapipe_landmarks import FORMAT, MediaPipe  # noqa: E402

from pose3d_ros.core import formats  # noqa: E402

SUBPIXELS = 64  # intrinsics are in 1/64 px
MM_PER_M = 1000


def calibration(camera: ElementTree.Element) -> dict[str, np.ndarray]:
    """K, D (plumb_bob) and the optical frame's pose R, t: x_camera = R @ x_world + t, metres."""
    transform = {key: float(value) for key, value in camera.find("transform").attrib.items()}
    lens = {key: float(value) for key, value in camera.find("intrinsic").attrib.items() if key != "name"}
    R = np.array([[transform[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
    R[1:] *= -1  # y up, z backward in the file; y down, z forward in the optical frame
    position_m = np.array([transform[axis] for axis in "xyz"]) / MM_PER_M
    K = np.eye(3)
    K[0, 0], K[1, 1] = lens["focalLengthU"] / SUBPIXELS, lens["focalLengthV"] / SUBPIXELS
    K[0, 2], K[1, 2] = lens["centerPointU"] / SUBPIXELS, lens["centerPointV"] / SUBPIXELS
    names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    return {"K": K, "D": np.array([lens[name] for name in names]), "R": R, "t": -R @ position_m}


def detections(path: str) -> dict[str, np.ndarray]:
    """`xy_px` (F, 33, 2), `score` (F, 33), MediaPipe's own `world_m` (F, 33, 3), rate and size of a video."""
    video = cv2.VideoCapture(path)
    rate_hz, joints = video.get(cv2.CAP_PROP_FPS), len(formats.get(FORMAT))
    detector = MediaPipe(hands=False)
    found = {"xy_px": [], "score": [], "world_m": []}
    while (read := video.read())[0]:
        bodies, _ = detector.find(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        body = bodies[0] if bodies else None
        found["xy_px"].append(body.xy_px if body else np.full((joints, 2), np.nan))
        found["score"].append(body.score if body else np.zeros(joints))
        found["world_m"].append(body.world_m if body else np.full((joints, 3), np.nan))
    if not found["score"]:
        raise SystemExit(f"cannot read video {path!r}")
    size = {"width": video.get(cv2.CAP_PROP_FRAME_WIDTH), "height": video.get(cv2.CAP_PROP_FRAME_HEIGHT)}
    return {
        **{key: np.array(value, np.float32) for key, value in found.items()},
        **{key: int(value) for key, value in size.items()},
        "rate_hz": rate_hz,
        "format": FORMAT,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calibration")
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    cameras = list(ElementTree.parse(args.calibration).getroot().iter("camera"))
    if len(cameras) != len(args.videos):
        raise SystemExit(f"expected {len(cameras)} videos, as many as calibrated cameras, got {len(args.videos)}")
    args.out.mkdir(parents=True, exist_ok=True)
    for camera, video in zip(cameras, args.videos, strict=True):
        path = args.out / f"{Path(video).stem}.npz"
        np.savez_compressed(path, **detections(video), **calibration(camera))
        print(path)


if __name__ == "__main__":
    main()

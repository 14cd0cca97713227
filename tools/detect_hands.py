#!/usr/bin/env python3
"""Writes the hands that MediaPipe finds in videos, which `benchmark/detectors.py` compares with.

In an environment with MediaPipe 0.10.21: python tools/detect_hands.py help.mkv book.mkv ... --out hands.npz
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mediapipe_landmarks import MediaPipe  # noqa: E402


def hands(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of frames (H,) and joints (H, 21, 2) in pixels."""
    video, detector = cv2.VideoCapture(str(path)), MediaPipe()
    numbers, joints = [], []
    number = 0
    while (read := video.read())[0]:
        for hand in detector.find(read[1][..., ::-1])[1]:
            numbers.append(number)
            joints.append(hand.xy_px)
        number += 1
    return np.array(numbers, int), np.array(joints, np.float32).reshape(-1, 21, 2)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = {}
    for path in args.videos:
        found[f"{path.stem}_frame"], found[f"{path.stem}_xy_px"] = hands(path)
        print(f"{path.stem}: {len(found[f'{path.stem}_frame'])} hands")
    np.savez_compressed(args.out, **found)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes MediaPipe's own 3D landmarks of a bag's images, which `benchmark/images_on_video.py` compares with.

In an environment of its own (pip install 'mediapipe==0.10.21' scipy rosbags pyyaml):

    python tools/detect_worlds.py demo/signing --out demo/signing_mediapipe.npz
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mediapipe_landmarks import MediaPipe, owned_hands  # noqa: E402

from pose3d_ros.lab.bags.reader import Bag  # noqa: E402


def landmarks(bag: Bag) -> dict[str, np.ndarray]:
    """`stamp_ns`, `side`, `xy_px` (N, 21, 2), `world_m` (N, 21, 3) of hands; the same with `body_` of bodies, 33
    joints and no side. Hands are given to sides as by the detector."""
    detector = MediaPipe()
    hands, bodies = [], []
    for stamp_ns in sorted(bag.image_stamps_ns):
        bgr = bag.image(stamp_ns)
        if bgr is None:
            continue
        found = detector.find(bgr[..., ::-1])
        hands += [(stamp_ns, side, hand.xy_px, hand.world_m) for _, side, hand in owned_hands(*found)]
        bodies += [(stamp_ns, body.xy_px, body.world_m) for body in found[0]]
    if not (hands and bodies):
        raise SystemExit(f"found {len(bodies)} bodies and {len(hands)} hands in {bag.path}: nothing to compare with")
    stamps, sides, xy_px, world_m = zip(*hands, strict=True)
    body_stamps, body_px, body_m = zip(*bodies, strict=True)
    points = {"xy_px": xy_px, "world_m": world_m, "body_xy_px": body_px, "body_world_m": body_m}
    return {
        "stamp_ns": np.array(stamps, np.int64),
        "side": np.array(sides),
        "body_stamp_ns": np.array(body_stamps, np.int64),
        **{name: np.array(value, np.float32) for name, value in points.items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = landmarks(Bag(args.bag))
    np.savez_compressed(args.out, **found)
    print(f"{args.out}: {len(found['stamp_ns'])} hands, {len(found['body_stamp_ns'])} bodies")


if __name__ == "__main__":
    main()

"""Drive a parallel gripper by a hand: how far it opens, and where it is. Keypoints of a real hand lie in demo/.

    python examples/4_hands_to_gripper.py [--stroke 0.085]

A command is given only while the hand was measured. This is no safety function.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pose3d_ros import Camera, Keypoints2D, Person2D, Pipeline
from pose3d_ros.core.types import Hand3D, JointState

RECORDING = Path(__file__).parents[1] / "demo" / "signing_mediapipe.npz"
OPEN_M, MIN_MEASURED = 0.10, 15  # thumb to index tip of an open hand; joints that must have been seen


class Command(NamedTuple):
    """For a gripper: `opening_m`, and the wrist's pose in the camera frame."""

    stamp_ns: int
    opening_m: float
    wrist_m: np.ndarray
    quat_xyzw: np.ndarray


def command(hand: Hand3D, stamp_ns: int, stroke_m: float) -> Command | None:
    """What the gripper is told, None = nothing: the hand is carried on unseen."""
    if (hand.state == JointState.MEASURED).sum() < MIN_MEASURED:
        return None
    share = float(np.clip(hand.aperture_m / OPEN_M, 0, 1))
    return Command(stamp_ns, share * stroke_m, hand.wrist_m, hand.quat_xyzw)


def commands(side: str, stroke_m: float) -> Iterator[Command]:
    """Commands from the recorded hands of one side."""
    recorded, pipeline, camera = np.load(RECORDING), Pipeline(), Camera.from_fov(640, 480, 60.0)
    bodies = dict(zip(recorded["body_stamp_ns"].tolist(), recorded["body_xy_px"], strict=True))
    for stamp_ns, which, xy_px in zip(recorded["stamp_ns"], recorded["side"], recorded["xy_px"], strict=True):
        if which != side or int(stamp_ns) not in bodies:
            continue
        body = Person2D("mediapipe33", bodies[int(stamp_ns)], np.full(33, 0.9), "signer")
        hand = Person2D("hand21", xy_px, np.full(21, 0.9), "signer", side)
        found = pipeline.push(Keypoints2D(int(stamp_ns), (body, hand), "camera", 640, 480), camera)
        for one in found.hands:
            if one.side == side and (told := command(one, found.stamp_ns, stroke_m)):
                yield told


def main() -> None:
    """Print the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", default="right", choices=("left", "right"))
    parser.add_argument("--stroke", type=float, default=0.085, help="of the gripper, in metres")
    args = parser.parse_args()
    for told in commands(args.side, args.stroke):
        print(f"{told.stamp_ns / 1e9:.2f} s: open {1e3 * told.opening_m:.0f} mm at {np.round(told.wrist_m, 2)} m")


if __name__ == "__main__":
    main()

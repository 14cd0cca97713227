#!/usr/bin/env python3
"""`Pipeline.push` on the keypoints of a recorded bag, body and both hands: milliseconds per stage.

python benchmark/bag_latency.py [BAG, default demo/signing] [--repeat 4]
"""

import argparse
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.pipeline import Pipeline
from pose3d_ros.viewing.bag import Recording

WARM_UP = 30  # frames


def main() -> None:
    """Pushes the bag over and over, as one stream, and prints percentiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", nargs="?", type=Path, default=Path(__file__).parents[1] / "demo/signing")
    parser.add_argument("--repeat", type=int, default=4)
    args = parser.parse_args()
    recording, pipeline = Recording(args.bag), Pipeline()
    frames = [frame for _, frame in sorted(recording.keypoints.items())]
    length_ns = frames[-1].stamp_ns - frames[0].stamp_ns + 33_333_333
    results = [
        pipeline.push(replace(frame, stamp_ns=frame.stamp_ns + turn * length_ns), recording.camera)
        for turn in range(args.repeat)
        for frame in frames
    ][WARM_UP:]
    hands = np.mean([len(result.hands) for result in results])
    print(f"{args.bag.name}: {len(results)} frames, {hands:.2f} hands a frame, {platform.machine()}, "
          f"{torch.get_num_threads()} thread(s), torch {torch.__version__}")  # fmt: skip
    print(f"{'ms':>10} {'p50':>8} {'p95':>8} {'p99':>8}")
    for stage in results[0].timings_ms:
        times = np.percentile([result.timings_ms[stage] for result in results], (50, 95, 99))
        print(f"{stage:>10} " + " ".join(f"{value:8.2f}" for value in times))


if __name__ == "__main__":
    main()

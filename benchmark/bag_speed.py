#!/usr/bin/env python3
"""How much faster than real time a bag is evaluated: one person of a motion file, noisy keypoints, truth beside them.

python benchmark/bag_speed.py --motion data/body/validation.npz
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from pose3d_ros.lab.bags.synthetic import SyntheticConfig, synthesize
from pose3d_ros.lab.evaluation.bags import bag
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.pipeline import PipelineConfig
from pose3d_ros.settings import BodyConfig

ROUNDS = 3


def main() -> None:
    """Parse, make the bag of the longest clip, evaluate it some times, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--motion", type=Path, required=True, help="motion file (npz)")
    parser.add_argument("--backend", default="auto", help="as body.backend")
    options = parser.parse_args()
    with np.load(options.motion) as file:
        longest = int(np.argmax(np.diff(file["clip_offset"]) / file["clip_fps"]))
    body = BodyConfig(backend=options.backend, wait_for_engine=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bag"
        synthesize(path, options.motion, SyntheticConfig(clip=str(longest), noise=1.0, protocol="burst"))
        config = BagEvaluationConfig(bag=path, truth="topic:/truth", pipeline=PipelineConfig(body=body))
        lifter = bag.load_lifter(config)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            material = bag.read(config, lifter.spec.joints)
            read_s = time.perf_counter() - began
            bag.evaluate_direct(lifter, material, config)
            total_s = time.perf_counter() - began
            long_s = material.bag.duration_s
            done = (
                f"read in {read_s:.2f}, lifted and scored in {total_s - read_s:.2f}: {long_s / total_s:.1f} x real time"
            )
            print(f"{lifter.description.split(' [')[0]}: bag of {long_s:.1f} s, {done}")


if __name__ == "__main__":
    main()

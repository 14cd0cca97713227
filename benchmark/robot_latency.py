"""Keypoints in to joint targets out, in one process and on one thread: lifting, hands, rotations, robots.

    . tools/env.sh && OMP_NUM_THREADS=1 python benchmark/robot_latency.py [--robots NAME,NAME] [--rounds N]

The demo's person with both hands, frame by frame. Wall clock, and CPU time, which a busy machine does not change.
"""

import argparse
import json
import time
from dataclasses import replace

import numpy as np

from pose3d_ros import Pipeline, PipelineConfig
from pose3d_ros.control.follow import FollowConfig
from pose3d_ros.control.robots import Robots
from pose3d_ros.core.paths import share_dir
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.evaluation.report import machine

WARM_UP = 30


def measure(robots: Robots, rounds: int) -> dict:
    """Milliseconds a frame of both steps and in all, by either clock, once everything has run."""
    config = PipelineConfig()
    pipeline = Pipeline(replace(config, body=replace(config.body, wait_for_engine=True)))
    entries = list(Bag(share_dir() / "demo" / "signing").inputs())
    camera = next(entry.camera for entry in entries if entry.camera)
    robots.close_clutch()
    span_ns = entries[-1].keypoints.stamp_ns - entries[0].keypoints.stamp_ns + 33_000_000
    spent: dict[str, list[tuple[float, float]]] = {"wall": [], "cpu_time": []}
    commands = 0
    for lap in range(rounds):
        for entry in entries:
            frame = replace(entry.keypoints, stamp_ns=entry.keypoints.stamp_ns + lap * span_ns)
            marks = [_clocks()]
            result = pipeline.push(frame, camera)
            marks.append(_clocks())
            commands += len(robots.push(result))
            marks.append(_clocks())
            for clock, values in spent.items():
                at = [mark[clock] for mark in marks]
                values.append((at[1] - at[0], at[2] - at[1]))
    pipeline.close()
    report = {clock: _figures(np.array(values[WARM_UP:]) * 1e3) for clock, values in spent.items()}
    return report | {"robots": list(robots.drivers), "frames": len(spent["wall"]) - WARM_UP, "commands": commands}


def _clocks() -> dict[str, float]:
    return {"wall": time.perf_counter(), "cpu_time": time.process_time()}


def _figures(ms: np.ndarray) -> dict:
    parts = {"push_ms": ms[:, 0], "robots_ms": ms[:, 1], "all_ms": ms.sum(1)}
    return {
        name: {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 95, 99)}
        for name, values in parts.items()
    }


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robots", default="leap:right,leap:left,g1:upper")
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    robots = Robots(tuple(args.robots.split(",")), FollowConfig())
    print(json.dumps(measure(robots, args.rounds) | machine("auto"), indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""From sending a keypoints message to receiving its skeletons, over DDS, at 30 Hz; and what the node itself measures.

    python benchmark/node_latency.py --people 1 --seconds 60

`round_trip_ms` includes both DDS hops and this script's Python; `node_ms` is arrival in the node to publication.
"""

import argparse
import json
import platform
import time

import numpy as np
import torch
from peer.people import RATE_HZ
from peer.session import session

from pose3d_ros.msg import StageTimings

WARM_UP_S = 3.0


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99, rounded."""
    if not values:
        return {}
    return {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95, 99)}


def main() -> None:
    """Runs and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--weights", default="body_dtf27", help="name, or path of a .safetensors file")
    options = parser.parse_args()
    timings: list[StageTimings] = []
    with session(options.people, options.weights) as (peer, _):
        peer.create_subscription(StageTimings, "timings", timings.append, 100)
        peer.play(WARM_UP_S)
        peer.sent.clear(), peer.received.clear(), timings.clear()
        peer.play(options.seconds)
        time.sleep(1.0)  # the last answers
        sent, received = peer.sent, peer.received
    round_trip_ms = [1e3 * (received[stamp] - sent[stamp]) for stamp in sent if stamp in received]
    stages: dict[str, list[float]] = {}
    for timing in timings:
        for stage, ms in zip(timing.stage, timing.ms, strict=True):
            stages.setdefault(stage, []).append(ms)
    report = {
        "people": options.people,
        "rate_hz": RATE_HZ,
        "seconds": options.seconds,
        "weights": options.weights,
        "round_trip_ms": percentiles(round_trip_ms),
        "node_ms": percentiles([t.age_out_ms - t.age_in_ms for t in timings]),
        "stages_ms": {stage: percentiles(values) for stage, values in stages.items()},
        "sent": len(sent),
        "answered": len(round_trip_ms),
        "stored_without_inference": len(sent) - len(round_trip_ms),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

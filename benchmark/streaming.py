#!/usr/bin/env python3
"""Time of a new frame for a streaming lifter and a windowed one, in turns in one process.

    python benchmark/streaming.py [--weights body_stream] [--windowed body_dtf27] [--people 1 4 16] [--json OUT]

Both run in eager torch on one CPU thread. Times are CPU time, so that other work on the machine counts little: the
whole pipeline, and the network alone. Beside them the streaming network computed again from the first of its frames,
and how far its numbers are from the kept state's.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.lab.evaluation.latency.synthetic_keypoints import CAMERA, crowd
from pose3d_ros.lab.evaluation.report import machine
from pose3d_ros.models import Lifter, registry
from pose3d_ros.models.streaming_lifter import StreamingLifter
from pose3d_ros.pipeline import Pipeline, PipelineConfig
from pose3d_ros.settings import HandConfig

NO_HANDS = PipelineConfig(hands=HandConfig(weights=""))
WARM_UP = 30
EACH = 12  # calls of one lifter, then of the next
AGAIN_FRAMES = (27, 81)
Timed = Callable[[], None]


def pusher(lifter: Lifter, people: int) -> Timed:
    """Pushes the next frame of an endless stream; fails where somebody is missing in the output."""
    pipeline, frames = Pipeline(lifter=lifter, config=NO_HANDS), crowd(people)
    done = 0

    def push() -> None:
        nonlocal done
        if done % len(frames) == 0:
            pipeline.reset()
        found = pipeline.push(frames[done % len(frames)], CAMERA)
        done += 1
        if done % len(frames) > WARM_UP and len(found.people) != people:
            raise Pose3DError(f"expected {people} people in the output, got {len(found.people)}")

    return push


def newest(lifter: Lifter, people: int) -> Timed:
    """The network alone, for a new frame of everybody."""
    network = lifter.network
    if not lifter.keeps_state:
        inputs = torch.from_numpy(lifter.spec.example(people))
        return lambda: network(inputs, frame=-1)
    x, state = torch.randn(people, network.config.features), network.start(people)

    def step() -> None:
        nonlocal state
        state = network.step(x, state)[1]

    return step


def again(lifter: StreamingLifter, frames: int) -> Timed:
    """The network alone, from the first of so many frames on."""
    x = torch.randn(1, frames, lifter.network.config.features)
    return lambda: lifter.network(x, frame=-1)


@torch.inference_mode()
def in_turns(timed: dict[str, Timed], rounds: int) -> dict[str, float]:
    """Median milliseconds of CPU time a call."""
    for run in timed.values():
        for _ in range(WARM_UP):
            run()
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, run in timed.items():
            for _ in range(EACH):
                begin = time.process_time()
                run()
                found[name].append(1e3 * (time.process_time() - begin))
    return {name: round(float(np.median(times)), 3) for name, times in found.items()}


@torch.inference_mode()
def difference(lifter: StreamingLifter, frames: int) -> float:
    """The largest difference of a coordinate in metres between steps and whole sequences."""
    network, largest = lifter.network, 0.0
    x, state = torch.randn(1, frames, network.config.features), network.start(1)
    for t in range(frames):
        out, state = network.step(x[:, t], state)
        largest = max(largest, float((out["xyz"] - network(x[:, : t + 1], frame=-1)["xyz"]).abs().max()))
    return largest


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="body_stream", help="name or path of a streaming lifter")
    parser.add_argument("--windowed", default="body_dtf27", help="name or path")
    parser.add_argument("--people", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=20, help=f"of {EACH} calls each")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        streaming, windowed = (registry.load(name) for name in (args.weights, args.windowed))
        timed = {f"streaming again, {frames} frames": again(streaming, frames) for frames in AGAIN_FRAMES}
        for people in args.people:
            for name, lifter in (("windowed", windowed), ("streaming", streaming)):
                timed[f"{name} push, {people} people"] = pusher(lifter, people)
                timed[f"{name} network, {people} people"] = newest(lifter, people)
        found = in_turns(timed, args.rounds)
    except Pose3DError as error:
        sys.exit(f"benchmark/streaming.py: {error}")
    found["largest_difference_m"] = difference(streaming, max(AGAIN_FRAMES))
    report = {"cpu_ms": found, **machine(streaming.description)}
    for name, value in found.items():
        print(f"{name:>32} {value:.3g}")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

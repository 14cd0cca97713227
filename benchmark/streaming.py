#!/usr/bin/env python3
"""Time of a new frame for a streaming lifter and a windowed one, in turns in one process.

    python benchmark/streaming.py [--weights body_stream] [--windowed body_dtf27] [--people 1 4 16] [--json OUT]

Both run in eager torch on one CPU thread. `lifting` is guidance, normalisation and network; `push` the whole pipeline.
Beside them: the streaming network computed again from the first of its frames, and how far its numbers are from the
kept state's.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from lifter import WARM_UP, percentiles, stream

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.evaluation.report import machine
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models import Lifter, registry
from pose3d_ros.pipeline import Pipeline

LIFTING = ("guidance", "model")
EACH = 12  # pushes of one lifter, then of the next
AGAIN_FRAMES = (27, 81)


def measure(lifters: dict[str, Lifter], people: int, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """{lifter: {"lifting_ms", "push_ms": percentiles}}."""
    camera, frames = Camera.from_fov(1920, 1080, 70), stream(people, WARM_UP + rounds * EACH)
    pipelines = {name: Pipeline(lifter=lifter) for name, lifter in lifters.items()}
    lifting: dict[str, list[float]] = {name: [] for name in lifters}
    push: dict[str, list[float]] = {name: [] for name in lifters}
    for pipeline in pipelines.values():
        for frame in frames[:WARM_UP]:
            pipeline.push(frame, camera)
    for first in range(WARM_UP, len(frames), EACH):
        for name, pipeline in pipelines.items():
            for frame in frames[first : first + EACH]:
                begin = time.perf_counter()
                found = pipeline.push(frame, camera)
                push[name].append(1e3 * (time.perf_counter() - begin))
                lifting[name].append(sum(found.timings_ms[stage] for stage in LIFTING))
                if len(found.people) != people:
                    raise Pose3DError(f"expected {people} people in the output, got {len(found.people)}")
    return {
        name: {"lifting_ms": percentiles(np.array(lifting[name])), "push_ms": percentiles(np.array(push[name]))}
        for name in lifters
    }


@torch.inference_mode()
def again(lifter: Lifter, frames: int, rounds: int) -> dict[str, float]:
    """The network alone: p50 of one step and of the whole sequence, and the largest difference of a joint in metres."""
    network, rng = lifter.network, torch.Generator().manual_seed(0)
    x = torch.randn(1, frames, network.config.features, generator=rng)
    step_ms, whole_ms, off = [], [], 0.0
    state = network.start(1)
    for t in range(frames):
        out, state = network.step(x[:, t], state)
        off = max(off, float((out["xyz"] - network(x[:, : t + 1], frame=-1)["xyz"]).abs().max()))
    for _ in range(rounds):
        for times, run in ((step_ms, lambda: network.step(x[:, 0], state)), (whole_ms, lambda: network(x, frame=-1))):
            begin = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - begin))
    return {"step_ms": float(np.median(step_ms)), "again_ms": float(np.median(whole_ms)), "largest_difference_m": off}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="body_stream", help="name or path of a streaming lifter")
    parser.add_argument("--windowed", default="body_dtf27", help="name or path")
    parser.add_argument("--people", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=20, help=f"of {EACH} frames each")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        lifters = {name: registry.load(name) for name in (args.windowed, args.weights)}
        report: dict = {count: measure(lifters, count, args.rounds) for count in args.people}
        report |= {f"{n} frames": again(lifters[args.weights], n, 10 * args.rounds) for n in AGAIN_FRAMES}
    except Pose3DError as error:
        sys.exit(f"benchmark/streaming.py: {error}")
    report["meta"] = machine(lifters[args.weights].description)
    for count in args.people:
        for name, found in report[count].items():
            for what, ms in found.items():
                print(
                    f"{count:>3} people  {name:>16}  {what:>10}  " + "  ".join(f"{q} {v:7.2f}" for q, v in ms.items())
                )
    for frames in AGAIN_FRAMES:
        found = report[f"{frames} frames"]
        saved = 100 * (1 - found["step_ms"] / found["again_ms"])
        print(
            f"{frames} frames again {found['again_ms']:.2f} ms, kept {found['step_ms']:.2f} ms ({saved:.0f} % less), "
            f"largest difference {found['largest_difference_m']:.1e} m"
        )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

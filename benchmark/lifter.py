#!/usr/bin/env python3
"""Time of `Pipeline.push`, keypoints in to metric 3D out, against the published DTF network at T = 351, run per frame.

    python benchmark/lifter.py [--weights body_dtf27] [--people 1 4 16] [--threads 1] [--json OUT]

Both run eagerly on the CPU, in turns, in one process, so that whatever else the machine does meets both. The published
network lifts one person and is timed alone, without tracking or guidance; its weights are random, which costs the same.
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
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.evaluation.report import machine
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models import Lifter, registry
from pose3d_ros.models.dtf import DTF, PUBLISHED
from pose3d_ros.pipeline import Pipeline

PUBLISHED_FRAMES = 351
HIDDEN = 0.3
FRAME_NS = 33_333_333
WARM_UP = 30
Timed = Callable[[], None]
# a standing person of the h36m17 joints, about the pelvis
STANDING_PX = 1.0 * np.array(
    [
        (0, 0), (-28, 2), (-30, 105), (-32, 205), (28, -2), (34, 100), (38, 200), (3, -60), (4, -125), (10, -150),
        (4, -185), (38, -122), (50, -60), (58, -5), (-34, -126), (-48, -70), (-40, -20),
    ]
)  # fmt: skip


def stream(people: int, frames: int = 600) -> list[Keypoints2D]:
    """People side by side who sway, 30 frames a second, without ids, with 30 % of the joints missing in each frame."""
    rng = np.random.default_rng(0)
    body = np.tile(STANDING_PX, (people, 1, 1)) * rng.uniform(0.8, 1.2, (people, 1, 1))
    place = np.stack((150 + 1620 * (np.arange(people) + 0.5) / people, np.full(people, 540.0)), -1)
    found = []
    for i in range(frames):
        sway = 25 * np.sin(i / 15 + np.arange(people))[:, None, None]
        xy = body + place[:, None] + sway + rng.normal(0, 1.5, body.shape)
        score = np.where(rng.random(body.shape[:2]) < HIDDEN, 0, 0.9)
        crowd = tuple(Person2D("h36m17", xy[n], score[n]) for n in range(people))
        found.append(Keypoints2D(1_000_000_000 + i * FRAME_NS, crowd, "camera", 1920, 1080))
    return found


def pusher(lifter: Lifter, people: int) -> Timed:
    """Pushes the next frame of an endless stream; fails where somebody is missing in the output."""
    pipeline, camera, frames = Pipeline(lifter=lifter), Camera.from_fov(1920, 1080, 70), stream(people)
    done = 0

    def push() -> None:
        nonlocal done
        if done % len(frames) == 0:
            pipeline.reset()
        found = pipeline.push(frames[done % len(frames)], camera)
        done += 1
        if done > WARM_UP and done % len(frames) > WARM_UP and len(found.people) != people:
            raise Pose3DError(f"expected {people} people in the output, got {len(found.people)}: {found.reasons}")

    return push


def published() -> Timed:
    """One forward of the published network on a window of 351 frames, as it is run for every frame of a stream."""
    network = DTF(PUBLISHED[PUBLISHED_FRAMES]).eval().requires_grad_(False)
    window = torch.randn(1, PUBLISHED_FRAMES, 17, 3)

    def run() -> None:
        with torch.inference_mode():
            network(window)

    return run


def in_turns(timed: dict[str, Timed], rounds: int, each: int) -> dict[str, np.ndarray]:
    """Milliseconds of every call; `each` calls of one, then of the next."""
    for run in timed.values():
        for _ in range(3):
            run()
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, run in timed.items():
            for _ in range(each if name != "published" else 1):
                begin = time.perf_counter()
                run()
                found[name].append(1e3 * (time.perf_counter() - begin))
    return {name: np.array(times) for name, times in found.items()}


def percentiles(times_ms: np.ndarray) -> dict[str, float]:
    """p50, p95, p99."""
    return {f"p{q}": round(float(np.percentile(times_ms, q)), 3) for q in (50, 95, 99)}


def measure(lifter: Lifter, counts: list[int], rounds: int) -> dict:
    """Everything that is printed."""
    timed: dict[str, Timed] = {"published": published()}
    for count in counts:
        timed[f"push {count}"] = pusher(lifter, count)
        inputs = lifter.spec.example(count)
        timed[f"model {count}"] = lambda inputs=inputs: lifter(inputs)
    for count in counts:
        for _ in range(WARM_UP):
            timed[f"push {count}"]()
    times = in_turns(timed, rounds, 12)
    report = {"published_ms": percentiles(times["published"]), "people": {}}
    for count in counts:
        push, model = percentiles(times[f"push {count}"]), percentiles(times[f"model {count}"])
        ratio = round(count * report["published_ms"]["p50"] / push["p50"], 1)
        report["people"][count] = {"push_ms": push, "model_ms": model, "speedup_over_published": ratio}
    return report | machine(lifter.description)


def show(report: dict) -> None:
    """Print the report as a table."""
    print(f"{report['device']}; {report['cpu']}; {report['threads']} thread(s); {report['versions']}")
    print(f"{'ms':>22} {'p50':>8} {'p95':>8} {'p99':>8}")
    rows = [("published T=351, 1", report["published_ms"], "")]
    for count, found in report["people"].items():
        rows.append((f"push, {count}", found["push_ms"], f"  {found['speedup_over_published']} x less per person"))
        rows.append((f"model alone, {count}", found["model_ms"], ""))
    for name, ms, note in rows:
        print(f"{name:>22} {ms['p50']:8.2f} {ms['p95']:8.2f} {ms['p99']:8.2f}{note}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="body_dtf27", help="name or path")
    parser.add_argument("--people", type=int, nargs="+", default=[1, 4, 16])
    # a network this small gains little from a second thread, and waits for it wherever the machine has other work
    parser.add_argument("--threads", type=int, default=1, help="of torch; 0 = as torch decides")
    parser.add_argument("--rounds", type=int, default=20, help="of 12 pushes and one published forward each")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        report = measure(registry.load(args.weights), args.people, args.rounds)
    except Pose3DError as error:
        sys.exit(f"benchmark/lifter.py: {error}")
    show(report)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

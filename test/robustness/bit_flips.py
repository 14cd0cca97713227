"""Random bits of the weights flipped while a pipeline runs: `python test/robustness/bit_flips.py --count 1000`.

A person walks before the camera. After a flip the stream goes on for as long as the self-test may take (1 s of frames),
then for five frames more; the flip is missed where one of these gives a pose that is off by more than 50 mm from what
the intact network gives. Prints JSON.
"""

import argparse
import json
from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from hostile import CAMERA, STANDING_M

from pose3d_ros.core.errors import EngineError
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig

RATE_HZ, WARM, WITHIN, AFTER = 30, 30, 30, 5
LIMIT_M = 0.05


class Flip(NamedTuple):
    """Bit `bit` of weight `index` of the parameter `name`."""

    name: str
    index: int
    bit: int


class Clock:
    """Seconds of the stream, so that a fast machine does not test more often than a robot."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def frames(count: int) -> list[Keypoints2D]:
    """Somebody who walks, swings arms and legs, and whose left arm is hidden every other second."""
    found = []
    for i in range(count):
        t, joints = i / RATE_HZ, STANDING_M.copy()
        swing = 0.25 * np.sin(6 * t)
        joints[[3, 12, 13], 2] += swing
        joints[[6, 15, 16], 2] -= swing
        xy_px = CAMERA.project(joints + np.array((0.4 * np.sin(t), 0, 3.5 + 0.3 * np.cos(0.7 * t))))
        score = np.full(17, 0.9)
        score[[12, 13]] *= int(t) % 2 == 0
        found.append(Keypoints2D(i * 10**9 // RATE_HZ, (Person2D("h36m17", xy_px, score, "a"),), "", 640, 480))
    return found


def open_pipeline(weights: str) -> tuple[Pipeline, Clock]:
    """On eager torch, whose weights can be reached."""
    body = BodyConfig(weights=weights, device="cpu", backend="torch")
    pipeline, clock = Pipeline(PipelineConfig(body=body, hands=HandConfig(weights=""))), Clock()
    for _, test in pipeline.tests.tests:
        test._clock, test._next_s = clock, 0.0
    return pipeline, clock


def flip(pipeline: Pipeline, one: Flip) -> None:
    """Change the weight where it lies; once more to change it back."""
    flat = dict(pipeline.bodies.lifter.network.named_parameters())[one.name].detach().view(-1)
    flat.view(torch.int32)[one.index] ^= torch.tensor(1 << one.bit if one.bit < 31 else -(1 << 31), dtype=torch.int32)


def draw(pipeline: Pipeline, rng: np.random.Generator) -> Flip:
    """Any bit of any weight, each as likely as the others."""
    parameters = dict(pipeline.bodies.lifter.network.named_parameters())
    sizes = np.array([p.numel() for p in parameters.values()])
    name = list(parameters)[rng.choice(len(sizes), p=sizes / sizes.sum())]
    return Flip(name, int(rng.integers(parameters[name].numel())), int(rng.integers(32)))


class Study:
    """Flips against the intact stream of the same frames."""

    def __init__(self, weights: str) -> None:
        self._frames = frames(WARM + WITHIN + AFTER)
        self.pipeline, self._clock = open_pipeline(weights)
        self._intact = self._run(None)[0]

    def _run(self, one: Flip | None) -> tuple[list[np.ndarray | None], Counter[str]]:
        """Poses of every frame after the flip, None where there is none, and all reasons."""
        poses, reasons, network = [], Counter(), None
        self.pipeline.reset()
        for i, frame in enumerate(self._frames):
            if one and i == WARM:
                network = self.pipeline.bodies.lifter
                flip(self.pipeline, one)
            self._clock.now_s += 1 / RATE_HZ
            with np.errstate(all="ignore"):
                people = self._pushed(frame, reasons)
            if i >= WARM:
                poses.append(people[0].xyz_m if people else None)
        if one and self.pipeline.bodies.lifter is network:
            flip(self.pipeline, one)
        return poses, reasons

    def _pushed(self, frame: Keypoints2D, reasons: Counter[str]) -> tuple:
        try:
            result = self.pipeline.push(frame, CAMERA)
        except EngineError as error:
            reasons[str(error)] += 1
            return ()
        reasons.update(result.reasons)
        return result.people

    def outcome(self, one: Flip) -> tuple[str, float]:
        """What came of it, and by how much the worst pose was off before and after it had to be noticed."""
        poses, reasons = self._run(one)
        off = [
            np.nan if pose is None else float(np.abs(pose - known).max())
            for pose, known in zip(poses, self._intact, strict=True)
        ]
        late, ever = np.nanmax([0, *off[WITHIN:]]), np.nanmax([0, *off])
        refused = any(name.startswith(("absurd", "self_test", "lifter_not", "placement")) for name in reasons)
        if late > LIMIT_M:
            return "missed", late
        return ("noticed" if refused else "harmless"), ever


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--weights", default="body_dtf27")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    study, rng = Study(options.weights), np.random.default_rng(options.seed)
    counts: Counter[str] = Counter()
    missed, off_by = [], 0
    for _ in range(options.count):
        one = draw(study.pipeline, rng)
        what, worst_m = study.outcome(one)
        counts[what] += 1
        off_by += int(worst_m > LIMIT_M)
        if what == "missed":
            missed.append({**one._asdict(), "off_m": round(float(worst_m), 3)})
    print(json.dumps({**vars(options), "outcomes": dict(counts), "gave_a_pose_off_by_50_mm": off_by, "missed": missed}))


if __name__ == "__main__":
    main()

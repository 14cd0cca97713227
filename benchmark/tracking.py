#!/usr/bin/env python3
"""Who is who: HOTA and IDF1 of published people (trackeval), and who comes back under the old id.

python benchmark/tracking.py --pairs data/body/pairs.npz --motion data/body/rehab.npz data/body/validation.npz

Keypoints without ids, with the noise of the evaluation's moderate detector, through the whole pipeline. Pairs: two
people who dance together; the nearer trunk hides the other. Crossing: three recorded people who pass each other at 3.5,
4.5 and 5.5 m. Coming back: ten people one after another before one camera, for 4 s each, then again in another order.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from trackeval.metrics import HOTA, Identity

from pose3d_ros.core import formats
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.engines import open_lifter
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.motion.pairs import record_pairs
from pose3d_ros.lab.synthesis.motion import load
from pose3d_ros.lab.synthesis.pairs import behind
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.tracking.track import TrackingConfig

NAME, RATE_HZ, START_NS = "h36m17", 30.0, 10**9
CAMERA = Camera.from_fov(1280, 720, 70.0)
NOISE = 0.006 * 1.7  # m on the body, as the evaluation's detector
KINDS = {"before": TrackingConfig(gate=False, reentry_s=0.0), "now": TrackingConfig()}


def facing(joints: np.ndarray) -> np.ndarray:
    """Recorded joints (F, 17, 3), z up, in camera axes."""
    return joints[..., [0, 2, 1]] * np.array([1, -1, 1])


def seen(rng: np.random.Generator, xyz_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pixels (N, F, 17, 2) of people and scores, 0 where somebody nearer or the border hides a joint."""
    noisy = xyz_m + rng.normal(0, NOISE, xyz_m.shape) * np.array([1, 1, 0])
    xy_px = CAMERA.project(noisy)
    hidden = behind(xyz_m.astype(np.float32)) | CAMERA.outside(xy_px)
    return xy_px, np.where(hidden, 0, rng.uniform(0.6, 0.95, hidden.shape))


def crossing(rng: np.random.Generator, motion: list[np.ndarray], scenes: int) -> list[np.ndarray]:
    """Scenes (3, F, 17, 3) in camera axes."""
    found = []
    for _ in range(scenes):
        clips = [motion[i] for i in rng.choice(len(motion), 3, replace=False)]
        frames = min(len(clip) for clip in clips)
        people = []
        for depth, way, clip in zip((3.5, 4.5, 5.5), (1, -1, 1), clips, strict=True):
            x = way * np.linspace(-0.55, 0.55, frames) * depth + rng.normal(0, 0.1)
            people.append(clip[:frames] + np.stack((x, np.full(frames, 0.1), np.full(frames, depth)), -1)[:, None])
        found.append(np.stack(people))
    return found


def push(pipeline: Pipeline, frame: int, xy_px: np.ndarray, score: np.ndarray, camera: Camera, rng=None) -> tuple:
    """The people published at one frame of people (N, 17, ...)."""
    order = rng.permutation(len(xy_px)) if rng is not None else range(len(xy_px))
    people = tuple(Person2D(NAME, xy_px[i], score[i]) for i in order if score[i].any())
    stamp_ns = START_NS + round(frame * 1e9 / RATE_HZ)
    return pipeline.push(Keypoints2D(stamp_ns, people, "", camera.width, camera.height), camera).people


def tracked(pipeline: Pipeline, truth_m: np.ndarray, xy_px: np.ndarray, score: np.ndarray, camera: Camera) -> dict:
    """What trackeval asks for, of one scene (N, F, 17, ...). Likeness: 1 where rays agree, 0 at half of a body."""
    rng, numbers = np.random.default_rng(0), {}
    data = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for frame in range(truth_m.shape[1]):
        out = push(pipeline, frame, xy_px[:, frame], score[:, frame], camera, rng)
        there = np.flatnonzero(score[:, frame].any(1))
        rays = truth_m[there, frame, :, :2] / truth_m[there, frame, :, 2:]
        found = np.array([p.xyz_m[..., :2] / p.xyz_m[..., 2:] for p in out]).reshape(-1, 17, 2)
        size = np.ptp(rays, axis=1).max(1)
        off = np.linalg.norm(rays[:, None] - found, axis=-1).mean(-1) / size[:, None]
        data["gt_ids"].append(there)
        data["tracker_ids"].append(np.array([numbers.setdefault(p.id, len(numbers)) for p in out], int))
        data["similarity_scores"].append(np.clip(1 - 2 * off, 0, 1))
    data |= {"num_gt_ids": len(truth_m), "num_tracker_ids": len(numbers), "num_timesteps": truth_m.shape[1]}
    data |= {f"num_{who}_dets": sum(map(len, data[f"{who}_ids"])) for who in ("gt", "tracker")}
    return data


def scored(scenes: list[dict]) -> str:
    """Over all scenes."""
    hota, identity = HOTA(), Identity({"PRINT_CONFIG": False})
    per = {str(i): hota.eval_sequence(scene) for i, scene in enumerate(scenes)}
    all_hota = hota.combine_sequences(per)
    all_id = identity.combine_sequences({str(i): identity.eval_sequence(s) for i, s in enumerate(scenes)})
    ids, people = sum(s["num_tracker_ids"] for s in scenes), sum(s["num_gt_ids"] for s in scenes)
    return f"HOTA {100 * all_hota['HOTA'].mean():.1f}  IDF1 {100 * all_id['IDF1']:.1f}  {ids} ids for {people} people"


def coming_back(lifter, people: list[np.ndarray], seconds: float, trials: int, seed: int) -> tuple[int, int, int, int]:
    """(returns, under the right id, under somebody else's, strangers who got one of the ten)."""
    rng, frames = np.random.default_rng(seed), int(seconds * RATE_HZ)
    total = right = wrong = strangers = 0
    for _ in range(trials):
        pipeline = Pipeline(config(replace(KINDS["now"], reentry_s=600.0)), lifter)
        names: dict[int, str] = {}
        chosen = rng.permutation(len(people))[:11]
        clock = 0
        order = [*chosen[:10], *rng.permutation(chosen[:10]), *chosen[10:]]
        for turn, who in enumerate(order):
            clip = people[who]
            start = rng.integers(0, len(clip) // 2 - frames) + (len(clip) // 2 if turn >= 10 else 0)
            depth, way = rng.uniform(3, 5), rng.choice([-1, 1])
            x = way * np.linspace(-0.45, 0.45, frames) * depth
            body = (
                clip[start : start + frames] + np.stack((x, np.full(frames, 0.1), np.full(frames, depth)), -1)[:, None]
            )
            xy_px, score = seen(rng, body[None])
            for frame in range(frames):
                out = push(pipeline, clock + frame, xy_px[:, frame], score[:, frame], CAMERA)
            clock += frames + 45  # empty for longer than the time-out
            for frame in range(clock - 45, clock, 5):
                push(pipeline, frame, np.zeros((0, 17, 2)), np.zeros((0, 17)), CAMERA)
            last = out[0].id if out else ""
            if turn < 10:
                names[who] = last
            elif turn < 20:
                total += 1
                right += last == names[who]
                wrong += last != names[who] and last in names.values()
            else:
                strangers += last in names.values()
    return total, right, wrong, strangers


def config(tracking: TrackingConfig) -> PipelineConfig:
    """Bodies only."""
    plain = PipelineConfig()
    return replace(
        plain, tracking=tracking, hands=replace(plain.hands, weights=""), refine=replace(plain.refine, hands="")
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--motion", type=Path, nargs="+", required=True, help="files with clip_subject")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, plain = np.random.default_rng(args.seed), PipelineConfig()
    lifter = open_lifter(plain.body.weights, plain.body.engines(), wait=False)
    motions = [(load([str(file)]), np.load(file)["clip_subject"]) for file in args.motion]
    clips = [
        (str(who), facing(m.clip(i, RATE_HZ)[0].numpy())) for m, subjects in motions for i, who in enumerate(subjects)
    ]
    dancers = [(p.truth_m, p.rays, p.score, Camera(np.eye(3))) for p in record_pairs(args.pairs, RATE_HZ, 2, args.seed)]
    usable = [clip[:180] for _, clip in clips if len(clip) >= 120]
    walkers = [(body, *seen(rng, body), CAMERA) for body in crossing(rng, usable, args.scenes)]
    for kind, tracking in KINDS.items():
        for name, scenes in (("pairs", dancers), ("crossing", walkers)):
            found = [tracked(Pipeline(config(tracking), lifter), *scene) for scene in scenes]
            print(f"{kind:7} {name:9} {scored(found)}", flush=True)
    longest: dict[str, np.ndarray] = {}
    for who, clip in clips:
        if len(clip) > len(longest.get(who, ())):
            longest[who] = clip
    people = [clip for clip in longest.values() if len(clip) >= 2 * 4 * RATE_HZ + 10]
    total, right, wrong, strangers = coming_back(lifter, people, 4.0, args.trials, args.seed)
    print(f"coming back, 10 of {len(people)} people: {right} of {total} right ({right / total:.0%})")
    print(f"{wrong} under another's id ({wrong / total:.1%})")
    if len(people) > 10:
        print(f"{strangers} of {args.trials} strangers under one of theirs")


if __name__ == "__main__":
    assert formats.get(NAME)
    main()

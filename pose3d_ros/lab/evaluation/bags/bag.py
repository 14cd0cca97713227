"""Evaluation of a bag: lift it again or take what the robot published, compare with the truth, sum up."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy

from pose3d_ros.core import formats
from pose3d_ros.core.config import flatten
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.choice import listing
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.truth import load_truth
from pose3d_ros.lab.bags.types import Input, Timeline
from pose3d_ros.lab.evaluation.bags import faults, scoring, time_offset
from pose3d_ros.lab.evaluation.bags.collect import collect, keypoint_rays, timings
from pose3d_ros.lab.evaluation.bags.config import RECORDED, BagEvaluationConfig
from pose3d_ros.lab.evaluation.bags.estimates import Answer, lift, recorded
from pose3d_ros.lab.evaluation.bags.run import RUN_VERSION, RunResult
from pose3d_ros.lab.evaluation.bags.time_offset import Offset
from pose3d_ros.lab.evaluation.bags.truth import Truth, prepare
from pose3d_ros.lab.evaluation.report import identity, machine
from pose3d_ros.models import Lifter
from pose3d_ros.pipeline import Pipeline, PipelineConfig

DIRECT = "direct"
DIGEST_BYTES = 1 << 22
OnProgress = Callable[[str, int, int], Any]


class Material(NamedTuple):
    """What was read of a bag: its inputs, and where one is asked for the truth, with so many ns added to its stamps."""

    bag: Bag
    inputs: list[Input]
    truth: Callable[[int], Timeline] | None


def evaluate_bag(config: BagEvaluationConfig, on_progress: OnProgress | None = None) -> RunResult:
    """Read, lift (or take what was recorded), compare. Nothing is written: see `run.save_run`.

    Bag, weights and options fix `info` and `frames`. `on_progress(what, done, total)`. Raises Pose3DError.
    """
    if config.estimates == RECORDED:
        material = read(config, formats.get("h36m17"))
        return evaluate_recorded(material, config)
    lifter = load_lifter(config)
    try:
        return evaluate_direct(lifter, read(config, lifter.spec.joints), config, on_progress)
    finally:
        lifter.close()


def load_lifter(config: BagEvaluationConfig) -> Lifter:
    """The one that the options name. Raises CheckpointError (also for weights of hands), ConfigError, EngineError."""
    return Pipeline(bodies(config.pipeline)).bodies.lifter


def bodies(config: PipelineConfig) -> PipelineConfig:
    """Without hands, which are not scored, and with one engine for all frames: another one has other digits."""
    return replace(
        config, hands=replace(config.hands, weights=""), body=replace(config.body, wait_for_engine=True)
    )  # fmt: skip


def read(config: BagEvaluationConfig, skeleton: Skeleton) -> Material:
    """Inputs and truth. `skeleton`: whose joint names the truth should have where its source has none."""
    bag = Bag(config.bag, config.topics)
    inputs = list(bag.inputs())
    if not config.truth:
        return Material(bag, inputs, None)

    @cache
    def truth(offset_ns: int) -> Timeline:
        return load_truth(config.truth, bag, config.joint_map, skeleton.name, offset_ns)

    truth(_start_ns(config))  # a source that cannot be read is refused before the work begins
    return Material(bag, inputs, truth)


def _start_ns(config: BagEvaluationConfig) -> int:
    return round(1e6 * (config.offset_start_ms if config.offset_ms is None else config.offset_ms))


def evaluate_direct(
    lifter: Lifter, material: Material, config: BagEvaluationConfig, on_progress: OnProgress | None = None
) -> RunResult:
    """The bag's inputs, with the faults of `config`, through a pipeline of bodies with this lifter.

    Raises InputError where there are none.
    """
    if not material.inputs:
        held = listing(material.bag)
        raise InputError(f"bag {config.bag}: no keypoints to lift (skeletons: --estimates recorded); {held}")
    given = faults.apply(config.faults, material.inputs, config.seed)
    label = ", ".join(config.faults) or "lifting"
    progress = (lambda done, total: on_progress(label, done, total)) if on_progress else None
    pipeline = bodies(config.pipeline)
    answers = lift(Pipeline(pipeline, lifter), material.inputs, given, progress)
    return assess(answers, material, replace(config, pipeline=pipeline), DIRECT, lifter.spec.joints, lifter.description)


def evaluate_recorded(material: Material, config: BagEvaluationConfig) -> RunResult:
    """The skeletons that the bag holds. Raises InputError where there are none."""
    estimates = material.bag.estimates()
    names = [person.skeleton for frame in estimates.frames for person in frame.people] if estimates else []
    if not names:
        held = listing(material.bag)
        raise InputError(f"bag {config.bag}: no recorded skeletons (keypoints: --estimates rerun); {held}")
    skeleton = formats.get(max(sorted(set(names)), key=names.count))
    return assess(recorded(material.inputs, estimates), material, config, RECORDED, skeleton)


def assess(
    answers: list[Answer],
    material: Material,
    config: BagEvaluationConfig,
    mode: str,
    skeleton: Skeleton,
    description: str = "",
) -> RunResult:
    """All numbers of these answers, however they were got. `description` of the device, where lifting was done here."""
    min_score = config.pipeline.tracking.min_score
    truth, found = None, None
    if material.truth is not None:
        truth, found = _aligned(material.truth, answers, skeleton, config)
    frames = collect(answers, skeleton, truth, config.scoring, min_score)
    segment_s = config.scoring.segment_s
    info = {
        "version": RUN_VERSION,
        "mode": mode,
        "skeleton": skeleton.name,
        "bag": _about(material),
        "camera": _camera(material.inputs),
        "config": _options(config),
        "pipeline": {name: value for name, value, _ in flatten(config.pipeline)} if mode != RECORDED else None,
        "weights": identity(config.pipeline.body.weights) if mode != RECORDED else None,
        **_versions(description),
        "truth": _about_truth(truth, found, config),
        "people": list(truth.people) if truth else [],
        "faults": list(config.faults),
        "metrics": scoring.metrics(frames, truth, skeleton, segment_s) if truth else None,
        "quality": scoring.quality(frames, skeleton, segment_s),
    }
    return RunResult(info, frames, timings(answers))


def _aligned(
    load: Callable[[int], Timeline], answers: list[Answer], skeleton: Skeleton, config: BagEvaluationConfig
) -> tuple[Truth, Offset | None]:
    """The truth with its offset, and how that was found where it was looked for.

    It is loaded again with the offset: from another frame it is turned into the camera's by the TF of that moment.
    """
    start_ns = _start_ns(config)
    truth = prepare(load(start_ns), skeleton)
    if config.offset_ms is not None:
        return truth, None
    frames = collect(answers, skeleton, None, config.scoring, config.pipeline.tracking.min_score)
    if not len(frames.track):
        raise InputError("offset: there are no estimates to find it with; give --offset-ms")
    seen_m = keypoint_rays(answers, frames)
    if not np.isfinite(seen_m).any():  # skeletons without keypoints
        seen_m = frames.xyz_m
    stamps_ns = frames.stamp_ns[frames.frame]
    found = time_offset.estimate(stamps_ns, frames.track, seen_m, truth, config.scoring.search_ms)
    total_ns = start_ns + round(found.offset_ms * 1e6)
    return prepare(load(total_ns), skeleton), replace(found, offset_ms=total_ns / 1e6)


def _about(material: Material) -> dict[str, Any]:
    bag = material.bag
    return {
        "name": bag.path.name,
        "sha256": digest(bag.path),
        "duration_s": round(bag.duration_s, 6),
        "frames": len(material.inputs),
        "skipped": dict(sorted(bag.skipped.items())),
    }


def _versions(description: str) -> dict[str, Any]:
    """What the numbers depend on besides bag, weights and options."""
    try:
        package = metadata.version("pose3d_ros")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        package = "unknown"
    about = machine(description)
    about["versions"] |= {"pose3d_ros": package, "scipy": scipy.__version__}
    return about


def digest(path: Path) -> str:
    """SHA-256 over a bag's files, or a file, in the order of their names."""
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            total.update(file.name.encode())
            with file.open("rb") as stream:
                while block := stream.read(DIGEST_BYTES):
                    total.update(block)
    return total.hexdigest()


def _camera(inputs: list[Input]) -> dict[str, Any] | None:
    camera: Camera | None = next((entry.camera for entry in inputs if entry.camera is not None), None)
    if camera is None:
        return None
    return {
        "K": camera.K.tolist(),
        "D": camera.D.tolist(),
        "distortion_model": camera.distortion_model,
        "width": camera.width,
        "height": camera.height,
    }


def _options(config: BagEvaluationConfig) -> dict[str, Any]:
    return {
        "truth": config.truth,
        "joint_map": config.joint_map.name if config.joint_map else None,
        "offset_ms": config.offset_ms,
        "offset_start_ms": config.offset_start_ms,
        "estimates": config.estimates,
        "faults": list(config.faults),
        "seed": config.seed,
        "topics": vars(config.topics),
        **{name: value for name, value, _ in flatten(config.scoring)},
    }


def _about_truth(truth: Truth | None, found: Offset | None, config: BagEvaluationConfig) -> dict[str, Any] | None:
    if truth is None:
        return None
    joints = truth.skeleton.joints
    return {
        "source": truth.source,
        "joints": list(truth.joints),
        "left_out": truth.left_out,
        "root": [joints[i] for i in truth.root],
        "offset_ms": found.offset_ms if found else config.offset_ms,
        "offset": found.as_dict() if found else None,
        "tolerance_ms": config.scoring.tolerance_ms,
    }

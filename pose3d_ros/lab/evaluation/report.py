"""From weights and a motion file to the report that `pose3d evaluate` writes."""

import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.evaluation.motion.baselines import FILLS
from pose3d_ros.lab.evaluation.motion.bodies import overlap
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate, find_baseline
from pose3d_ros.lab.synthesis import motion as motion_files
from pose3d_ros.models import checkpoint, registry

LIFTER, BASELINE = "lifter", "baseline_interpolation"


def evaluate_motion(
    file: Path,
    weights: str,
    baseline: str,
    config: EvaluationConfig,
    device: str = "auto",
    on_progress: Callable[[str, int, int], Any] | None = None,
    learned: tuple[Path, ...] = (),
) -> dict[str, Any]:
    """{"lifter": {protocol: metrics}, "baseline_interpolation": the same or None, "meta"}.

    `learned`: the motion files that the weights learned from, to tell whether the people are others: `meta.people`.
    `baseline`, several with commas: name or path of weights, "auto" for those trained clean beside `weights`, "none",
    "held" and "kalman": keypoints filled so, in front of the lifter and in front of the baseline's weights.
    Raises CheckpointError, ConfigError, InputError.
    """
    if not file.exists():  # told before weights are loaded
        raise InputError(f"motion file {file}: expected a file, there is none")
    chosen = [one for one in baseline.split(",") if one != "none"]
    named = {LIFTER: weights}
    for one in chosen:
        if one not in FILLS:
            named[BASELINE] = find_baseline(weights) if one == "auto" else one
    fills = [one for one in chosen if one in FILLS]
    behind = {"held": weights, "kalman": named.get(BASELINE, weights)}
    candidates = [candidate(name, registry.load_lifter(source, device)) for name, source in named.items()]
    candidates += [
        candidate(f"baseline_{one}", registry.load_lifter(behind[one], device), fill=FILLS[one]) for one in fills
    ]
    named |= {f"baseline_{one}": behind[one] for one in fills}
    motion = motion_files.load([file], skeleton=_skeleton([c.lifter.spec.skeleton for c in candidates]))
    results = evaluate(motion, candidates, config, on_progress=on_progress)
    report: dict[str, Any] = {LIFTER: None, BASELINE: None}
    for name, per_protocol in results.items():
        report[name] = {protocol: found.as_dict() for protocol, found in per_protocol.items()}
    report["meta"] = {
        "motion": file.name,
        "people": str(overlap(motion, motion_files.load(list(learned)))) if learned else "not compared with training",
        "clips": min(config.clips or len(motion), len(motion)),
        "config": asdict(config),
        "weights": {name: identity(source) for name, source in named.items()},
        **machine(candidates[0].lifter.description),
    }
    return report


def _skeleton(wanted: list[str]) -> str:
    """With toes where one of the lifters has them."""
    return "body19" if "body19" in wanted else "h36m17"


def identity(weights: str) -> dict[str, str]:
    """File and checksum of weights by name or path."""
    path = registry.find(weights)
    return {"file": path.name, "sha256": checkpoint.digest(path)}


def machine(description: str) -> dict[str, Any]:
    """What numbers depend on besides the data: device, threads and versions."""
    return {
        "device": description,
        "threads": torch.get_num_threads(),
        "cpu": _cpu(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }


def _cpu() -> str:
    """The processor's name, which platform.processor() does not know on Linux."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]} x {len(models)}" if models else platform.processor() or platform.machine()

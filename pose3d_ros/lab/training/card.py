"""The model card that lies beside weights: what they are, what they were made from, how well they do."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.lab.evaluation.motion.bodies import overlap
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.training.config import TrainConfig, as_dict
from pose3d_ros.lab.training.validation import People
from pose3d_ros.models import ModelSpec


@dataclass(frozen=True)
class Facts:
    """What only the run itself knows."""

    windows: int
    seconds: float
    machine: str


def model_card(
    config: TrainConfig,
    spec: ModelSpec,
    facts: Facts,
    metrics: dict[str, float],
    known: People,
    sources: list[Path],
) -> str:
    """Markdown."""
    parts = [
        f"# {spec.name}\n",
        f"{_kind(config, spec)} of {spec.skeleton} at {spec.rate_hz:g} Hz with confidence in, metric "
        "root-relative joints and their sigma out. Guidance: "
        f"{spec.guidance.variant}, confidence {'on' if spec.guidance.confidence else 'off'}.\n",
        "## Training\n",
        f"{facts.windows:,} windows ({100 * facts.windows / config.windows:.0f} % of the run), "
        f"{facts.seconds / 3600:.1f} h on {facts.machine}, {config.precision}; package at commit {commit()}.\n",
        f"Views of recorded motion, made while training: {people_line(known.training)}.",
        f"Kept apart for the calibration of sigma: {people_line(known.held_out)}; factors {spec.sigma_seen:.3f} (seen "
        f"joints), {spec.sigma_hidden:.3f} (hidden joints){_ages(spec)}.",
        f"Reported on, never learned from: {people_line(known.validation)}{_bodies(known)}.\n",
        *_told(spec),
        *metric_lines(metrics),
        "## Limits\n",
        "Few bodies and little sitting, kneeling, carrying; no children, wheelchairs or old people in the recordings. "
        "Sizes are guesses of a body seen by one camera: distances inherit their error. Do not use it to keep people "
        "safe from machines.\n",
        "## Licence and sources\n",
        "The weights: Apache-2.0, as the package. The motion they were trained on:\n",
        *source_lines(sources),
        "## Settings\n",
        f"```yaml\n{yaml.safe_dump(plain(as_dict(config)), sort_keys=False).strip()}\n```",
    ]
    return "\n".join(parts) + "\n"


def _kind(config: TrainConfig, spec: ModelSpec) -> str:
    if config.recipe == "stream":
        return f"Streaming DTF lifter, of which an attention reaches {spec.frames} frames back: frame after frame"
    return f"DTF lifter: {spec.frames} frames"


def _ages(spec: ModelSpec) -> str:
    """The factors of hidden joints by the time since they were seen."""
    if not spec.sigma_ages:
        return ""
    return "; by the time since they were seen: " + ", ".join(
        f"{factor:.2f} after {seconds:.2f} s" for seconds, factor in spec.sigma_ages
    )


def _bodies(known: People) -> str:
    """Whether the people that are reported on are others than those learned from."""
    return f": {overlap(known.validation, known.training)}" if known.validation else ""


def _told(spec: ModelSpec) -> list[str]:
    if not spec.told:
        return []
    return [
        f"It may be told {', '.join(spec.told)} beside the keypoints, and gives the person's bones with their sigma. "
        "The figures below are without: nothing was told.\n"
    ]


def people_line(motion: MotionSet | None) -> str:
    """How many people, clips and minutes, and who."""
    if motion is None:
        return "nobody"
    minutes = float((motion.length / motion.fps).sum()) / 60
    names = sorted(set(motion.subjects))
    return f"{len(names)} people, {len(motion)} clips, {minutes:.1f} minutes ({', '.join(names)})"


def metric_lines(metrics: dict[str, float]) -> list[str]:
    """A table of the validation's numbers."""
    if not metrics:
        return []
    protocols = [name.removeprefix("mpjpe_mm ") for name in metrics if name.startswith("mpjpe_mm ")]
    rows = [
        f"| {name} | {metrics[f'mpjpe_mm {name}']:.1f} | {metrics[f'pa_mpjpe_mm {name}']:.1f} |" for name in protocols
    ]
    return [
        "## Errors on the validation people\n",
        "Newest frame (no future), noisy detector, root-relative, millimetres:\n",
        "| hidden | MPJPE | PA-MPJPE |",
        "|---|---|---|",
        *rows,
        "",
    ]


def source_lines(paths: list[Path]) -> list[str]:
    """Terms and notices of the motion files, as these files state them."""
    lines: list[str] = []
    for path in paths:
        terms = notice = "see the files themselves"
        if path.suffix == ".npz":
            with np.load(path) as data:
                terms, notice = (str(data[key]) if key in data.files else "not stated" for key in ("license", "notice"))
        lines += [
            f"- `{path.name}`: {' '.join(terms.split())}\n",
            *(f"  > {line}".rstrip() for line in notice.splitlines()),
        ]
        lines.append("")
    return lines


def commit() -> str:
    """The source tree's commit, where there is one."""
    try:
        done = subprocess.run(
            ["git", "-C", str(share_dir()), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError, Pose3DError):
        return "unknown"
    return done.stdout.strip()


def plain(value: object) -> object:
    """Lists for tuples, which safe YAML does not know."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

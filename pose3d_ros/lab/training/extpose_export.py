"""From a run on rendered images to shipped weights: sigma calibrated on held-back ones, and an honest model card."""

from pathlib import Path

import numpy as np
import yaml

from pose3d_ros.lab.evaluation.motion.images import (
    FAULTS,
    HELD_BACK,
    MODALITIES,
    faulty,
    held_back,
    measure,
    pck,
    predict,
)
from pose3d_ros.lab.synthesis.body_images import Bodies
from pose3d_ros.lab.training.calibration import sigma_factor
from pose3d_ros.lab.training.card import Facts, commit, people_line, plain, source_lines
from pose3d_ros.lab.training.config import TrainConfig, as_dict
from pose3d_ros.lab.training.people import Subjects, subjects
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.image_lifter import ImageSpec
from pose3d_ros.models.registry import SUFFIX

CALIBRATION = HELD_BACK + 1  # its windows are neither trained nor reported on


def export_extpose(
    network: ExtPose, config: TrainConfig, data: Path, facts: Facts, weights_dir: Path, windows: int = 512
) -> tuple[Path, ImageSpec, dict[str, float]]:
    """Write `NAME.safetensors` and `NAME.md`. Returns the file, its spec, and the card's errors by "<metric> <row>"."""
    known = subjects(config, data)
    spec = _spec(config, *_sigma_factors(network, config, known, windows))
    rows = _rows(network, config, known, windows)
    path = weights_dir / f"{config.name}{SUFFIX}"
    checkpoint.save(path, network, spec)
    path.chmod(0o644)  # whoever installs it must be able to read it
    path.with_suffix(".md").write_text(_card(network, config, known, spec, facts, rows, windows, data))
    return path, spec, {f"{key} {name}": row[key] for name, row in rows.items() for key in _keys(known)}


def _spec(config: TrainConfig, seen: float, hidden: float) -> ImageSpec:
    images, network = config.images, config.extpose
    return ImageSpec(
        config.name, network.skeleton, network.frames, images.rate_hz, images.crop, images.drawing,
        sigma_seen=seen, sigma_hidden=hidden,
    )  # fmt: skip


def _keys(known: Subjects) -> tuple[str, ...]:
    return "mpjpe_mm", "pa_mpjpe_mm", pck(known.validation), "accel_error_m_s2"


def _sigma_factors(network: ExtPose, config: TrainConfig, known: Subjects, windows: int) -> tuple[float, float]:
    """For seen and hidden joints, over windows with and without missing keypoints; the root is left out."""
    if not network.config.uncertainty:
        return 1.0, 1.0
    error, sigma, seen = [], [], []
    clean = held_back(windows, config.images, CALIBRATION, subject=known.calibration)
    for fault in ("none", "missing"):
        given = faulty(clean, fault, config.images.render.height)
        xyz, spread = predict(network, given, config.images, _shown(config)[0], config.image.causal)
        error.append(np.linalg.norm(xyz - clean.xyz.numpy(), axis=-1)[..., 1:].ravel())
        sigma.append(spread[..., 1:].ravel())
        seen.append((given.score > 0).numpy()[..., 1:].ravel())
    error, sigma, seen = (np.concatenate(part) for part in (error, sigma, seen))
    return sigma_factor(error[seen], sigma[seen]), sigma_factor(error[~seen], sigma[~seen])


def _shown(config: TrainConfig) -> tuple[str, ...]:
    return MODALITIES if config.image.modalities == "both" else (config.image.modalities,)


def _rows(network: ExtPose, config: TrainConfig, known: Subjects, windows: int) -> dict[str, dict]:
    """Errors by kind of input, and of the fullest one with wrong keypoints."""
    clean = held_back(windows, config.images, subject=known.validation)
    given = [(name, name, clean) for name in _shown(config)]
    if config.image.modalities != "image":
        first, height = _shown(config)[0], config.images.render.height
        given += [(f"{first}, 2D {fault}", first, faulty(clean, fault, height)) for fault in FAULTS[1:]]
    rows = {}
    for name, modality, part in given:
        xyz, _ = predict(network, part, config.images, modality, config.image.causal)
        rows[name] = measure(xyz, clean, config.images.rate_hz, known.validation)
    return rows


def _card(
    network: ExtPose, config: TrainConfig, known: Subjects, spec: ImageSpec, facts: Facts, rows: dict[str, dict],
    windows: int, data: Path,
) -> str:  # fmt: skip
    shown, about = _keys(known), ABOUT[spec.skeleton]
    table = [
        f"| {name} | " + " | ".join("-" if row[key] is None else str(row[key]) for key in shown) + " |"
        for name, row in rows.items()
    ]
    vit = network.config.vit
    return CARD.format(
        **about,
        motion="\n".join(["", *source_lines([data / name for name in config.motion])]) if config.motion else "",
        people=_people(known),
        name=spec.name,
        skeleton=spec.skeleton,
        size=f"{vit.image_width}x{vit.image_height}",
        frames=f"{spec.frames} frame{'s' * (spec.frames > 1)}",
        rate=spec.rate_hz,
        parameters=sum(p.numel() for p in network.parameters()) / 1e6,
        windows=facts.windows,
        share=100 * facts.windows / config.windows,
        hours=facts.seconds / 3600,
        machine=f"{facts.machine}, {config.precision}",
        commit=commit(),
        recorded="" if not config.image.folders else f" Recorded images: {', '.join(config.image.folders)}.",
        held=windows,
        seen=spec.sigma_seen,
        hidden=spec.sigma_hidden,
        table="\n".join(["| given | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|", *table]),
        settings=yaml.safe_dump(plain(as_dict(config)), sort_keys=False).strip(),
    )


def _people(known: Subjects) -> str:
    """Who they are, where they are recorded people."""
    if not isinstance(known.training, Bodies):
        return ""
    learned, calibrated, reported = (people_line(each.motion) for each in known)
    return f"""

- Learned from, widened to other bodies and poses: {learned}.
- Sigma calibrated on: {calibrated}.
- Reported on, as recorded: {reported}."""


ABOUT = {
    "hand21": {
        "root": "wrist-relative",
        "sides": "; left hands are shown mirrored",
        "drawn": "hands drawn as shaded capsules around generated joints (`pose3d_ros/lab/synthesis/hand_render.py`)",
        "held_back": "generated hands",
        "others": "other hands, postures, images and noise than in training",
        "limits": "no wrinkles, no hands that touch, simple light. Adult hands. Sizes are guesses of a hand seen by "
        "one camera.",
        "sources": "Statistics of the hands from: hand recordings from leapjs-playback, Copyright 2015 LeapMotion, "
        "Inc, Apache License 2.0; dex-retargeting, Copyright (c) 2023 Yuzhe Qin, MIT License.",
    },
    "h36m17": {
        "root": "pelvis-relative",
        "sides": "",
        "drawn": "people drawn as shaded capsules around joints of recorded motion "
        "(`pose3d_ros/lab/synthesis/body_render.py`)",
        "held_back": "people",
        "others": "other people's motion, other images and noise than in training",
        "limits": "no folds, few kinds of clothes, simple light, no rooms. Adults, few bodies. Sizes are guesses of a "
        "body seen by one camera.",
        "sources": "The motion they were trained on:\n",
    },
}

CARD = """# {name}

ExtPose: crops of {size} pixels and {skeleton} keypoints drawn as images, {frames} at {rate:g} Hz in; metric
{root} joints, their sigma, bone rotations and a weak-perspective camera out{sides}.
{parameters:.1f} million parameters.

## Training

{windows:,} windows ({share:.0f} % of the run), {hours:.1f} h on {machine}; package at commit {commit}.

**Trained on synthetic images**: {drawn}, no photograph among them.{recorded} Sigma is calibrated on {held_back}
outside of training: factors {seen:.3f} (seen joints) and {hidden:.3f} (hidden joints).{people}

## Errors on held-back {held_back}

{held} windows of {others}; all frames. None of this says how it does on photographs.

{table}

## Limits

Synthetic images are simpler than real ones: {limits} Do not use it to keep people safe from machines.

## Licence and sources

The weights: Apache-2.0, as the package. {sources}{motion}

## Settings

```yaml
{settings}
```
"""

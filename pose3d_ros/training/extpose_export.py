"""From a run on rendered hands to shipped weights: sigma calibrated on held-back hands, and an honest model card."""

from pathlib import Path

import numpy as np
import yaml

from pose3d_ros.evaluation.pictures import FAULTS, HELD_BACK, MODALITIES, faulty, held_back, measure, predict
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.picture import PictureSpec
from pose3d_ros.models.registry import SUFFIX
from pose3d_ros.training.calibration import sigma_factor
from pose3d_ros.training.card import Facts, commit, plain
from pose3d_ros.training.config import TrainConfig, as_dict

SHOWN = ("mpjpe_mm", "pa_mpjpe_mm", "pck20", "accel_error_m_s2")
CALIBRATION = HELD_BACK + 1  # its hands are neither trained nor reported on


def export_extpose(
    network: ExtPose, config: TrainConfig, facts: Facts, weights_dir: Path, windows: int = 512
) -> tuple[Path, PictureSpec, dict[str, float]]:
    """Write `NAME.safetensors` and `NAME.md`. Returns the file, its spec, and the card's errors by "<metric> <row>"."""
    spec = _spec(config, *_sigma_factors(network, config, windows))
    rows = _rows(network, config, windows)
    path = weights_dir / f"{config.name}{SUFFIX}"
    checkpoint.save(path, network, spec)
    path.chmod(0o644)  # whoever installs it must be able to read it
    path.with_suffix(".md").write_text(_card(network, config, spec, facts, rows, windows))
    return path, spec, {f"{key} {name}": row[key] for name, row in rows.items() for key in SHOWN}


def _spec(config: TrainConfig, seen: float, hidden: float) -> PictureSpec:
    pictures, network = config.pictures, config.extpose
    return PictureSpec(
        config.name, network.skeleton, network.frames, pictures.rate_hz, pictures.crop, pictures.drawing,
        sigma_seen=seen, sigma_hidden=hidden,
    )  # fmt: skip


def _sigma_factors(network: ExtPose, config: TrainConfig, windows: int) -> tuple[float, float]:
    """For seen and hidden joints, over windows with and without missing keypoints; the wrist is left out."""
    if not network.config.uncertainty:
        return 1.0, 1.0
    error, sigma, seen = [], [], []
    clean = held_back(windows, config.pictures, CALIBRATION)
    for fault in ("none", "missing"):
        given = faulty(clean, fault, config.pictures.render.height)
        xyz, spread = predict(network, given, config.pictures, _shown(config)[0], config.picture.causal)
        error.append(np.linalg.norm(xyz - clean.xyz.numpy(), axis=-1)[..., 1:].ravel())
        sigma.append(spread[..., 1:].ravel())
        seen.append((given.score > 0).numpy()[..., 1:].ravel())
    error, sigma, seen = (np.concatenate(part) for part in (error, sigma, seen))
    return sigma_factor(error[seen], sigma[seen]), sigma_factor(error[~seen], sigma[~seen])


def _shown(config: TrainConfig) -> tuple[str, ...]:
    return MODALITIES if config.picture.modalities == "both" else (config.picture.modalities,)


def _rows(network: ExtPose, config: TrainConfig, windows: int) -> dict[str, dict]:
    """Errors by kind of input, and of the fullest one with wrong keypoints."""
    clean = held_back(windows, config.pictures)
    given = [(name, name, clean) for name in _shown(config)]
    if config.picture.modalities != "image":
        first, height = _shown(config)[0], config.pictures.render.height
        given += [(f"{first}, 2D {fault}", first, faulty(clean, fault, height)) for fault in FAULTS[1:]]
    rows = {}
    for name, modality, part in given:
        xyz, _ = predict(network, part, config.pictures, modality, config.picture.causal)
        rows[name] = measure(xyz, clean, config.pictures.rate_hz)
    return rows


def _card(
    network: ExtPose, config: TrainConfig, spec: PictureSpec, facts: Facts, rows: dict[str, dict], windows: int
) -> str:
    table = [f"| {name} | " + " | ".join(str(row[key]) for key in SHOWN) + " |" for name, row in rows.items()]
    vit = network.config.vit
    return CARD.format(
        name=spec.name,
        size=f"{vit.image_width}x{vit.image_height}",
        frames=f"{spec.frames} frame{'s' * (spec.frames > 1)}",
        rate=spec.rate_hz,
        parameters=sum(p.numel() for p in network.parameters()) / 1e6,
        windows=facts.windows,
        share=100 * facts.windows / config.windows,
        hours=facts.seconds / 3600,
        machine=f"{facts.machine}, {config.precision}",
        commit=commit(),
        recorded="" if not config.picture.folders else f" Recorded pictures: {', '.join(config.picture.folders)}.",
        held=windows,
        seen=spec.sigma_seen,
        hidden=spec.sigma_hidden,
        table="\n".join(["| given | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|", *table]),
        settings=yaml.safe_dump(plain(as_dict(config)), sort_keys=False).strip(),
    )


CARD = """# {name}

ExtPose: crops of {size} pixels and hand21 keypoints drawn as pictures, {frames} at {rate:g} Hz in; metric
wrist-relative joints, their sigma, bone rotations and a weak-perspective camera out; left hands are shown mirrored.
{parameters:.1f} million parameters.

## Training

{windows:,} windows ({share:.0f} % of the run), {hours:.1f} h on {machine}; package at commit {commit}.

**Trained on synthetic pictures**: hands drawn as shaded capsules around generated joints
(`pose3d_ros/synthesis/hand_render.py`), no photograph among them.{recorded} Sigma is calibrated on generated hands
outside of training: factors {seen:.3f} (seen joints) and {hidden:.3f} (hidden joints).

## Errors on held-back generated hands

{held} windows of other hands, postures, pictures and noise than in training; all frames. None of this says how it
does on photographs.

{table}

## Limits

Synthetic pictures are simpler than real ones: no wrinkles, no second hand, simple light. Adult hands. Sizes are
guesses of a hand seen by one camera. Do not use it to keep people safe from machines.

## Licence and sources

The weights: Apache-2.0, as the package. Statistics of the hands from: hand recordings from leapjs-playback, Copyright
2015 LeapMotion, Inc, Apache License 2.0; dex-retargeting, Copyright (c) 2023 Yuzhe Qin, MIT License.

## Settings

```yaml
{settings}
```
"""

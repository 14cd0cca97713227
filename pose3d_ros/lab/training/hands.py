"""Training of the hand lifter: generated hands, no motion files; real recordings calibrate sigma and fill the card."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.evaluation.motion.hands import RATE_HZ, HandEvaluationConfig, HandSequence, lift_all, measure
from pose3d_ros.lab.synthesis import hand_windows
from pose3d_ros.lab.synthesis.hand_recordings import LEFT_OUT, Recording, load
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.training.calibration import sigma_factor
from pose3d_ros.lab.training.card import Facts, commit, plain
from pose3d_ros.lab.training.config import TrainConfig, as_dict
from pose3d_ros.lab.training.losses import aperture_loss
from pose3d_ros.lab.training.trainer import Trainer
from pose3d_ros.models import Lifter, ModelSpec, checkpoint
from pose3d_ros.models.registry import SUFFIX
from pose3d_ros.stages.hands import SKELETON

SHOWN = ("mpjpe_mm", "pa_mpjpe_mm", "known_size_mm", "palm_deg", "pinch", "sigma_coverage")


class HandTrainer(Trainer):
    """The loop on windows of generated hands."""

    feedable = False

    def __init__(self, config: TrainConfig, folder: Path):
        nobody = MotionSet(*(torch.zeros(0) for _ in range(6)), names=[], subjects=[])
        super().__init__(config, nobody, folder)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """`count` windows: inputs and targets (N, T, 21, 3)."""
        drawn = hand_windows.draw(self.rng, count, self.config.hands)
        return drawn.inputs, drawn.targets

    def pose_loss(self, xyz: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The lifters' loss, and the error of the distances between the tips of the thumb and the fingers: a grip
        must open and close by the right amount, and joints that are each right on average do not give that."""
        loss, error = super().pose_loss(xyz, targets)
        return loss + self.config.aperture_weight * aperture_loss(xyz, targets), error


def prepare_hands(config: TrainConfig, data: Path, folder: Path) -> tuple[Trainer, Callable | None]:
    """The loop, and a validation on real recordings where the settings name some. Raises ConfigError, InputError."""
    if config.model.joints != 21 or config.hands.frames != config.model.frames:
        raise ConfigError(f"hands: expected model.joints 21 and hands.frames {config.model.frames}")
    known = recordings(config, data)
    return HandTrainer(config, folder), (lambda network: _short(network, config, known)) if known else None


def recordings(config: TrainConfig, data: Path) -> list[Recording]:
    """Those of `validation` that are not the test set."""
    found = [rec for name in config.validation for rec in load(data / name, RATE_HZ)]
    return [rec for rec in found if rec.name not in LEFT_OUT and not rec.in_palm_frame]


def export_hands(
    network: nn.Module, config: TrainConfig, data: Path, facts: Facts, weights_dir: Path
) -> tuple[Path, ModelSpec, dict[str, float]]:
    """Write `NAME.safetensors` and `NAME.md`, with sigma calibrated on real recordings outside of the test set.

    Returns the file, its spec, and the card's errors by "<metric> <protocol>".
    """
    known = recordings(config, data)
    spec = _spec(config)
    metrics: dict[str, dict] = {}
    if known:
        found = _lifted(network, spec, known, HandEvaluationConfig(seed=11, cameras=2))
        spec = _spec(config, *_sigma_factors([s for sequences in found.values() for s in sequences]))
        for sequence in (s for sequences in found.values() for s in sequences):
            sequence.sigma_m[:] = spec.calibrated(sequence.sigma_m, sequence.seen)
        metrics = {protocol: measure(sequences) for protocol, sequences in found.items()}
    path = weights_dir / f"{config.name}{SUFFIX}"
    checkpoint.save(path, network, spec)
    path.chmod(0o644)
    path.with_suffix(".md").write_text(_card(config, spec, facts, metrics))
    return path, spec, {f"{key} {name}": values[key] for name, values in metrics.items() for key in SHOWN}


def _spec(config: TrainConfig, seen: float = 1.0, hidden: float = 1.0) -> ModelSpec:
    window = config.hands
    return ModelSpec(
        config.name, SKELETON, window.frames, window.rate_hz, window.guidance, sigma_seen=seen, sigma_hidden=hidden
    )


def _lifted(
    network: nn.Module, spec: ModelSpec, known: list[Recording], config: HandEvaluationConfig
) -> dict[str, list[HandSequence]]:
    device = next(network.parameters()).device
    lifter = Lifter(deepcopy(network), spec, str(device))  # which freezes what it is given
    return lift_all(known, {spec.name: lifter}, config)[spec.name]


def _short(network: nn.Module, config: TrainConfig, known: list[Recording]) -> dict[str, float]:
    chosen = HandEvaluationConfig(protocols=("clean", "random:10"), cameras=1)
    found = _lifted(network, _spec(config), known, chosen)
    return {
        f"{key} {protocol}": values[key]
        for protocol, values in ((p, measure(s)) for p, s in found.items())
        for key in ("mpjpe_mm", "pa_mpjpe_mm")
    }


def _sigma_factors(sequences: list[HandSequence]) -> tuple[float, float]:
    """Factors for seen and hidden joints; the wrist is left out, its error is zero by definition."""
    error, sigma, seen = [], [], []
    for s in sequences:
        off = (s.predicted_m - s.predicted_m[:, :1]) - (s.truth_m - s.truth_m[:, :1])
        error.append(np.linalg.norm(off, axis=-1)[s.valid, 1:].ravel())
        sigma.append(s.sigma_m[s.valid, 1:].ravel())
        seen.append(s.seen[s.valid, 1:].ravel())
    error, sigma, seen = (np.concatenate(part) for part in (error, sigma, seen))
    return sigma_factor(error[seen], sigma[seen]), sigma_factor(error[~seen], sigma[~seen])


def _card(config: TrainConfig, spec: ModelSpec, facts: Facts, metrics: dict[str, dict]) -> str:
    rows = [f"| {name} | " + " | ".join(str(m.get(key)) for key in SHOWN) + " |" for name, m in metrics.items()]
    guidance = f"{spec.guidance.variant}, confidence {'on' if spec.guidance.confidence else 'off'}"
    return CARD.format(
        name=spec.name,
        frames=spec.frames,
        rate=spec.rate_hz,
        guidance=guidance,
        windows=facts.windows,
        share=100 * facts.windows / config.windows,
        hours=facts.seconds / 3600,
        machine=f"{facts.machine}, {config.precision}",
        commit=commit(),
        left_out=", ".join(LEFT_OUT),
        seen=spec.sigma_seen,
        hidden=spec.sigma_hidden,
        table="\n".join(["| protocol | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|", *rows]),
        settings=yaml.safe_dump(plain(as_dict(config)), sort_keys=False).strip(),
    )


CARD = """# {name}

DTF lifter: {frames} frames of hand21 at {rate:g} Hz with confidence in, metric wrist-relative joints and their sigma
out; left hands are mirrored. Guidance: {guidance}.

## Training

{windows:,} windows ({share:.0f} % of the run), {hours:.1f} h on {machine}; package at commit {commit}.

Generated hands (`pose3d_ros/lab/synthesis/hand_motion.py`), their statistics fitted to recorded ones. Sigma is
calibrated on recordings outside of the test set ({left_out}): factors {seen:.3f} (seen joints) and {hidden:.3f} (hidden
joints).

## Errors on the recordings that calibrated it

Newest frame, random cameras, noisy detector. The test set is in docs/results.md.

{table}

## Limits

Adult hands without objects or gloves. Sizes are guesses of a hand seen by one camera. Do not use it to keep people safe
from machines.

## Licence and sources

The weights: Apache-2.0, as the package. Statistics from: hand recordings from leapjs-playback, Copyright 2015
LeapMotion, Inc, Apache License 2.0; dex-retargeting, Copyright (c) 2023 Yuzhe Qin, MIT License.

## Settings

```yaml
{settings}
```
"""

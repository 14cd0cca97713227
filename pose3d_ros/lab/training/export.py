"""From a training run to shipped weights: calibrated, with a model card, and listed in SHA256SUMS."""

import json
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.lab.synthesis.occlusion import PROTOCOLS
from pose3d_ros.lab.training.calibration import SigmaFactors, sigma_factors
from pose3d_ros.lab.training.card import Facts, model_card
from pose3d_ros.lab.training.config import TrainConfig, build
from pose3d_ros.lab.training.extpose_export import export_extpose
from pose3d_ros.lab.training.hands import HandTrainer, export_hands
from pose3d_ros.lab.training.norms import refresh
from pose3d_ros.lab.training.people import people
from pose3d_ros.lab.training.run import RECORD, machine, trainer_of
from pose3d_ros.lab.training.trainer import LOG_FILE, STATE, Trainer, load_average
from pose3d_ros.lab.training.validation import Validator
from pose3d_ros.models import ModelSpec, checkpoint, conditions
from pose3d_ros.models.image_lifter import ImageSpec
from pose3d_ros.models.registry import CHECKSUMS, SUFFIX


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    weights: Path
    card: Path
    spec: ModelSpec | ImageSpec
    metrics: dict[str, float]


def export(
    folder: Path, data: Path, weights_dir: Path, config: TrainConfig | None = None, windows: int = 1024
) -> Exported:
    """Write `NAME.safetensors` and `NAME.md` from the run in `folder`, finished or not, into `weights_dir`.

    `config` where the folder lacks its record. `windows` per protocol measure sigma and the card's metrics. Raises
    CheckpointError, ConfigError, InputError.
    """
    recorded = _record(folder)
    if config is None:
        if not recorded:
            raise CheckpointError(f"{folder}: no {RECORD} in it; name the run's settings as well")
        config = build(TrainConfig, recorded["config"], str(folder / RECORD))
    network, state = load_network(folder, config)
    facts = Facts(state["windows_seen"], _seconds(folder, state), recorded.get("machine", machine(config.device)))
    if config.recipe == "hands":
        return _export_hands(network, config, folder, data, facts, weights_dir)
    if config.recipe == "extpose":
        return _exported(weights_dir, *export_extpose(network, config, data, facts, weights_dir, windows))
    frames, rate_hz, guidance = config.data.frames, config.data.rate_hz, config.data.guidance
    known, trainer = people(config, data), trainer_of(config)
    if config.recipe == "views":
        refresh(network, Trainer(config, known.training, folder).norm_batches())
    factors = SigmaFactors()
    if known.held_out is not None and network.config.uncertainty:
        factors = sigma_factors(network, known.held_out, frames, rate_hz, guidance, windows, trainer.assemble)
    metrics = {}
    if known.validation is not None:
        measure = Validator(known.validation, frames, rate_hz, guidance, PROTOCOLS, windows, trainer.assemble)
        metrics = measure(network)
    told = conditions.INPUTS if network.config.condition else ()
    spec = ModelSpec(
        config.name,
        config.skeleton,
        network.config.frames,
        rate_hz,
        guidance,
        told,
        sigma_seen=factors.seen,
        sigma_hidden=factors.hidden,
        sigma_ages=factors.ages,
    )
    path = weights_dir / f"{config.name}{SUFFIX}"
    checkpoint.save(path, network, spec)
    path.chmod(0o644)  # whoever installs it must be able to read it
    card = path.with_suffix(".md")
    card.write_text(model_card(config, spec, facts, metrics, known, [data / name for name in config.motion]))
    update_checksums(weights_dir)
    return Exported(path, card, spec, metrics)


def _export_hands(
    network: nn.Module, config: TrainConfig, folder: Path, data: Path, facts: Facts, weights_dir: Path
) -> Exported:
    refresh(network, HandTrainer(config, folder).norm_batches())
    return _exported(weights_dir, *export_hands(network, config, data, facts, weights_dir))


def _exported(weights_dir: Path, path: Path, spec: ModelSpec | ImageSpec, metrics: dict[str, float]) -> Exported:
    update_checksums(weights_dir)
    return Exported(path, path.with_suffix(".md"), spec, metrics)


def load_network(folder: Path, config: TrainConfig) -> tuple[nn.Module, dict]:
    """The averaged weights of a run, and its state; the batch norm statistics are still those of the newest weights.
    Raises CheckpointError."""
    tensors, state = load_average(folder)
    network = trainer_of(config).new_network(config)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{folder / STATE}: its network is not the one of the settings ({error})") from None
    return network.eval(), state


def update_checksums(weights_dir: Path) -> None:
    """Write SHA256SUMS of all weights in the folder, as `sha256sum` would."""
    lines = [f"{checkpoint.digest(path)}  {path.name}\n" for path in sorted(weights_dir.glob(f"*{SUFFIX}"))]
    (weights_dir / CHECKSUMS).write_text("".join(lines))


def _record(folder: Path) -> dict:
    path = folder / RECORD
    return json.loads(path.read_text()) if path.is_file() else {}


def _seconds(folder: Path, state: dict) -> float:
    """Training time; a run that did not record it is judged by its last speed."""
    if state.get("seconds"):
        return state["seconds"]
    log = folder / LOG_FILE
    lines = log.read_text().splitlines() if log.is_file() else []
    speed = json.loads(lines[-1])["windows_per_s"] if lines else 0.0
    return state["windows_seen"] / speed if speed else 0.0

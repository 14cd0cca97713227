"""A training run from its settings: the data, the held-out people, the loop, what it reports."""

import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from pose3d_ros.core.errors import ConfigError, EngineError
from pose3d_ros.lab.training.config import TrainConfig, as_dict, build
from pose3d_ros.lab.training.extpose import ImageTrainer, prepare_extpose
from pose3d_ros.lab.training.hands import prepare_hands
from pose3d_ros.lab.training.people import people
from pose3d_ros.lab.training.published import prepare_published
from pose3d_ros.lab.training.stream import StreamTrainer
from pose3d_ros.lab.training.trainer import STATE, Trainer
from pose3d_ros.lab.training.validation import Validator

RECORD = "run.json"
SHORT_EMA = 0.99  # memory of the averaged weights while the rate falls quickly


def train(
    config: TrainConfig,
    data: Path,
    folder: Path,
    resume: bool,
    report_every: int = 200,
    on_report: Callable[[dict], None] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trainer:
    """Train to the end in `folder`, going on from its state with `resume`. Raises ConfigError, EngineError."""
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise EngineError(f"device {config.device}: torch {torch.__version__} sees no GPU here; use device cpu")
    if not resume and (folder / STATE).is_file():
        raise ConfigError(f"{folder} holds a run already: resume it, or choose another folder")
    trainer, validate = prepare(config, data, folder)
    if resume:
        trainer.resume()
    write_record(config, folder)
    trainer.run(report_every, on_report, on_step, validate, validate_every=5 * report_every)
    return trainer


def finish(
    config: TrainConfig,
    data: Path,
    folder: Path,
    windows: int,
    report_every: int = 200,
    on_report: Callable[[dict], None] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> tuple[Path, TrainConfig]:
    """Let the rate of a copy of the run in `folder` fall to zero over `windows`: weights before the run's end, which
    itself stays as it is. An interrupted end goes on. Returns the copy's folder and settings. Raises ConfigError."""
    if not (folder / STATE).is_file():
        raise ConfigError(f"{folder}: expected {STATE} of a run to take to its end, there is none")
    copy = folder / "finish"
    if not (copy / RECORD).is_file():
        copy.mkdir(exist_ok=True)
        shutil.copy2(folder / STATE, copy / STATE)
        begun = torch.load(copy / STATE, map_location="cpu", weights_only=True)["windows_seen"]
        total, ema = begun + windows, min(config.ema, SHORT_EMA)
        write_record(replace(config, windows=total, decay=windows / total, ema=ema), copy)
    ends = build(TrainConfig, json.loads((copy / RECORD).read_text())["config"], str(copy / RECORD))
    train(ends, data, copy, True, report_every, on_report, on_step)
    return copy, ends


def prepare(config: TrainConfig, data: Path, folder: Path) -> tuple[Trainer, Callable | None]:
    """The loop and its validation, by the recipe of the settings."""
    if config.recipe == "published":
        return prepare_published(config, data, folder)
    if config.recipe == "hands":
        return prepare_hands(config, data, folder)
    if config.recipe == "extpose":
        return prepare_extpose(config, data, folder)
    known = people(config, data)
    trainer = trainer_of(config)
    validate = None
    if known.validation is not None:
        moved = known.validation.to(config.device)
        validate = Validator(
            moved, config.data.frames, config.data.rate_hz, config.data.guidance,
            count=config.validation_windows, assemble=trainer.assemble,
        )  # fmt: skip
    return trainer(config, known.training, folder), validate


def trainer_of(config: TrainConfig) -> type[Trainer]:
    """The loop for windows or sequences made of motion, or for images."""
    return {"stream": StreamTrainer, "extpose": ImageTrainer}.get(config.recipe, Trainer)


def write_record(config: TrainConfig, folder: Path) -> None:
    """Settings and machine class beside the state, for the export."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text(json.dumps({"config": as_dict(config), "machine": machine(config.device)}, indent=1))


def machine(device: str) -> str:
    """The class of this machine, in a few words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{platform.machine()} CPU, {count} thread{'s' * (count != 1)}"

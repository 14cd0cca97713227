"""Who a run learns from, who its sigma is calibrated on, who is reported on: people of motion files, or hands."""

from pathlib import Path
from typing import NamedTuple

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.synthesis import motion
from pose3d_ros.lab.synthesis.body_images import Bodies
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.image_config import Subject
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.validation import People


class Subjects(NamedTuple):
    """Of images. Hands are generated, so that other seeds are other hands."""

    training: Subject
    calibration: Subject
    validation: Subject


def people(config: TrainConfig, data: Path) -> People:
    """Load the motion of a run from the folder `data`. Raises InputError, ConfigError."""
    if not config.motion:
        raise ConfigError("motion: expected at least one motion file or folder of BVH files, got none")
    everybody = motion.load([data / name for name in config.motion], dict(config.source_weights), config.skeleton)
    unknown = set(config.hold_out) - set(everybody.subjects)
    if unknown:
        raise ConfigError(f"hold_out: no such subjects {sorted(unknown)}; known are {sorted(set(everybody.subjects))}")
    kept = [subject in config.hold_out for subject in everybody.subjects]
    held_out = everybody.subset(kept) if any(kept) else None
    if config.calibration:
        more = motion.load([data / name for name in config.calibration], skeleton=config.skeleton)
        held_out = more if held_out is None else held_out.joined(more)
    reported = [data / name for name in config.validation]
    validation = motion.load(reported, skeleton=config.skeleton) if reported else None
    return People(everybody.subset([not keep for keep in kept]), held_out, validation)


def subjects(config: TrainConfig, data: Path) -> Subjects:
    """Of the recipe extpose. Raises InputError, ConfigError."""
    if config.extpose.skeleton == HANDS.skeleton.name:
        return Subjects(HANDS, HANDS, HANDS)
    known = people(config, data)
    if known.validation is None:
        raise ConfigError("validation: expected motion files of other people than in training, got none")
    training = Bodies(known.training.to(config.device))
    # who is measured on is shown as recorded
    others = Bodies(known.validation, widened=False)
    return Subjects(training, others if known.held_out is None else Bodies(known.held_out, widened=False), others)

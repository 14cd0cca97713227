"""Picture models on engines: one frame after the cached ones is what is compiled."""

from dataclasses import asdict

import torch

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.engines.backends import EngineOptions, rungs
from pose3d_ros.engines.base import Program
from pose3d_ros.engines.cache import Cache
from pose3d_ros.engines.ladder import Ladder
from pose3d_ros.engines.lifters import LIMITS
from pose3d_ros.models import registry
from pose3d_ros.models.picture import PictureLifter

# Beside those of lifters: the camera only places what has no keypoints, shape is a logarithm of lengths, and keys and
# values are about 1
ALL_LIMITS = {**LIMITS, "camera": 0.05, "shape": 0.02, "keys": 0.1, "values": 0.1}


def program(lifter: PictureLifter, origin: str | None = None) -> Program:
    """What engines run of a picture model, which must be on the CPU and fp32. `origin`: its weights' file."""
    with torch.inference_mode():
        given = lifter.frame(*(torch.from_numpy(array) for array in lifter.example(1).values()))
    limits = {name: ALL_LIMITS[name] for name in given}
    return Program(
        lifter.spec.name,
        lifter.frame,
        lifter.example,
        tuple(limits),
        limits,
        {"spec": asdict(lifter.spec), "network": asdict(lifter.network.config)},
        (f"{__name__}:from_file", origin) if origin else None,
    )


def from_file(weights: str) -> Program:
    """The program of a weights' file, in whatever process. Raises CheckpointError."""
    return program(_load(weights), weights)


def open_picture_lifter(
    weights: str, options: EngineOptions = EngineOptions(), wait: bool = False, cache: Cache | None = None
) -> PictureLifter:
    """A picture model on the best engine, which falls to the next one when that fails; as `lifters.open_lifter`."""
    return on_engine(_load(weights), options, wait, cache, str(registry.find(weights).resolve()))


def on_engine(
    lifter: PictureLifter, options: EngineOptions, wait: bool = False, cache: Cache | None = None,
    origin: str | None = None,
) -> PictureLifter:  # fmt: skip
    """The same lifter, which is on the CPU, on the best engine. `origin`: its weights' file, for builds beside it."""
    lifter.engine = Ladder(program(lifter, origin), rungs(options), cache or Cache.default(), wait, options.named)
    return lifter


def _load(weights: str) -> PictureLifter:
    lifter = registry.load(weights)
    if not isinstance(lifter, PictureLifter):
        raise CheckpointError(f"{weights}: expected the weights of a picture model (extpose), got those of a lifter")
    config = lifter.network.config
    if config.pose_input != "image":
        raise CheckpointError(f"{weights}: a study's network that takes {config.pose_input}, expected drawn skeletons")
    if config.head != "kinematic":
        raise CheckpointError(
            f"{weights}: {config.head.upper()} weights give joints with a licensed model file only, which no parameter "
            "names; expected those of the kinematic head. In Python, build ExtPose with a BodyModel"
        )
    return lifter

"""Image models on engines: one frame after the cached ones is what is compiled."""

from copy import deepcopy
from dataclasses import asdict

import torch

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.engines.backends.choice import EngineOptions, Rung, backend, rungs
from pose3d_ros.engines.base import Program, Target, explain
from pose3d_ros.engines.cache import EngineCache
from pose3d_ros.engines.ladder import Ladder
from pose3d_ros.engines.lifters import LIMITS
from pose3d_ros.models import registry, torch_device
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.models.parametric import HOW_TO_GET

# Beside those of lifters: the camera only places what has no keypoints, shape is a logarithm of lengths, keys and
# values are about 1. Rotations off by 0.003 move the end of an arm by 2 mm, betas are in standard deviations of people
ALL_LIMITS = {
    **LIMITS, "camera": 0.05, "rotations": 0.003, "betas": 0.05, "shape": 0.02, "keys": 0.1, "values": 0.1
}  # fmt: skip
PRECISION_BESIDE_CACHE = "fp16"  # half of the cache
# What names the licensed files, for messages
PARAMETERS = {"smpl": "refine.body_model", "mano": "refine.hands_model"}


def program(lifter: ImageLifter, origin: str | None = None) -> Program:
    """What engines run of an image model, which must be on the CPU and fp32. `origin`: its weights' file."""
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


def open_image_lifter(
    weights: str, options: EngineOptions = EngineOptions(), wait: bool = False, cache: EngineCache | None = None,
    body_model: str = "",
) -> ImageLifter:  # fmt: skip
    """An image model on the best engine, which falls to the next one when that fails; as `lifters.open_lifter`.

    `body_model`: path of the licensed file that SMPL and MANO weights need; no engine holds it. Raises CheckpointError
    too where it is missing, not needed, or of another kind.
    """
    lifter = _load(weights, body_model)
    head = lifter.network.config.head
    if head in HOW_TO_GET and not body_model:
        raise CheckpointError(
            f"{weights}: {head.upper()} weights give joints with a licensed model file only: name {HOW_TO_GET[head]} "
            f"in {PARAMETERS[head]}"
        )
    return on_engine(lifter, options, wait, cache, str(registry.find(weights).resolve()))


def on_engine(
    lifter: ImageLifter, options: EngineOptions, wait: bool = False, cache: EngineCache | None = None,
    origin: str | None = None,
) -> ImageLifter:  # fmt: skip
    """The same lifter, which is on the CPU, on the best engine. `origin`: its weights' file, for builds beside it.

    Engines take and give arrays of the host. A GPU would be sent the whole cache of past frames in every step, 3.5 GB
    for four crops of a ViT-H that looks back 8 frames; where no backend is named, eager torch there keeps it instead.
    """
    device, why = str(torch_device(options.device)), ""
    if not options.named and device.startswith("cuda") and lifter.spec.frames > 1:
        try:
            return _beside_its_cache(lifter, device)
        except Exception as error:  # no memory, not near enough to fp32, what a GPU's driver raises
            why = explain(error)
    lifter.engine = Ladder(program(lifter, origin), rungs(options), cache or EngineCache.default(), wait, options.named)
    lifter.note = f"eager torch on {device} beside its cache: {why}" if why else ""
    return lifter


def _beside_its_cache(lifter: ImageLifter, device: str) -> ImageLifter:
    """The lifter by eager torch in fp16, its cache on the same device; checked as engines are. Raises EngineError, and
    what torch raises."""
    Rung(backend("torch"), Target(device, PRECISION_BESIDE_CACHE)).load(program(lifter)).close()
    # a copy: should the memory not suffice, the lifter is still whole, for the ladder
    return ImageLifter(deepcopy(lifter.network), lifter.spec, device, PRECISION_BESIDE_CACHE, lifter.body_model)


def _load(weights: str, body_model: str = "") -> ImageLifter:
    lifter = registry.load(weights, body_model=body_model)
    if not isinstance(lifter, ImageLifter):
        raise CheckpointError(f"{weights}: expected the weights of an image model (extpose), got those of a lifter")
    config = lifter.network.config
    if config.pose_input != "image":
        raise CheckpointError(f"{weights}: a study's network that takes {config.pose_input}, expected drawn skeletons")
    return lifter

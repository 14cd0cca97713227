"""Lifters on engines: the newest frame of a window is what is compiled; other frames run eagerly on the CPU."""

from dataclasses import asdict, is_dataclass

import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.engines.backends.choice import EngineOptions, rungs
from pose3d_ros.engines.base import Program
from pose3d_ros.engines.cache import EngineCache
from pose3d_ros.engines.ladder import Ladder
from pose3d_ros.models import Lifter, registry
from pose3d_ros.models.streaming_lifter import StreamingLifter

# Of single joints: 2 mm is far below every lifter's error; 5 % of a sigma changes nobody's decision
LIMITS = {"xyz": 0.002, "log_sigma": 0.05}
INPUT = "inputs"


class NewestSlot(nn.Module):
    """A lifting network asked for the newest frame only."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return self.network(inputs, frame=-1)


def program(lifter: Lifter, origin: str | None = None) -> Program:
    """What engines run of a lifter, which must be on the CPU and fp32. `origin`: its weights' file. Raises
    ConfigError."""
    if isinstance(lifter, StreamingLifter):
        raise ConfigError(f"{lifter.spec.name} keeps its state in torch: a streaming lifter takes no engine")
    module = NewestSlot(lifter.network).eval()
    with torch.inference_mode():
        given = module(torch.from_numpy(lifter.spec.example()))
    limits = {name: limit for name, limit in LIMITS.items() if name in given}
    config = getattr(lifter.network, "config", None)
    return Program(
        lifter.spec.name,
        module,
        lambda rows: {INPUT: lifter.spec.example(rows)},
        tuple(limits),
        limits,
        {"spec": asdict(lifter.spec), "network": asdict(config) if is_dataclass(config) else {}},
        (f"{__name__}:from_file", origin) if origin else None,
    )


def from_file(weights: str) -> Program:
    """The program of a weights' file, in whatever process. Raises CheckpointError."""
    return program(registry.load(weights), weights)


def open_lifter(
    weights: str, options: EngineOptions = EngineOptions(), wait: bool = False, cache: EngineCache | None = None
) -> Lifter:
    """A lifter on the best engine (`Lifter.engine` is its `Ladder`), which falls to the next one when that fails.

    `cache`: of built engines, by default the user's. Raises CheckpointError, ConfigError, and EngineError where the
    named GPU or backend cannot run here. A streaming lifter, whose state stays in torch, comes without an engine.
    """
    steps = rungs(options)
    lifter = registry.load_lifter(weights)
    if isinstance(lifter, StreamingLifter):
        return StreamingLifter(lifter.network, lifter.spec, options.device, options.precision)
    origin = str(registry.find(weights).resolve())
    lifter.engine = Ladder(program(lifter, origin), steps, cache or EngineCache.default(), wait, options.named)
    return lifter

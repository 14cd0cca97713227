"""`Lifter`: a network with its spec, arrays in and arrays out. It owns the device, the precision and the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

from pose3d_ros.core.errors import ConfigError, EngineError, InputError
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.models.precision import place
from pose3d_ros.models.spec import Spec


@dataclass(frozen=True)
class ModelSpec(Spec):
    """What belongs to the weights and is stored with them, never in a settings file.

    Inputs float32 (people, frames, joints, 3): x, y of the virtual camera and confidence, as `guidance` fills them,
    at `rate_hz`. Output: joints in metres in the axes of the virtual camera. `sigma_seen`, `sigma_hidden`: factors on
    the network's sigma that were measured on people outside of training. Raises FormatError or ConfigError.
    """

    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)

    def input_shape(self, people: int) -> tuple[int, int, int, int]:
        return people, self.frames, len(self.joints), 3

    def example(self, people: int = 1) -> np.ndarray:
        """A plausible input, always the same: joints on slow circles, a third of them hidden."""
        rng = np.random.default_rng(0)
        people_, frames, joints, _ = self.input_shape(people)
        start = rng.normal(0, 0.7, (people_, 1, joints, 2))
        drift = 0.1 * np.sin(np.linspace(0, 2, frames))[None, :, None, None]
        confidence = rng.choice([0.9, 0.95, 0.4], (people_, frames, joints, 1))
        return np.concatenate((start + drift, confidence), -1).astype(np.float32)


class LifterOutput(NamedTuple):
    """`xyz_m` float32 (people, joints, 3), root-relative; `sigma_m` float32 (people, joints), not yet calibrated."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray


DEFAULT_SIGMA_M = 0.1  # of networks without the uncertainty head
LOG_SIGMA_RANGE = float(np.log(1e-4)), float(np.log(10.0))  # no human joint is known better, or worse, in metres


class Runner(Protocol):
    """What a lifter needs of an engine: rows of named arrays in and out."""

    description: str

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]: ...

    def close(self) -> None: ...


class Lifter:
    """Runs one lifting network."""

    def __init__(self, network: nn.Module, spec: ModelSpec, device: str = "cpu", precision: str = "fp32"):
        if precision not in ("fp32", "fp16"):
            raise ConfigError(f"precision: expected fp32 or fp16, got {precision!r}")
        self.spec = spec
        self.device = torch_device(device)
        self.dtype = torch.float16 if precision == "fp16" else torch.float32
        self.network: nn.Module | None = place(network.eval(), self.device, self.dtype).requires_grad_(False)
        self.run: Callable[[torch.Tensor, int], dict[str, torch.Tensor]] = self.network
        self.engine: Runner | None = None  # runs the newest frame in the network's place, where there is one

    @property
    def description(self) -> str:
        """One line for diagnostics."""
        if self.engine:
            return f"{self.spec.name}, {self.engine.description}"
        return f"{self.spec.name}, eager torch {torch.__version__}, {self.device}, {str(self.dtype)[6:]}"

    def __call__(self, inputs: np.ndarray, frame: int = -1) -> LifterOutput:
        """Lift one slot (default: the newest) of float32 (people, frames, joints, 3). Raises InputError on shapes."""
        expected = self.spec.input_shape(len(inputs))
        if inputs.shape != expected:
            raise InputError(f"{self.spec.name}: expected inputs {expected}, got {inputs.shape}")
        if self.network is None:
            raise EngineError(f"{self.spec.name}: this lifter was closed; load it again")
        inputs = np.ascontiguousarray(inputs, np.float32)
        newest = frame in (-1, self.spec.frames - 1)
        return as_lifted(self.engine({"inputs": inputs}) if self.engine and newest else self._eager(inputs, frame))

    @torch.inference_mode()
    def _eager(self, inputs: np.ndarray, frame: int) -> dict[str, np.ndarray]:
        out = self.run(torch.from_numpy(inputs).to(self.device, self.dtype), frame)
        return {name: tensor.float().cpu().numpy() for name, tensor in out.items()}

    def warm_up(self, people: int = 1) -> None:
        """Run once on the example input, so that the first real frame is not the slow one."""
        self(self.spec.example(people))

    def close(self) -> None:
        """Free the device."""
        if self.engine:
            self.engine.close()
        self.network = None
        self.run = None
        self.engine = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def as_lifted(out: Mapping[str, np.ndarray]) -> LifterOutput:
    """The first slot of what a network gave, on its root."""
    xyz = out["xyz"][:, 0]
    xyz = xyz - xyz[:, :1]
    if "log_sigma" in out:
        return LifterOutput(xyz, np.exp(out["log_sigma"][:, 0].clip(*LOG_SIGMA_RANGE)))
    return LifterOutput(xyz, np.full(xyz.shape[:2], DEFAULT_SIGMA_M, np.float32))


def torch_device(name: str) -> torch.device:
    """Of a device's name; auto = a GPU where there is one. Raises ConfigError, EngineError (no such GPU)."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: expected auto, cpu, cuda or cuda:N, got {name!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise EngineError(f"device {name}: torch {torch.__version__} sees {count} GPUs here; use device auto or cpu")
    return device


def use_threads(count: int) -> None:
    """CPU threads for all of torch in this process; 0 leaves them as they are.

    Networks this small are fastest on one: two cost a hand-over per operation, and wait for each other on a busy robot.
    """
    if count:
        torch.set_num_threads(count)

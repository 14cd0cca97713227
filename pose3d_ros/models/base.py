"""`Model`: a network with its spec, arrays in and arrays out. It owns the device, the precision and the engine.

Adding a model = one file: its network, and a subclass of `Model` (mostly of `Lifter`) with `@register`. Nothing asks a
model for its type; what differs is a method or an attribute of this class.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError
from pose3d_ros.models.precision import place
from pose3d_ros.models.program import Batch, Program
from pose3d_ros.models.spec import Spec

KEYPOINTS, IMAGES = "keypoints", "images"  # what a model takes
Network = TypeVar("Network", bound=nn.Module)
AnySpec = TypeVar("AnySpec", bound=Spec)
Self = TypeVar("Self", bound="Model")


class Runner(Protocol):
    """What a model needs of an engine: rows of named arrays in and out."""

    @property
    def description(self) -> str: ...

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]: ...

    def close(self) -> None: ...


class Model(ABC, Generic[Network, AnySpec]):
    """Runs one network on `device` in `precision`; `engine`, where there is one, runs in the network's place.

    `takes`: KEYPOINTS or IMAGES. `keeps_state`: remembers past frames, so it wants them one after the other, and a GPU
    keeps what it remembers. `note`, for diagnostics: why nothing better runs. Raises ConfigError, EngineError (no such
    GPU).
    """

    takes: ClassVar[str] = KEYPOINTS

    def __init__(self, network: Network, spec: AnySpec, device: str = "cpu", precision: str = "fp32") -> None:
        if precision not in ("fp32", "fp16"):
            raise ConfigError(f"precision: expected fp32 or fp16, got {precision!r}")
        self.spec = spec
        self.device = torch_device(device)
        self.dtype = torch.float16 if precision == "fp16" else torch.float32
        self.engine: Runner | None = None
        self.note = ""
        placed: Any = place(network.eval(), self.device, self.dtype).requires_grad_(False)
        self._network: Network | None = placed

    @property
    def network(self) -> Network:
        """The network itself. Raises EngineError after `close`."""
        if self._network is None:
            raise EngineError(f"{self.spec.name}: this lifter was closed; load it again")
        return self._network

    @property
    def keeps_state(self) -> bool:
        return False

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def description(self) -> str:
        """One line for diagnostics."""
        if self.engine is not None:
            return f"{self.name}, {self.engine.description}" + (f" [{self.note}]" if self.note else "")
        return f"{self.name}, eager torch {torch.__version__}, {self.device}, {str(self.dtype)[6:]}"

    @abstractmethod
    def program(self, origin: tuple[str, str] | None = None) -> Program | None:
        """What engines run of this model, which must be on the CPU and in fp32; None = nothing. `origin`: how another
        process makes the same program."""

    @abstractmethod
    def warm_up(self, rows: int = 1) -> None:
        """Run once, so that the first real frame is not the slow one."""

    def moved(self: Self, device: str, precision: str) -> Self:
        """A copy on another device or in another precision. This model stays whole, should the memory not suffice."""
        return type(self)(deepcopy(self.network), self.spec, device, precision)

    def use_body_model(self, path: str | Path) -> None:
        """Take the licensed file that some networks need to give joints. Raises CheckpointError: none is needed."""
        raise CheckpointError(f"weights {self.spec.name}: this model takes no body model; got {path}")

    def check_complete(self) -> None:
        """Raise CheckpointError where a node needs more than the weights' file, such as a licensed body model."""

    def close(self) -> None:
        """Free the device."""
        if self.engine is not None:
            self.engine.close()
        self._network = self.engine = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device, self.dtype)


def arrays(out: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """What a network gave, as float32 arrays of the host."""
    return {name: tensor.float().cpu().numpy() for name, tensor in out.items()}


def torch_device(name: str) -> torch.device:
    """Return the device of this name; auto = a GPU, if any. Raises ConfigError, EngineError (no such GPU)."""
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
    """Set the CPU threads for all of torch in this process; 0 leaves them as they are.

    Networks this small are fastest on one: two cost a hand-over per operation, and wait for each other on a busy robot.
    """
    if count:
        torch.set_num_threads(count)

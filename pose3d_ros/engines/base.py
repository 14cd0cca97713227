"""What every backend is given (`Program`, `Target`) and what it is (`Engine`)."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import EngineError
from pose3d_ros.models.precision import place

Batch = Mapping[str, np.ndarray]  # name -> (rows, ...); all have the same number of rows
GPU_BUCKETS = (1, 2, 4, 8, 16, 32)
CPU_BUCKETS = (1, 4)  # a CPU's time grows with the rows: larger batches save nothing, and each bucket costs start-up


class UnavailableError(EngineError):
    """A backend cannot run here. The text is short, and says what is missing."""


class NotBuiltError(UnavailableError):
    """A backend could run here, but its files for this model are not in the cache."""


@dataclass(frozen=True, eq=False)
class Program:
    """One network as engines see it: arrays by name in, arrays by name out, rows independent of each other.

    `module`: eval, fp32, on the CPU; takes tensors in the order of `example(rows)` and returns a dict of `outputs`.
    `example(rows)`: plausible inputs, float32, always the same. `limits`: the largest absolute difference from
    eager fp32 that an engine may have, per output, in its unit. `config`: what shapes the network, beside its
    weights. `origin`: ("module:function", argument) that makes this program again in another process.
    """

    name: str
    module: nn.Module
    example: Callable[[int], Batch]
    outputs: tuple[str, ...]
    limits: Mapping[str, float]
    config: Mapping[str, Any] = field(default_factory=dict)
    origin: tuple[str, str] | None = None

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.example(1))

    @cached_property
    def weights_sha256(self) -> str:
        """Over names, types, shapes and values of all tensors."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.module.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        return digest.hexdigest()

    def tensors(self, rows: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
        """The example as the module takes it."""
        return tuple(torch.from_numpy(array).to(device, dtype) for array in self.example(rows).values())

    def placed(self, device: str, dtype: torch.dtype) -> nn.Module:
        """A copy of the module there. Raises EngineError (no memory)."""
        try:
            return place(deepcopy(self.module), device, dtype)
        except (RuntimeError, AssertionError) as error:
            raise EngineError(f"{self.name} does not fit on {device}: {_first_line(error)}") from error

    @torch.inference_mode()
    def reference(self, batch: Batch) -> dict[str, np.ndarray]:
        """Eager fp32 on the CPU: what every engine is measured by."""
        out = self.module(*(torch.from_numpy(np.ascontiguousarray(batch[name])) for name in self.inputs))
        return {name: out[name].numpy() for name in self.outputs}


@dataclass(frozen=True)
class Target:
    """Where and how to run: `device` is cpu or cuda:N; `threads` of the CPU, 0 = the backend's own choice."""

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1
    gpu_buckets: tuple[int, ...] = GPU_BUCKETS
    cpu_buckets: tuple[int, ...] = CPU_BUCKETS

    @property
    def dtype(self) -> torch.dtype:
        return torch.float16 if self.precision == "fp16" else torch.float32

    @property
    def buckets(self) -> tuple[int, ...]:
        return self.gpu_buckets if self.device.startswith("cuda") else self.cpu_buckets


@dataclass(frozen=True)
class EngineInfo:
    """What runs: for diagnostics, reports and benchmarks."""

    name: str
    device: str
    precision: str
    versions: Mapping[str, str]

    def __str__(self) -> str:
        version = " ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.name} ({version}), {self.device}, {self.precision}"


class Engine(ABC):
    """A model that is ready to run. Call it from one thread at a time."""

    name: ClassVar[str]
    on_gpu: ClassVar[bool] = False
    built: ClassVar[bool] = False  # runs from files that `build` made

    info: EngineInfo

    @classmethod
    @abstractmethod
    def versions(cls, target: Target) -> dict[str, str]:
        """Versions of what it runs on. Raises UnavailableError, whatever a broken install raises."""

    @classmethod
    def build(cls, program: Program, target: Target, folder: Path, report: Callable[[str], None]) -> None:
        """Write into `folder` what `load` needs, where `built`. `report` is told what is being done."""
        raise NotImplementedError(f"{cls.name} needs no files")

    @classmethod
    @abstractmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "Engine":
        """Make it ready. Raises whatever its libraries raise."""

    @abstractmethod
    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        """float32 arrays in and out; any number of rows from 1 on."""

    @abstractmethod
    def warm_up(self) -> None:
        """Run every bucket, so that the first real call is not the slow one."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds. It cannot be called afterwards."""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:200]


def explain(error: BaseException) -> str:
    """An exception on one line."""
    if isinstance(error, EngineError):
        return _first_line(error)
    return f"{type(error).__name__}: {_first_line(error)}"

"""What every backend is given (`Target`, beside the `Program` of a model) and what it is (`Engine`)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from pose3d_ros.core.errors import EngineError, first_line
from pose3d_ros.models.program import Batch, Program

__all__ = ["Batch", "Engine", "EngineInfo", "NotBuiltError", "Program", "Target", "UnavailableError", "explain"]

GPU_BUCKETS = (1, 2, 4, 8, 16, 32)
CPU_BUCKETS = (1, 4)  # a CPU's time grows with the rows: larger batches save nothing, and each bucket costs start-up


class UnavailableError(EngineError):
    """A backend cannot run here. The text is short, and says what is missing."""


class NotBuiltError(UnavailableError):
    """A backend could run here, but its files for this model are not in the cache."""


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


def explain(error: BaseException) -> str:
    """An exception on one line."""
    if isinstance(error, EngineError):
        return first_line(error)
    return f"{type(error).__name__}: {first_line(error)}"

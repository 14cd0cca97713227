"""`tensorrt`: Torch-TensorRT, compiled ahead of time through torch.export. Never run on hardware here."""

from pathlib import Path

import numpy as np

from pose3d_ros.engines.base import Batch, Engine, Program, Target, UnavailableError


class TensorRT(Engine):
    """Not there yet."""

    name = "tensorrt"
    on_gpu = True
    built = True

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        raise UnavailableError("not there yet")

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "TensorRT":
        raise UnavailableError("not there yet")

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]: ...
    def warm_up(self) -> None: ...
    def close(self) -> None: ...

"""`torch`: the module as it is. Runs wherever torch does; all others fall back to it."""

from pathlib import Path

import numpy as np
import torch

from pose3d_ros.engines.base import Batch, Engine, EngineInfo, Program, Target


class Torch(Engine):
    """Eager torch, on the CPU or a GPU."""

    name = "torch"

    def __init__(self, program: Program, target: Target) -> None:
        self._program, self._target = program, target
        same = target.device == "cpu" and target.dtype == torch.float32
        self._module = program.module if same else program.placed(target.device, target.dtype)
        self.info = EngineInfo(self.name, target.device, target.precision, self.versions(target))

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        return {"torch": torch.__version__}

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "Torch":
        return cls(program, target)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        tensors = (torch.from_numpy(np.ascontiguousarray(batch[name])) for name in self._program.inputs)
        out = self._module(*(tensor.to(self._target.device, self._target.dtype) for tensor in tensors))
        return {name: out[name].float().cpu().numpy() for name in self._program.outputs}

    def warm_up(self) -> None:
        self(self._program.example(1))

    def close(self) -> None:
        self._module = None
        if self._target.device != "cpu":
            torch.cuda.empty_cache()

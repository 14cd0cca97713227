"""`Program`: one network as engines see it."""

import hashlib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import EngineError, first_line
from pose3d_ros.models.precision import place

Batch = Mapping[str, np.ndarray]  # name -> (rows, ...); all have the same number of rows
# The largest differences that an engine may have, by output. Of single joints: 2 mm is far below every lifter's error;
# 5 % of a sigma changes nobody's decision. The camera only places what has no keypoints, shape is a logarithm of
# lengths, keys and values, and the memory of both, are about 1. Rotations off by 0.003 move the end of an arm by 2 mm,
# betas are in standard deviations of people
LIMITS = {
    "xyz": 0.002, "log_sigma": 0.05, "camera": 0.05, "rotations": 0.003, "betas": 0.05, "shape": 0.02, "keys": 0.1,
    "values": 0.1, "memory": 0.1,
}  # fmt: skip


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
            raise EngineError(f"{self.name} does not fit on {device}: {first_line(error)}") from error

    @torch.inference_mode()
    def reference(self, batch: Batch) -> dict[str, np.ndarray]:
        """Eager fp32 on the CPU: what every engine is measured by."""
        out = self.module(*(torch.from_numpy(np.ascontiguousarray(batch[name])) for name in self.inputs))
        return {name: out[name].numpy() for name in self.outputs}

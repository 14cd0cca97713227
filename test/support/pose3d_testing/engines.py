"""A tiny program with two inputs, and a fake backend that fails in every way that the real ones do."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pose3d_ros.engines.base import Engine, EngineInfo, Program, Target

CPU = Target("cpu")


class Affine(nn.Module):
    """Two inputs, two outputs, as the networks that see images have them."""

    def __init__(self, scale: float = 2.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, points: torch.Tensor, offset: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"xyz": self.scale * points + offset, "mean": points.mean(1)}


def example(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(rows, 3)).astype(np.float32) for name in ("points", "offset")}


def make_program(scale: float = 2.0, origin: tuple[str, str] | None = None, **config) -> Program:
    module = Affine(scale).eval().requires_grad_(False)
    return Program("affine", module, example, ("xyz", "mean"), {"xyz": 0.002}, config, origin)


class Fake(Engine):
    """Computes in torch, from a file, and fails as its class attributes say."""

    name = "fake"
    built = True
    import_error: Exception | None = None
    build_error: Exception | None = None
    load_error: Exception | None = None
    error: float = 0.0  # of its output
    version = "1"

    def __init__(self, program: Program, target: Target, folder: Path):
        self.info = EngineInfo(self.name, target.device, target.precision, self.versions(target))
        self._program, self.closed, self.failing = program, False, None
        assert not self.built or (folder / "engine.bin").read_bytes() == b"engine"
        type(self).made.append(self)

    made: list["Fake"] = []

    @classmethod
    def versions(cls, target):
        if cls.import_error:
            raise cls.import_error
        return {"fake": cls.version}

    @classmethod
    def build(cls, program, target, folder, report):
        report("compiling")
        (folder / "engine.bin").write_bytes(b"engine")
        if cls.build_error:
            raise cls.build_error

    @classmethod
    def load(cls, program, target, folder=None):
        if cls.load_error:
            raise cls.load_error
        return cls(program, target, folder)

    def __call__(self, batch):
        if self.failing:
            raise self.failing
        found = self._program.reference(batch)
        return {**found, "xyz": found["xyz"] + np.float32(self.error)}

    def warm_up(self):
        self(self._program.example(1))

    def close(self):
        self.closed = True

"""The backends by name, and the order in which they are tried."""

from dataclasses import dataclass
from importlib import import_module

import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.engines.base import Engine, Program, Target
from pose3d_ros.engines.parity import check

# Best first. Their modules import nothing heavy until they are asked.
FILES = {
    "tensorrt": "pose3d_ros.engines.tensorrt:TensorRT",
    "cuda": "pose3d_ros.engines.cuda:CUDA",
    "openvino": "pose3d_ros.engines.openvino:OpenVINO",
    "onnxruntime": "pose3d_ros.engines.onnxruntime:ONNXRuntime",
    "torch": "pose3d_ros.engines.eager:Torch",
}
CHOICES = ("auto", *FILES)


def backend(name: str) -> type[Engine]:
    """The class of a backend. Raises ConfigError."""
    if name not in FILES:
        raise ConfigError(f"backend: expected one of {', '.join(CHOICES)}, got {name!r}")
    module, attribute = FILES[name].split(":")
    return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: a backend and where it runs."""

    kind: type[Engine]
    target: Target

    def __str__(self) -> str:
        return f"{self.kind.name} on {self.target.device}"

    def load(self, program: Program, folder=None) -> Engine:
        """A warm engine that agrees with eager fp32. Raises EngineError where it does not, and what libraries raise."""
        engine = self.kind.load(program, self.target, folder)
        try:
            if self != Rung(backend("torch"), Target("cpu", "fp32", self.target.threads)):  # the measure itself
                check(engine, program)
            engine.warm_up()
        except BaseException:
            engine.close()
            raise
        return engine


def rungs(name: str, device: torch.device, precision: str, threads: int, gpu_named: bool = False) -> list[Rung]:
    """From the named backend (`auto`: the best) down to eager torch on the CPU, which always works.

    Eager torch on a GPU comes before all of the CPU where the user named that GPU, else not at all: it is no faster.
    fp16 is for GPUs; on a CPU only eager torch that was asked for computes with it, slowly.
    """
    if name != "auto":
        backend(name)
    on_cpu, asked = Target("cpu", "fp32", threads), Target(str(device), precision, threads)
    found = []
    for each in list(FILES)[0 if name == "auto" else list(FILES).index(name) :]:
        kind = backend(each)
        if kind.on_gpu:
            found.append(Rung(kind, asked))
            if each == "cuda" and gpu_named:
                found.append(Rung(backend("torch"), asked))
        else:
            if each == name == "torch" and asked != on_cpu:
                found.append(Rung(kind, asked))
            found.append(Rung(kind, on_cpu))
    return found

"""The backends by name, and the order in which they are tried."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.engines.base import GPU_BUCKETS, Engine, Program, Target
from pose3d_ros.engines.parity import check
from pose3d_ros.models import torch_device

# Best first. Their modules import nothing heavy until they are asked.
FILES = {
    "tensorrt": "pose3d_ros.engines.backends.tensorrt:TensorRT",
    "cuda": "pose3d_ros.engines.backends.cuda:CUDA",
    "openvino": "pose3d_ros.engines.backends.openvino:OpenVINO",
    "onnxruntime": "pose3d_ros.engines.backends.onnxruntime:ONNXRuntime",
    "torch": "pose3d_ros.engines.backends.eager:Torch",
}
LAST = "torch"
_refused: set[str] = set()  # backends that hung in this process, or went wrong
POWERS = tuple(2**i for i in range(16))
CHOICES = ("auto", *FILES)


def backend(name: str) -> type[Engine]:
    """The class of a backend. Raises ConfigError."""
    if name not in FILES:
        raise ConfigError(f"backend: expected one of {', '.join(CHOICES)}, got {name!r}")
    module, attribute = FILES[name].split(":")
    return getattr(import_module(module), attribute)


def refuse(name: str) -> None:
    """Take this backend out of every ladder that is made in this process from now on; the last one always stays."""
    if name != LAST:
        _refused.add(name)


def accept_all() -> None:
    """Forget what was refused."""
    _refused.clear()


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: a backend and where it runs."""

    kind: type[Engine]
    target: Target

    def __str__(self) -> str:
        return f"{self.kind.name} on {self.target.device}"

    def load(self, program: Program, folder: Path | None = None) -> Engine:
        """A warm engine that agrees with eager fp32. Raises EngineError where it does not, and what libraries raise."""
        engine = self.kind.load(program, self.target, folder)
        try:
            if (self.kind.name, self.target.device, self.target.precision) != ("torch", "cpu", "fp32"):  # the measure
                check(engine, program)
            engine.warm_up()
        except BaseException:
            engine.close()
            raise
        return engine


@dataclass(frozen=True)
class EngineOptions:
    """What a user may say about engines. `largest_batch`: GPU engines are made for 1, 2, 4, ... rows up to this."""

    device: str = "auto"
    precision: str = "fp32"
    threads: int = 1
    backend: str = "auto"
    largest_batch: int = max(GPU_BUCKETS)

    @property
    def named(self) -> bool:
        """Whether the user wants one backend and no other."""
        return self.backend != "auto"


def rungs(options: EngineOptions) -> list[Rung]:
    """From the named backend (`auto`: the best) down to eager torch on the CPU, which always works.

    Raises ConfigError, EngineError (no such GPU).

    Eager torch on a GPU comes before all of the CPU where the user named that GPU, else not at all: it is no faster.
    fp16 is for GPUs; on a CPU only eager torch that was asked for computes with it, slowly.
    """
    first = backend(options.backend) if options.named else None
    buckets = (*(rows for rows in POWERS if rows < options.largest_batch), options.largest_batch)
    asked = Target(str(torch_device(options.device)), options.precision, options.threads, buckets)
    on_cpu = Target("cpu", "fp32", options.threads, buckets)
    found: list[Rung] = []
    for name in FILES:
        kind = backend(name)
        if first and kind is not first and not found:
            continue
        if kind.on_gpu:
            found.append(Rung(kind, asked))
            if name == "cuda" and options.device.startswith("cuda"):
                found.append(Rung(backend("torch"), asked))
        else:
            if kind is first and name == "torch" and asked != on_cpu:
                found.append(Rung(kind, asked))
            found.append(Rung(kind, on_cpu))
    return [rung for rung in found if rung.kind.name not in _refused] or found

"""`tensorrt`: Torch-TensorRT, compiled ahead of time through torch.export, one engine per bucket of rows.

Written for its releases 2.8 to 2.14. Its converters were run on a CPU (tools/tensorrt_dry_run.py), its engines never.
"""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.engines.base import Batch, Engine, EngineInfo, Program, Target, UnavailableError, explain
from pose3d_ros.engines.batching import in_calls, padded
from pose3d_ros.engines.exchange import Exchange
from pose3d_ros.engines.export import static
from pose3d_ros.engines.machine import gpu

# What is stable over the releases. A graph that does not become one engine in full, or a failed conversion, is an
# error: what silently runs in torch would look like TensorRT and not be. Its own engine cache stays off: the key leaves
# out operator arguments, and it unpickles files.
SETTINGS = {
    "min_block_size": 1,
    "require_full_compilation": True,
    "pass_through_build_failures": True,
    "truncate_double": True,
    "optimization_level": 5,
    "cache_built_engines": False,
    "reuse_cached_engines": False,
}


FLOOR = (2, 8)  # older ones ignore `use_explicit_typing` or have no `arg_inputs`: other numbers, or an odd error


class TensorRT(Engine):
    """Engines of all buckets in one process, on one stream, with TensorRT's CUDA graphs."""

    name = "tensorrt"
    on_gpu = True
    built = True

    def __init__(self, program: Program, target: Target, folder: Path) -> None:
        library = _library()  # before the files: it registers the class that they hold
        self._program, self._target = program, target
        self.info = EngineInfo(self.name, target.device, target.precision, self.versions(target))
        # a switch for the whole process; all our engines are whole graphs, which is what it is for
        library.runtime.set_cudagraphs_mode(True)
        self._stream = torch.cuda.Stream(target.device)
        self._engines = {
            rows: (
                torch.export.load(folder / _file(rows)).module(),
                Exchange(program, target, rows, self._stream),
            )
            for rows in target.buckets
        }
        torch.cuda.synchronize(target.device)

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        found = gpu(target.device)
        library = _library()
        try:
            import tensorrt

            runtime = tensorrt.__version__
        except Exception as error:
            raise UnavailableError(f"TensorRT does not import ({explain(error)})") from error
        return {
            "torch": torch.__version__,
            "torch_tensorrt": library.__version__,
            "TensorRT": runtime,
            "CUDA": str(torch.version.cuda),
            "on": str(found["gpu"]),
        }

    @classmethod
    def build(cls, program: Program, target: Target, folder: Path, report: Callable[[str], None]) -> None:
        library = _library()
        timings = folder / "timings"  # of this GPU's kernels, for the next bucket
        for rows in target.buckets:
            report(f"exporting, {rows} rows")
            graph = static(program, target.device, target.dtype, rows)
            args = program.tensors(rows, target.device, target.dtype)
            report(f"compiling, {rows} rows")
            module = library.dynamo.compile(
                graph,
                arg_inputs=args,
                device=torch.device(target.device),  # else torch's current device: GPU 0 in a process of its own
                timing_cache_path=str(timings),
                **settings(library.__version__),
            )
            library.save(module, str(folder / _file(rows)), output_format="exported_program", arg_inputs=list(args))
        timings.unlink(missing_ok=True)

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "TensorRT":
        return cls(program, target, folder)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        rows = len(batch[self._program.inputs[0]])
        return in_calls(batch, padded(rows, self._target.buckets), self._run)

    def warm_up(self) -> None:
        for rows in self._target.buckets:
            for _ in range(3):  # contexts are made in the first call, graphs are recorded in the second
                self(self._program.example(rows))

    def close(self) -> None:
        self._engines = {}
        torch.cuda.empty_cache()

    def _run(self, batch: Batch, rows: int, bucket: int) -> dict[str, np.ndarray]:
        module, exchange = self._engines[bucket]

        def compute() -> tuple[Tensor, ...]:
            return tuple(tensor.float() for tensor in module(*exchange.given))

        return exchange(batch, rows, compute)


def settings(version: str) -> dict[str, object]:
    """For `torch_tensorrt.dynamo.compile` of a release. The precision is that of the module: typing is strong.

    Strong typing had to be asked for before 2.10, and cannot be chosen any more from 2.13 (TensorRT 11).
    """
    return {**SETTINGS, "use_explicit_typing": True} if _release(version) < (2, 13) else dict(SETTINGS)


def _library() -> ModuleType:
    """torch_tensorrt, whose import raises AssertionError or a bare Exception where its libraries are missing."""
    try:
        import torch_tensorrt
    except ImportError as error:
        if error.name == "torch_tensorrt":
            raise UnavailableError("torch_tensorrt is not installed (which one: docs/engines.md)") from None
        raise UnavailableError(f"torch_tensorrt does not import ({explain(error)})") from error
    except Exception as error:
        raise UnavailableError(f"torch_tensorrt does not import ({explain(error)})") from error
    if _release(torch_tensorrt.__version__) < FLOOR:
        wanted = ".".join(map(str, FLOOR))
        raise UnavailableError(
            f"torch_tensorrt {torch_tensorrt.__version__} is too old: expected {wanted} or newer with the torch of the "
            f"same number (docs/engines.md)"
        )
    return torch_tensorrt


def _release(version: str) -> tuple[int, int]:
    major, minor = (int(part) for part in re.match(r"(\d+)\.(\d+)", version).groups())
    return major, minor


def _file(rows: int) -> str:
    return f"rows{rows}.ep"

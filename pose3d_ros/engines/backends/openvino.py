"""`openvino`: the fastest on Intel and AMD CPUs, where fixed shapes let it fold what eager torch does at every call."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from pose3d_ros.engines.base import Batch, Engine, EngineInfo, Program, Target, UnavailableError, explain
from pose3d_ros.engines.batching import exact, in_calls
from pose3d_ros.engines.export import dynamic

FILE = "model.xml"


class OpenVINO(Engine):
    """OpenVINO on the CPU, one compiled model per bucket of rows: an open number of rows is seven times slower.

    Buckets are filled exactly and never padded. The stored model is portable; compiling it is quick.
    """

    name = "openvino"
    built = True

    def __init__(self, program: Program, target: Target, file: Path) -> None:
        openvino = _library()
        self._program, self._buckets = program, target.buckets
        self.info = EngineInfo(self.name, "cpu", target.precision, self.versions(target))
        core = openvino.Core()
        stored = core.read_model(file)
        shapes = {i: array.shape[1:] for i, array in enumerate(program.example(1).values())}
        self._requests = {}
        for bucket in self._buckets:
            model = stored.clone()
            model.reshape({i: (bucket, *shape) for i, shape in shapes.items()})
            self._requests[bucket] = core.compile_model(model, "CPU", _settings(target)).create_infer_request()

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        return {"openvino": _library().__version__.split("-")[0]}

    @classmethod
    def build(cls, program: Program, target: Target, folder: Path, report: Callable[[str], None]) -> None:
        openvino = _library()
        report("exporting")
        graph = dynamic(program, max(2, *target.buckets))
        report("converting")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch about itself, while OpenVINO copies its graph
            model = openvino.convert_model(graph)
        openvino.save_model(model, folder / FILE, compress_to_fp16=False)

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "OpenVINO":
        return cls(program, target, folder / FILE)

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        rows = len(batch[self._program.inputs[0]])
        return in_calls(batch, exact(rows, self._buckets), self._run)

    def _run(self, batch: Batch, rows: int, bucket: int) -> dict[str, np.ndarray]:
        arrays = {i: np.ascontiguousarray(batch[name]) for i, name in enumerate(self._program.inputs)}
        found = self._requests[bucket].infer(arrays, share_inputs=True)
        return {name: found[i] for i, name in enumerate(self._program.outputs)}

    def warm_up(self) -> None:
        for bucket in self._buckets:
            self(self._program.example(bucket))

    def close(self) -> None:
        self._requests = {}


def _library() -> ModuleType:
    """openvino, without its telemetry: on import it would report to its maker unasked, and a process without network
    would hang at its end until that fails. It does without where the telemetry package is not to be imported."""
    sys.modules.setdefault("openvino_telemetry", None)
    try:
        import openvino

        return openvino
    except ImportError:
        raise UnavailableError("not installed (pip install 'pose3d_ros[openvino]')") from None
    except Exception as error:  # a broken install of one backend must not hurt the others
        raise UnavailableError(f"does not import ({explain(error)})") from error


def _settings(target: Target) -> dict[str, object]:
    """For one latency-bound caller on a robot: no core is taken from the others."""
    settings: dict[str, object] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        # else OpenVINO takes bfloat16 where the CPU has it: 10 mm on a skeleton
        "INFERENCE_PRECISION_HINT": "f16" if target.precision == "fp16" else "f32",
    }
    if target.threads:
        settings["INFERENCE_NUM_THREADS"] = target.threads
    return settings

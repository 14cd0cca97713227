"""`onnxruntime`: for CPUs where OpenVINO is not to be had (ARM among them)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pose3d_ros.engines.base import Batch, Engine, EngineInfo, Program, Target, UnavailableError, explain
from pose3d_ros.engines.export import onnx

FILE = "model.onnx"
MOST_ROWS = 256  # in one call


class ONNXRuntime(Engine):
    """ONNX Runtime on the CPU, any number of rows in one call: fixed numbers of rows are no faster here.

    Threads do not spin while they wait: that would be up to 30 % faster, and take whole cores from the robot.
    """

    name = "onnxruntime"
    built = True

    def __init__(self, program: Program, target: Target, file: Path) -> None:
        import onnxruntime

        self._program, self._rows = program, target.buckets
        self.info = EngineInfo(self.name, "cpu", target.precision, self.versions(target))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = target.threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        try:
            import onnxruntime

            return {"onnxruntime": onnxruntime.__version__}
        except ImportError:
            raise UnavailableError("not installed (pip install 'pose3d_ros[onnxruntime]')") from None
        except Exception as error:  # a broken install of one backend must not hurt the others
            raise UnavailableError(f"does not import ({explain(error)})") from error

    @classmethod
    def build(cls, program: Program, target: Target, folder: Path, report: Callable[[str], None]) -> None:
        report("exporting")
        onnx(program, MOST_ROWS, folder / FILE)

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "ONNXRuntime":
        return cls(program, target, folder / FILE)

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        found = self._session.run(list(self._program.outputs), {name: batch[name] for name in self._program.inputs})
        return dict(zip(self._program.outputs, found, strict=True))

    def warm_up(self) -> None:
        for rows in self._rows:
            self(self._program.example(rows))

    def close(self) -> None:
        self._session = None

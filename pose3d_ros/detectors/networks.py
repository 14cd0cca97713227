"""Runs a model file: OpenVINO for .tflite, .onnx and .xml, ONNX Runtime (also with CUDA or TensorRT) for .onnx."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pose3d_ros.core.errors import ConfigError

Network = Callable[[np.ndarray], list[np.ndarray]]  # one input to all outputs, in the file's order
_PROVIDERS = {
    "onnxruntime": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}


class ModelError(ConfigError):
    """A model file cannot be read, or is not of the kind that is expected."""


def openvino() -> ModuleType:
    """The library, without its telemetry. Raises ConfigError where it is missing."""
    sys.modules.setdefault("openvino_telemetry", None)  # else it reports to its maker, and hangs without a network
    try:
        import openvino
    except ImportError as error:
        raise ConfigError(f"detector: expected OpenVINO, got '{error}'; pip install 'pose3d_ros[openvino]'") from None
    return openvino


def graph(file: Path) -> Any:
    """OpenVINO's model of a file, to be asked for its inputs, or reshaped and compiled. Raises ModelError."""
    try:
        return openvino().Core().read_model(file)
    except RuntimeError as error:
        raise ModelError(f"{file}: expected a model that OpenVINO reads, got {_first_line(error)!r}") from None


def compiled(model: Any, threads: int = 1) -> Network:
    """An OpenVINO model with all shapes fixed, ready to run. Outputs are copies."""
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the CPU has it: whole pixels
        **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
    }
    request = openvino().Core().compile_model(model, "CPU", settings).create_infer_request()
    count = len(model.outputs)

    def run(array: np.ndarray) -> list[np.ndarray]:
        found = request.infer({0: np.ascontiguousarray(array)}, share_inputs=True)
        return [np.array(found[i]) for i in range(count)]

    return run


def image_network(file: Path, backend: str, threads: int, longest: int) -> tuple[Network, tuple[int, int]]:
    """A network of a user's .onnx file that takes one image (1, 3, h, w), and the (width, height) of that.

    Where the file leaves the size open, it is a square of `longest`. Raises ModelError for a file that is no such
    model, ConfigError where a library is missing.
    """
    if not file.is_file():
        raise ModelError(f"{file}: expected an ONNX model file, there is none")
    if backend in ("auto", "openvino"):
        return _by_openvino(file, threads, longest)
    return _by_onnxruntime(file, backend, threads, longest)


def planes(pixels: np.ndarray, blue_first: bool = False) -> np.ndarray:
    """float32 (1, 3, h, w) of pixels (h, w, 3), red first."""
    return np.ascontiguousarray((pixels[..., ::-1] if blue_first else pixels).transpose(2, 0, 1)[None], np.float32)


def _by_openvino(file: Path, threads: int, longest: int) -> tuple[Network, tuple[int, int]]:
    model = graph(file)
    shapes = [[side.get_length() if side.is_static else None for side in entry.partial_shape] for entry in model.inputs]
    size = _size(file, shapes, longest)
    if None in shapes[0]:
        model.reshape([1, 3, size[1], size[0]])
    return compiled(model, threads), size


def _by_onnxruntime(file: Path, backend: str, threads: int, longest: int) -> tuple[Network, tuple[int, int]]:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(f"backend {backend}: expected ONNX Runtime, got '{error}'; pip install onnxruntime") from None
    wanted = _PROVIDERS[backend]
    if wanted[0] not in onnxruntime.get_available_providers():
        has = ", ".join(onnxruntime.get_available_providers())
        raise ConfigError(f"backend {backend}: expected {wanted[0]}, this ONNX Runtime has {has}; onnxruntime-gpu has")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=wanted)
    except Exception as error:  # each kind of fault has a type of its own
        raise ModelError(f"{file}: expected an ONNX model, got {_first_line(error)!r}") from None
    shapes = [[side if isinstance(side, int) else None for side in entry.shape] for entry in session.get_inputs()]
    name = session.get_inputs()[0].name
    return lambda array: session.run(None, {name: array}), _size(file, shapes, longest)


def _size(file: Path, shapes: list[list[int | None]], longest: int) -> tuple[int, int]:
    """(width, height) of the image that the model takes."""
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] not in (1, None) or shapes[0][1] not in (3, None):
        raise ModelError(f"{file}: expected one input (1, 3, height, width), got {shapes}")
    height, width = shapes[0][2:]
    return width or longest, height or longest


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)

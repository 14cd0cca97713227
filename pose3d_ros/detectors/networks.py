"""Runs a model file: OpenVINO for .tflite, .onnx and .xml, ONNX Runtime (also with CUDA or TensorRT) for .onnx."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pose3d_ros.core.errors import ConfigError

Network = Callable[[np.ndarray], list[np.ndarray]]  # one input to all outputs, in the file's order
BACKENDS = ("auto", "openvino", "onnxruntime", "cuda", "tensorrt")
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


def onnx_network(file: Path, backend: str = "auto", threads: int = 1) -> tuple[Network, tuple[Any, ...], int]:
    """A network of a user's .onnx file, the shape of its image input (None where open), and its number of outputs.

    Raises ModelError for a file that is no such model, ConfigError where a library or provider is missing.
    """
    if not file.is_file():
        raise ModelError(f"{file}: expected an ONNX model file, there is none")
    return _openvino_network(file, threads) if backend in ("auto", "openvino") else _session(file, backend, threads)


def _openvino_network(file: Path, threads: int) -> tuple[Network, tuple[Any, ...], int]:
    model = graph(file)
    if len(model.inputs) != 1:
        raise ModelError(f"{file}: expected one input, the image, got {len(model.inputs)}")
    shape = tuple(side.get_length() if side.is_static else None for side in model.inputs[0].partial_shape)
    return compiled(model, threads), shape, len(model.outputs)


def _session(file: Path, backend: str, threads: int) -> tuple[Network, tuple[Any, ...], int]:
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
    (entry, *others) = session.get_inputs()
    if others:
        raise ModelError(f"{file}: expected one input, the image, got {1 + len(others)}")
    shape = tuple(side if isinstance(side, int) else None for side in entry.shape)
    return lambda array: session.run(None, {entry.name: array}), shape, len(session.get_outputs())


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)

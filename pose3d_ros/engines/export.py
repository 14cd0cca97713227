"""torch.export of a program: the one graph from which the ahead-of-time backends build."""

import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pose3d_ros.core.errors import EngineError
from pose3d_ros.engines.base import Program


class Ordered(nn.Module):
    """Outputs as a tuple in the program's order: backends name them differently, but all keep the order."""

    def __init__(self, module: nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.module, self.outputs = module, outputs

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        found = self.module(*inputs)
        return tuple(found[name] for name in self.outputs)


def static(program: Program, device: str, dtype: torch.dtype, rows: int) -> ExportedProgram:
    """The graph for that many rows."""
    module = Ordered(program.placed(device, dtype), program.outputs)
    with torch.no_grad():
        return torch.export.export(module, program.tensors(rows, device, dtype))


def dynamic(program: Program, rows: int) -> ExportedProgram:
    """The fp32 graph for 1 to `rows` rows, on the CPU."""
    module = Ordered(program.placed("cpu", torch.float32), program.outputs)
    args = program.tensors(2)  # one row would be taken for a constant
    with torch.no_grad():
        return torch.export.export(module, args, dynamic_shapes={"inputs": _shapes(len(args), rows)})


def onnx(program: Program, rows: int, file: Path) -> None:
    """Write the dynamic graph as one ONNX file. Raises EngineError where torch's exporter lacks its packages."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of every package that it does without
    module = Ordered(program.placed("cpu", torch.float32), program.outputs)
    args = program.tensors(2)
    try:
        with torch.no_grad():
            made = torch.onnx.export(
                module, args, dynamo=True, verbose=False, external_data=False, input_names=list(program.inputs),
                output_names=list(program.outputs), dynamic_shapes={"inputs": _shapes(len(args), rows)},
            )  # fmt: skip
    except ImportError as error:
        raise EngineError(f"exporting to ONNX needs onnx and onnxscript: {error}") from error
    made.save(file)


def _shapes(inputs: int, rows: int) -> tuple[dict[int, Dim], ...]:
    return tuple({0: Dim("rows", min=1, max=rows)} for _ in range(inputs))

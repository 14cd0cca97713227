#!/usr/bin/env python3
"""Do all shipped networks become one TensorRT engine each? Asked on a machine without a GPU.

    python -m venv --system-site-packages rtx            # of a Python that has torch 2.13 and this package
    rtx/bin/pip install --no-deps torch_tensorrt_rtx==2.13.0 tensorrt_rtx_cu13_bindings==1.5.0.114 \
        tensorrt_rtx_cu13_libs==1.5.0.114 dllist psutil
    rtx/bin/python tools/tensorrt_dry_run.py [NAME ...]

TensorRT itself does not install without NVIDIA's package index; TensorRT-RTX, its sibling for desktop cards, does, and
has the same converters. Torch-TensorRT asks a GPU for its properties while it is imported and while it compiles; here
it is answered as an RTX 3060 would. That is no test of results or speed: it finds operators that do not convert, graphs
that break, and faults of shapes and types. Exit code 1 where a network fails,
3 where the packages are not there or have outgrown this.
"""

import argparse
import logging
import os
import sys
import time
import warnings
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch

from pose3d_ros.engines.backends.tensorrt import SETTINGS as OURS
from pose3d_ros.engines.base import Program
from pose3d_ros.engines.export import static
from pose3d_ros.models import registry

CARD = SimpleNamespace(
    name="RTX 3060", major=8, minor=6, total_memory=12 * 2**30, multi_processor_count=28, warp_size=32,
    shared_memory_per_block=49152, max_threads_per_multi_processor=1536, regs_per_multiprocessor=65536,
    L2_cache_size=3 * 2**20,
)  # fmt: skip
ROWS = (1, 4)
SETTINGS = {name: value for name, value in OURS.items() if name != "optimization_level"}  # RTX has none


def pretend_a_gpu() -> Any:
    """torch_tensorrt, imported as if there were one."""
    cuda = torch.cuda
    for name, value in {
        "get_device_capability": lambda *_: (CARD.major, CARD.minor),
        "get_device_properties": lambda *_: CARD,
        "get_device_name": lambda *_: CARD.name,
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "mem_get_info": lambda *_: (CARD.total_memory, CARD.total_memory),
        "empty_cache": lambda: None,
        "synchronize": lambda *_: None,
    }.items():
        setattr(cuda, name, value)
    if not hasattr(torch._C, "_CudaDeviceProperties"):
        torch._C._CudaDeviceProperties = type("_CudaDeviceProperties", (), {})
    import tensorrt_rtx_bindings

    sys.modules["tensorrt_rtx"] = tensorrt_rtx_bindings  # the package of that name only loads this one
    is_file = os.path.isfile
    # its compiled part needs CUDA; it does without where the file is not there
    with mock.patch("os.path.isfile", lambda path: "libtorchtrt" not in str(path) and is_file(path)):
        import torch_tensorrt
    from torch_tensorrt._Device import Device

    Device.to = lambda self, kind: torch.device("cpu")
    return torch_tensorrt


def coverage(library: Any, program: Program, dtype: torch.dtype, rows: int) -> Any:
    """What the partitioner would make of a graph: Torch-TensorRT's own record of a dry run."""
    from torch_tensorrt.dynamo import _compiler

    found = []
    with mock.patch.object(_compiler, "dryrun_stats_display", lambda tracker, _: found.append(tracker)):
        library.dynamo.compile(
            static(program, "cpu", dtype, rows), arg_inputs=program.tensors(rows, "cpu", dtype), device="cuda:0",
            dryrun=True, **SETTINGS,
        )  # fmt: skip
    return found[0]


class Kept:
    """In the place of TensorRT's runtime, which needs a GPU to take an engine apart: the bytes as they are."""

    def __init__(self, *_: Any) -> None:
        self._bytes = b""

    def deserialize_cuda_engine(self, engine: Any) -> "Kept":
        self._bytes = bytes(engine)
        return self

    def serialize(self) -> bytes:
        return self._bytes


def built(library: Any, program: Program, dtype: torch.dtype, rows: int) -> int:
    """Bytes of the engine: all converters and the builder run."""
    import tensorrt
    from torch_tensorrt.dynamo.conversion._TRTInterpreter import TRTInterpreter

    configured = TRTInterpreter._populate_trt_builder_config

    def for_the_card(self: Any, *args: Any) -> Any:
        config = configured(self, *args)
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(tensorrt.ComputeCapability, f"SM{CARD.major}{CARD.minor}"), 0)
        return config

    args = program.tensors(rows, "cpu", dtype)
    make = library.dynamo.convert_exported_program_to_serialized_trt_engine
    with (
        mock.patch.object(TRTInterpreter, "_populate_trt_builder_config", for_the_card),
        mock.patch.object(tensorrt, "Runtime", Kept),
    ):
        return len(make(static(program, "cpu", dtype, rows), arg_inputs=args, device="cuda:0", **SETTINGS))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=registry.names("dtf"))
    parser.add_argument("--build", action="store_true", help="run the converters and the builder too")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        library = pretend_a_gpu()
    except Exception as error:
        print(f"cannot ask: {type(error).__name__}: {error}")
        return 3
    failed = 0
    for name in args.names:
        program = registry.program(name)
        for dtype in (torch.float32, torch.float16):
            for rows in ROWS:
                begin = time.perf_counter()
                found = coverage(library, program, dtype, rows)
                share = f"{found.supported_ops_in_graph} of {found.total_ops_in_graph} operators"
                whole = found.supported_ops_in_graph == found.total_ops_in_graph and found.tensorrt_graph_count == 1
                size = f", {built(library, program, dtype, rows) / 1e6:.1f} MB" if args.build else ""
                failed += not whole
                print(
                    f"{name}, {str(dtype)[6:]}, {rows} rows: {share}, {found.tensorrt_graph_count} engine(s){size}, "
                    f"{time.perf_counter() - begin:.1f} s{'' if whole else ': NOT WHOLE'}",
                    flush=True,
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

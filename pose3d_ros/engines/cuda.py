"""`cuda`: torch with CUDA graphs: a small network spends its time on launching kernels, and a graph is one launch."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.engines.base import Batch, Engine, EngineInfo, Program, Target
from pose3d_ros.engines.batching import in_calls, padded
from pose3d_ros.engines.machine import gpu

WARM_CALLS = 3  # before the recording: libraries choose their kernels and workspaces in the first calls


class Recorded(NamedTuple):
    """One bucket: its graph, what it reads and writes on the GPU, pinned copies of both, and the end of a call."""

    graph: torch.cuda.CUDAGraph
    given: tuple[Tensor, ...]
    found: tuple[Tensor, ...]
    staged: tuple[Tensor, ...]
    back: tuple[Tensor, ...]
    done: torch.cuda.Event


class CUDA(Engine):
    """One recorded graph per bucket of rows; fewer rows are padded, more are several calls.

    Input goes through pinned memory, all work is on one stream of its own, and the caller waits for an event, asleep.
    """

    name = "cuda"
    on_gpu = True

    def __init__(self, program: Program, target: Target) -> None:
        self._program, self._target = program, target
        self.info = EngineInfo(self.name, target.device, target.precision, self.versions(target))
        self._device = torch.device(target.device)
        with torch.cuda.device(self._device):
            self._module = program.placed(target.device, target.dtype)
            self._stream = torch.cuda.Stream()
            self._pool = torch.cuda.graph_pool_handle()
            # the largest first: smaller ones then fit into its memory
            self._graphs = {rows: self._record(rows) for rows in sorted(target.buckets, reverse=True)}

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        found = gpu(target.device)
        return {"torch": torch.__version__, "cuda": str(torch.version.cuda), "gpu": str(found["gpu"])}

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "CUDA":
        return cls(program, target)

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        rows = len(batch[self._program.inputs[0]])
        return in_calls(batch, padded(rows, self._target.buckets), self._run)

    def warm_up(self) -> None:
        for rows in self._target.buckets:
            self(self._program.example(rows))

    def close(self) -> None:
        self._graphs, self._module, self._pool = {}, None, None
        torch.cuda.empty_cache()

    @torch.inference_mode()
    def _record(self, rows: int) -> "Recorded":
        examples = self._program.tensors(rows)
        given = tuple(tensor.to(self._device, self._target.dtype) for tensor in examples)
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_CALLS):
                self._module(*given)
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # a background thread may record while others use the GPU: their calls must not spoil the recording
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            found = self._module(*given)
            found = tuple(found[name].float() for name in self._program.outputs)
        staged = tuple(tensor.pin_memory() for tensor in examples)
        back = tuple(torch.empty(tensor.shape, pin_memory=True) for tensor in found)
        return Recorded(graph, given, found, staged, back, torch.cuda.Event(blocking=True))

    @torch.inference_mode()
    def _run(self, batch: Batch, rows: int, bucket: int) -> dict[str, np.ndarray]:
        work = self._graphs[bucket]
        for name, staged in zip(self._program.inputs, work.staged, strict=True):
            staged[:rows].numpy()[:] = batch[name]  # rows of padding keep what was there: rows do not mix
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            for device, staged in zip(work.given, work.staged, strict=True):
                device.copy_(staged, non_blocking=True)
            work.graph.replay()
            for host, device in zip(work.back, work.found, strict=True):
                host.copy_(device, non_blocking=True)
            work.done.record(self._stream)
        work.done.synchronize()
        # copied: the next call writes into the same memory
        return {name: host[:rows].numpy().copy() for name, host in zip(self._program.outputs, work.back, strict=True)}

"""`cuda`: torch with CUDA graphs: a small network spends its time on launching kernels, and a graph is one launch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.engines.base import Batch, Engine, EngineInfo, Program, Target
from pose3d_ros.engines.batching import in_calls, padded
from pose3d_ros.engines.exchange import Exchange
from pose3d_ros.engines.machine import gpu

WARM_CALLS = 3  # before the recording: libraries choose their kernels and workspaces in the first calls


class CUDA(Engine):
    """One recorded graph per bucket of rows; fewer rows are padded, more are several calls."""

    name = "cuda"
    on_gpu = True

    def __init__(self, program: Program, target: Target) -> None:
        self._program, self._target = program, target
        self.info = EngineInfo(self.name, target.device, target.precision, self.versions(target))
        self._module = program.placed(target.device, target.dtype)
        self._stream = torch.cuda.Stream(target.device)
        self._pool = torch.cuda.graph_pool_handle()
        # the largest first: smaller ones then fit into its memory
        self._recorded = {rows: self._record(rows) for rows in sorted(target.buckets, reverse=True)}

    @classmethod
    def versions(cls, target: Target) -> dict[str, str]:
        found = gpu(target.device)
        return {"torch": torch.__version__, "CUDA": str(torch.version.cuda), "on": str(found["gpu"])}

    @classmethod
    def load(cls, program: Program, target: Target, folder: Path | None = None) -> "CUDA":
        return cls(program, target)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        rows = len(batch[self._program.inputs[0]])
        return in_calls(batch, padded(rows, self._target.buckets), self._run)

    def warm_up(self) -> None:
        for rows in self._target.buckets:
            self(self._program.example(rows))

    def close(self) -> None:
        self._recorded, self._module, self._pool = {}, None, None
        torch.cuda.empty_cache()

    @torch.inference_mode()
    def _record(self, rows: int) -> tuple[Exchange, Callable[[], tuple[Tensor, ...]]]:
        exchange = Exchange(self._program, self._target, rows, self._stream)

        def forward() -> tuple[Tensor, ...]:
            found = self._module(*exchange.given)
            return tuple(found[name].float() for name in self._program.outputs)

        torch.cuda.synchronize(self._target.device)  # `given` was filled on another stream
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_CALLS):
                forward()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # others may use the GPU while this records: their calls must not spoil the recording
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            found = forward()

        def replay() -> tuple[Tensor, ...]:
            graph.replay()
            return found

        return exchange, replay

    def _run(self, batch: Batch, rows: int, bucket: int) -> dict[str, np.ndarray]:
        exchange, replay = self._recorded[bucket]
        return exchange(batch, rows, replay)

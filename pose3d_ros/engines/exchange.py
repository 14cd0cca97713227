"""Arrays to a GPU and back with as few calls as possible: pinned memory, one stream, one event to wait for."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.engines.base import Batch, Program, Target


class Exchange:
    """The memory of one bucket of rows: pinned inputs, inputs on the GPU (`given`), pinned outputs.

    All its work goes to one stream, and the caller waits for its end asleep. Call it from one thread.
    """

    def __init__(self, program: Program, target: Target, rows: int, stream: torch.cuda.Stream) -> None:
        self._program, self._stream = program, stream
        self._staged = tuple(tensor.pin_memory() for tensor in program.tensors(rows))
        self.given = tuple(tensor.to(target.device, target.dtype) for tensor in self._staged)
        self._back: tuple[Tensor, ...] = ()
        self._done = torch.cuda.Event(blocking=True)

    def __call__(self, batch: Batch, rows: int, compute: Callable[[], tuple[Tensor, ...]]) -> dict[str, np.ndarray]:
        """`compute()` reads `given` and returns float32 tensors in the program's order; their first `rows` rows.

        Further rows keep what was there before: rows do not mix.
        """
        for name, staged in zip(self._program.inputs, self._staged, strict=True):
            staged[:rows].numpy()[:] = batch[name]
        with torch.cuda.stream(self._stream):
            for device, staged in zip(self.given, self._staged, strict=True):
                device.copy_(staged, non_blocking=True)
            found = compute()
            self._back = self._back or tuple(torch.empty(tensor.shape).pin_memory() for tensor in found)
            for host, device in zip(self._back, found, strict=True):
                host.copy_(device, non_blocking=True)
            self._done.record(self._stream)
        self._done.synchronize()
        # copied, for the next call writes into the same memory
        return {name: host[:rows].numpy().copy() for name, host in zip(self._program.outputs, self._back, strict=True)}

"""The floor of a network's time: its arithmetic and its weights over what this device was measured to reach."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices that are multiplied
COPIED_BYTES = {"cpu": 1 << 27, "cuda": 1 << 30}


class Reach(NamedTuple):
    """What a device was measured to do, on the threads and in the precision in use."""

    flops_per_s: float
    bytes_per_s: float


class Work(NamedTuple):
    """What one call of a network needs: operations of matrix products, and bytes of weights that are read."""

    flops: int
    weight_bytes: int

    def floor_ms(self, reach: Reach) -> float:
        """Neither arithmetic nor reading can be shorter; they may overlap."""
        return 1e3 * max(self.flops / reach.flops_per_s, self.weight_bytes / reach.bytes_per_s)

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.weight_bytes + other.weight_bytes)


def probes(device: torch.device, dtype: torch.dtype) -> tuple[Callable[[], None], Callable[[], None]]:
    """A matrix product and a memory copy, to be timed; each is over when it returns."""
    side = SIDE[device.type]
    factor = torch.ones(side, side, device=device, dtype=dtype)
    source = torch.ones(COPIED_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)

    def multiply() -> None:
        factor @ factor
        _finish(device)

    def copy() -> None:
        target.copy_(source)
        _finish(device)

    return multiply, copy


def reach(device: torch.device, multiply_s: float, copy_s: float) -> Reach:
    """From the best times of the probes. A copy reads and writes."""
    return Reach(2 * SIDE[device.type] ** 3 / multiply_s, 2 * COPIED_BYTES[device.type] / copy_s)


def work(network: nn.Module, inputs: tuple[Tensor, ...], bytes_per_weight: int = 4) -> Work:
    """Counted by running the network once, eagerly."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return Work(counter.get_total_flops(), bytes_per_weight * sum(p.numel() for p in network.parameters()))


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

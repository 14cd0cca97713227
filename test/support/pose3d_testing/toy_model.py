"""A model of one's own in one file: a linear network, its config, and the name under which weights carry it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pose3d_ros.models import Lifter, register


@dataclass(frozen=True)
class ToyConfig:
    """Sizes of a `Toy` network."""

    frames: int = 5
    joints: int = 17


class Toy(nn.Module):
    """Lifts each joint alone: (B, T, J, 3) of x, y, confidence -> `xyz` (B, 1, J, 3) and `log_sigma` (B, 1, J)."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.1]]))

    def forward(self, inputs: Tensor, frame: int = -1) -> dict[str, Tensor]:
        xyz = inputs[:, frame, None] @ self.weight
        return {"xyz": xyz, "log_sigma": xyz[..., 0] * 0 - 3}


@register("toy", Toy, ToyConfig)
class ToyLifter(Lifter[Toy]):
    """All that a plain windowed lifter needs is in its base."""

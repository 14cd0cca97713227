"""Muon for the matrices inside the network, AdamW for everything else, as one optimizer.

With the few thousand steps that a CPU allows, Muon (Jordan 2024; torch.optim.Muon) learns several times as fast as
AdamW: see docs/training.md for the comparison.
"""

from typing import Any

import torch
from torch import nn

from pose3d_ros.core.errors import ConfigError

ENDS = (
    "embeddings",
    "regression",
    "uncertainty",
    "bones",
    "condition",
    "pose_embed",
    "head.dec",
    "head.transformer.to_token",
)  # layers that read coordinates or write them


class MuonAdamW:
    """Looks like one optimizer to the training loop and to a gradient scaler."""

    def __init__(self, model: nn.Module, learning_rate: float, weight_decay: float, beside: nn.Module | None = None):
        """`beside`: layers that are thrown away after the training, all of them for AdamW."""
        if not hasattr(torch.optim, "Muon"):
            raise ConfigError(f"training: expected torch 2.9 or newer, which has Muon, got {torch.__version__}")
        inner, rest = [], list(beside.parameters()) if beside else []
        for name, parameter in model.named_parameters():
            matrix = parameter.ndim == 2 and not name.startswith(ENDS)
            (inner if matrix else rest).append(parameter)
        # rms matching: the steps are as large as AdamW's, so that one learning rate serves both
        muon = torch.optim.Muon(inner, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        self._both = (muon, torch.optim.AdamW(rest, lr=learning_rate, weight_decay=weight_decay, fused=True))
        self.param_groups = [group for optimizer in self._both for group in optimizer.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimizer in self._both:
            optimizer.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        for optimizer in self._both:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self._both[0].state_dict(), "adamw": self._both[1].state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._both[0].load_state_dict(state["muon"])
        self._both[1].load_state_dict(state["adamw"])
        self.param_groups = [group for optimizer in self._both for group in optimizer.param_groups]

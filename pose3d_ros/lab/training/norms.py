"""Batch norm statistics of finished weights.

The running statistics of training lag behind weights that change quickly, and those of averaged weights belong to no
weights at all. Measured on the body lifter in the middle of a run: 201 mm MPJPE with them, 98 mm with fresh ones.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.no_grad()
def refresh(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Set the running statistics of every batch norm to the mean over `batches` of inputs, each with the condition
    where the network takes one. Dropout stays off."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    memory = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain mean
        norm.train()
    for inputs, *condition in batches:
        network(inputs, **({"condition": condition[0]} if condition else {}))
    for norm, momentum in zip(norms, memory, strict=True):
        norm.momentum = momentum
    network.eval()

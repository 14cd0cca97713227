"""Networks in half precision, but for what loses too much by it."""

import torch
from torch import nn


def place(network: nn.Module, device: str | torch.device, dtype: torch.dtype) -> nn.Module:
    """Move a network to a device and a precision, in place. Children that a module names in `exact` stay in fp32; the
    module casts what it gives them."""
    network.to(device)
    kept = {
        inner
        for module in network.modules()
        for name in getattr(module, "exact", ())
        if getattr(module, name) is not None
        for inner in getattr(module, name).modules()
    }
    for module in network.modules():
        if module not in kept:
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                if tensor.is_floating_point():
                    tensor.data = tensor.data.to(dtype)
    return network

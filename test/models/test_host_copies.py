"""A step of a network makes no tensor on the host: on a GPU each is a blocking copy, which no CUDA graph records."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pose3d_ros.models import registry


class HostTensors(TorchDispatchMode):
    """Counts tensors that are neither given nor computed: constants and Python lists used as an index."""

    def __init__(self, given):
        super().__init__()
        self.known = [tensor for tensor in given if isinstance(tensor, torch.Tensor)]
        self.made = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for tensor in tree_leaves((args, kwargs)):
            if isinstance(tensor, torch.Tensor) and tensor.dim() and not any(tensor is one for one in self.known):
                self.made.append(str(function))
        out = function(*args, **kwargs)
        self.known += [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        return out


def host_tensors(module, inputs):
    mode = HostTensors([*module.parameters(), *module.buffers(), *inputs])
    with torch.inference_mode(), mode:
        module(*inputs)
    return mode.made


@pytest.mark.parametrize("weights", ["body_dtf27", "hand_dtf27", "hand_extpose", "body_extpose"])
def test_a_step_of_shipped_weights_makes_none(weights):
    program = registry.program(weights)
    assert host_tensors(program.module, program.tensors(2, "cpu", torch.float32)) == []


def test_a_list_as_an_index_is_found():
    class Listed(torch.nn.Module):
        def forward(self, x):
            return x[..., [2, 0, 1]]

    assert host_tensors(Listed(), [torch.randn(2, 3)])

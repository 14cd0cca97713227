"""CUDA graphs. Without a GPU their logic runs on the CPU: what is recorded is played again into the same memory."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from pose3d_testing.engines import example
from torch.utils._python_dispatch import TorchDispatchMode

from pose3d_ros.engines.backends.choice import Rung, backend
from pose3d_ros.engines.backends.cuda import CUDA
from pose3d_ros.engines.base import Target


class Tape(TorchDispatchMode):
    """Stands in for a CUDA graph."""

    def __init__(self):
        super().__init__()
        self.calls, self.replays = [], 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, out))
        return out

    def replay(self):
        self.replays += 1
        for function, args, kwargs, out in self.calls:
            out.copy_(function(*args, **kwargs))


class Nothing:
    """Stands in for streams and events."""

    def __init__(self, *_, **__): ...
    def synchronize(self): ...
    def record(self, stream): ...


@contextmanager
def on_stream(stream):
    yield


@contextmanager
def recording(tape, **_):
    with tape:
        yield


@pytest.fixture
def card_less(monkeypatch):
    """torch.cuda as far as the engine uses it, on the CPU."""
    for name, value in {
        "Stream": Nothing, "Event": Nothing, "CUDAGraph": Tape, "graph": recording, "stream": on_stream,
        "graph_pool_handle": lambda: None, "synchronize": lambda _: None, "empty_cache": lambda: None,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    monkeypatch.setattr(CUDA, "versions", classmethod(lambda *_: {"torch": torch.__version__}))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 33])
def test_any_number_of_rows(program, card_less, rows):
    engine = Rung(backend("cuda"), Target("cpu", gpu_buckets=(1, 2, 4), cpu_buckets=(1, 2, 4))).load(program)
    for shift in (0, 1):  # the second call finds what the first left behind
        batch = {name: array + np.float32(shift) for name, array in example(rows).items()}
        wanted, got = program.reference(batch), engine(batch)
        for name in wanted:
            np.testing.assert_allclose(got[name], wanted[name], atol=1e-6)


def test_results_stay_when_the_memory_is_used_again(program, card_less):
    engine = CUDA(program, Target("cpu", cpu_buckets=(1, 2)))
    first = engine(example(2))
    kept = first["xyz"].copy()
    engine({name: array + 1 for name, array in example(2).items()})
    np.testing.assert_array_equal(first["xyz"], kept)


def test_it_replays_and_does_not_compute_again(program, card_less, monkeypatch):
    engine = CUDA(program, Target("cpu", cpu_buckets=(1, 2)))
    monkeypatch.setattr(program.module, "forward", None)
    engine._module.forward = None
    engine(example(2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_on_a_gpu(program, precision):
    engine = backend("cuda").load(program, Target("cuda:0", precision, gpu_buckets=(1, 4)))
    batch, near = example(9), 1e-5 if precision == "fp32" else 0.02
    np.testing.assert_allclose(engine(batch)["xyz"], program.reference(batch)["xyz"], atol=near)
    engine.close()

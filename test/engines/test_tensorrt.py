"""TensorRT as far as it goes without a GPU: both generations of its interface, and every way in which it is broken."""

import sys
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from pose3d_testing.engines import CPU, example

from pose3d_ros.engines.backends import tensorrt
from pose3d_ros.engines.backends.choice import Rung, backend
from pose3d_ros.engines.base import Target, UnavailableError
from pose3d_ros.engines.builder import build

TARGET = Target("cpu", cpu_buckets=(1, 2))


class Finder:
    """Makes an import raise."""

    def __init__(self, name: str, error: BaseException):
        self.name, self.error = name, error

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            raise self.error


@pytest.fixture
def gpu(monkeypatch):
    """A GPU as far as versions are asked for."""
    monkeypatch.setattr(tensorrt, "gpu", lambda device: {"gpu": "Orin"})


@pytest.mark.parametrize(
    ("error", "words"),
    [(ModuleNotFoundError("No module named 'torch_tensorrt'", name="torch_tensorrt"), "tensorrt is not installed"),
     (ModuleNotFoundError("No module named 'executorch'", name="executorch"), "does not import .*executorch"),
     (AssertionError("Torch not compiled with CUDA enabled"), "does not import .*not compiled with CUDA"),
     (Exception("no libtorchtrt.so"), "does not import .*no libtorchtrt"),
     (RuntimeError("Found no NVIDIA driver"), "does not import .*no NVIDIA driver")],
)  # fmt: skip
def test_a_broken_install(gpu, monkeypatch, error, words):
    monkeypatch.delitem(sys.modules, "torch_tensorrt", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder("torch_tensorrt", error), *sys.meta_path])
    with pytest.raises(UnavailableError, match=words):
        backend("tensorrt").versions(CPU)


def test_a_release_that_ignores_what_is_asked_of_it_is_refused(monkeypatch):
    old = ModuleType("torch_tensorrt")
    old.__version__ = "2.7.0"
    monkeypatch.setitem(sys.modules, "torch_tensorrt", old)
    with pytest.raises(UnavailableError, match=r"2\.7\.0 is too old: expected 2\.8 or newer"):
        tensorrt._library()


@pytest.mark.parametrize(
    ("version", "typed"), [("2.8.0", True), ("2.12.1", True), ("2.13.0", False), ("2.14.0", False), ("3.0", False)]
)  # fmt: skip
def test_two_generations_of_the_interface(version, typed):
    found = tensorrt.settings(version)
    assert found.get("use_explicit_typing", False) == typed
    assert "enabled_precisions" not in found
    assert found["require_full_compilation"]
    assert found["pass_through_build_failures"]


@pytest.fixture
def library(gpu, monkeypatch, program):
    """A torch_tensorrt that compiles to the graph itself."""
    calls = []

    def compile(graph, arg_inputs, **options):
        calls.append(options)
        return graph

    def save(module, file, output_format, arg_inputs):
        assert output_format == "exported_program"
        torch.export.save(module, file + ".pt2")
        (tensorrt.Path(file + ".pt2")).rename(file)

    fake = ModuleType("torch_tensorrt")
    fake.__version__ = "2.12.1"
    fake.dynamo, fake.save, fake.calls = SimpleNamespace(compile=compile), save, calls
    fake.runtime = SimpleNamespace(set_cudagraphs_mode=lambda on: calls.append(on))
    engine = ModuleType("tensorrt")
    engine.__spec__ = ModuleSpec("tensorrt", None)  # torch asks for it when it first exports
    engine.__version__ = "10.16.1"
    monkeypatch.setitem(sys.modules, "torch_tensorrt", fake)
    monkeypatch.setitem(sys.modules, "tensorrt", engine)

    @contextmanager
    def on_stream(stream):
        yield

    thing = SimpleNamespace(synchronize=lambda: None, record=lambda stream: None)
    for name, value in {
        "Stream": lambda *_: thing, "Event": lambda **_: thing, "stream": on_stream, "synchronize": lambda _: None,
        "empty_cache": lambda: None,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    return fake


@pytest.fixture
def rung(monkeypatch) -> Rung:
    monkeypatch.setattr(tensorrt.TensorRT, "on_gpu", False)
    return Rung(backend("tensorrt"), TARGET)


def test_built_stored_loaded_and_run_in_buckets(library, program, cache, rung):
    doing = []
    folder = build(program, rung, cache, doing.append)
    assert sorted(file.name for file in folder.iterdir()) == ["meta.json", "rows1.ep", "rows2.ep"]
    assert library.calls[0]["use_explicit_typing"]
    assert "compiling, 2 rows" in doing
    engine = rung.load(program, folder)
    assert engine.info.versions["TensorRT"] == "10.16.1"
    batch = example(5)
    for name, wanted in program.reference(batch).items():
        np.testing.assert_allclose(engine(batch)[name], wanted, atol=1e-6)
    engine.close()


def test_a_graph_that_does_not_convert_is_no_engine(library, program, cache, rung):
    def compile(*_, **__):
        raise RuntimeError("aten.cumsum.default is not supported")

    library.dynamo.compile = compile
    with pytest.raises(RuntimeError, match="not supported"):
        build(program, rung, cache)
    assert list(cache.entries()) == []

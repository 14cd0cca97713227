"""The ladder: the best that works, one line that says why, one step down on an error, up when a build is ready."""

from dataclasses import replace
from threading import Event

import numpy as np
import pytest
import torch
from pose3d_testing.engines import CPU, example, make_program

from pose3d_ros.core.errors import ConfigError, EngineError, InputError
from pose3d_ros.engines import EngineOptions, Ladder, builder, machine
from pose3d_ros.engines.backends.choice import Rung, backend, rungs
from pose3d_ros.engines.base import Target, UnavailableError
from pose3d_ros.engines.builder import build
from pose3d_ros.engines.cache import EngineCache
from pose3d_ros.models import checkpoint  # noqa: F401, its import must not need any backend


def same(ladder, program, rows=3) -> bool:
    batch = example(rows)
    wanted, got = program.reference(batch), ladder(batch)
    return all(np.allclose(got[name], wanted[name], atol=1e-6) for name in wanted)


def test_the_best_is_taken_where_it_is_built(program, fake, ladder_of, cache):
    build(program, ladder_of[0], cache)
    ladder = Ladder(program, ladder_of, cache)
    assert (ladder.info.name, ladder.description) == ("fake", "fake (fake 1), cpu, fp32")
    assert same(ladder, program)
    ladder.close()
    assert fake.made[-1].closed


def test_a_missing_engine_is_built_first_when_told_to_wait(program, fake, ladder_of, cache):
    assert Ladder(program, ladder_of, cache, wait=True).info.name == "fake"


@pytest.mark.parametrize(
    "error",
    [ImportError("libnvinfer.so.11: cannot open shared object file"), AssertionError("Torch not compiled with CUDA"),
     Exception("libraries missing"), RuntimeError("Found no NVIDIA driver on your system"), OSError("no symbol")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_broken_install_hurts_nobody_else(program, fake, ladder_of, cache, error):
    fake.import_error = error
    ladder = Ladder(program, ladder_of, cache)
    assert ladder.info.name == "torch"
    assert ladder.description.endswith(f"cpu, fp32 [fake: {type(error).__name__}: {error}]")
    assert same(ladder, program)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("Unable to deserialize the TensorRT engine"),
     RuntimeError("targets an incompatible Torch-TensorRT ABI"),
     RuntimeError("No compatible device was found for instantiating TensorRT engine"),
     AttributeError("'NoneType' object has no attribute 'create_execution_context'"),
     torch.cuda.OutOfMemoryError("CUDA out of memory")],
    ids=str,
)  # fmt: skip
def test_an_engine_that_does_not_load_is_not_taken(program, fake, ladder_of, cache, error):
    build(program, ladder_of[0], cache)
    fake.load_error = error
    ladder = Ladder(program, ladder_of, cache)
    assert ladder.info.name == "torch"
    assert str(error) in ladder.description
    assert same(ladder, program)


@pytest.mark.parametrize(("error", "name"), [(0.0019, "fake"), (0.0021, "torch"), (float("nan"), "torch")])
def test_the_self_check_at_the_start(program, fake, ladder_of, cache, error, name):
    build(program, ladder_of[0], cache)
    fake.error = error
    ladder = Ladder(program, ladder_of, cache)
    assert ladder.info.name == name
    assert fake.made[-1].closed == (name == "torch")
    if name == "torch":
        assert "xyz differs from eager fp32 by" in ladder.description


def test_a_failure_in_the_middle_steps_down_once_and_answers(program, fake, ladder_of, cache):
    build(program, ladder_of[0], cache)
    ladder = Ladder(program, ladder_of, cache)
    fake.made[-1].failing = RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with ...")
    assert same(ladder, program)
    assert (ladder.falls, ladder.info.name) == (1, "torch")
    told = ladder.news()
    assert told == [
        "affine: fake on cpu failed (RuntimeError: CUDA error: an illegal memory access was encountered), "
        "torch on cpu goes on"
    ]
    assert ladder.news() == []
    assert fake.made[-1].closed
    assert "[fake: failed (RuntimeError: CUDA error" in ladder.description
    assert same(ladder, program)
    assert ladder.falls == 1


def test_an_engine_that_cannot_even_be_closed(program, fake, ladder_of, cache):
    build(program, ladder_of[0], cache)
    ladder = Ladder(program, ladder_of, cache)
    engine = fake.made[-1]
    engine.failing = RuntimeError("GPU is lost")
    engine.close = lambda: (_ for _ in ()).throw(RuntimeError("GPU is lost"))
    assert same(ladder, program)


def test_below_the_last_rung_is_an_error(program, fake, ladder_of, cache, monkeypatch):
    ladder = Ladder(program, ladder_of[1:], cache)
    monkeypatch.setattr(program.module, "forward", lambda *_: (_ for _ in ()).throw(MemoryError("no memory")))
    with pytest.raises(EngineError, match=r"torch on cpu failed \(MemoryError: no memory\) and nothing is left below"):
        ladder(example(1))


def test_bad_input_is_the_callers_fault(program, fake, ladder_of, cache):
    build(program, ladder_of[0], cache)
    ladder = Ladder(program, ladder_of, cache)
    fake.made[-1].failing = InputError("expected float32")
    with pytest.raises(InputError):
        ladder(example(1))
    assert ladder.falls == 0


def test_a_named_backend_that_cannot_run_here_is_refused(program, fake, ladder_of, cache):
    fake.import_error = UnavailableError("not installed")
    with pytest.raises(EngineError, match="backend fake: not installed; `auto` takes what works"):
        Ladder(program, ladder_of, cache, named=True)


def test_no_cache_and_one_that_cannot_be_written(program, fake, ladder_of, tmp_path):
    assert "[fake: there is no engine cache]" in Ladder(program, ladder_of, None, wait=True).description
    (tmp_path / "file").write_text("")
    ladder = Ladder(program, ladder_of, EngineCache(tmp_path / "file" / "engines"), wait=True)
    assert "Not a directory; set POSE3D_ROS_ENGINES to a folder that you alone can write" in ladder.description
    assert same(ladder, program)
    again = replace(program, origin=("pose3d_ros.models.registry:program", "w"))  # what failed is not built beside it
    assert not Ladder(again, ladder_of, EngineCache(tmp_path / "file" / "engines"), wait=True).building


@pytest.fixture
def gate(monkeypatch) -> Event:
    """Builds in the background happen in this process, when this is set."""
    ready = Event()

    def build_here(self, rung) -> None:
        assert ready.wait(10)
        build(self._program, rung, self._cache)

    monkeypatch.setattr(builder.Background, "_build", build_here)
    return ready


BUILDABLE = ("pose3d_ros.nowhere:nothing", "")


def test_it_starts_on_the_next_best_and_switches(fake, ladder_of, cache, gate):
    program = make_program(origin=BUILDABLE)
    ladder = Ladder(program, ladder_of, cache)
    assert (ladder.info.name, ladder.building) == ("torch", True)
    assert "[fake: being built]" in ladder.description
    assert same(ladder, program)
    gate.set()
    ladder.settle(10)
    assert (ladder.info.name, ladder.building, ladder.falls) == ("fake", False, 0)
    assert ladder.description == "fake (fake 1), cpu, fp32"
    assert same(ladder, program)


def test_a_damaged_engine_is_built_again(fake, ladder_of, cache, gate):
    program = make_program(origin=BUILDABLE)
    (build(program, ladder_of[0], cache) / "engine.bin").write_bytes(b"half")
    ladder = Ladder(program, ladder_of, cache)
    assert ladder.info.name == "torch"
    gate.set()
    ladder.settle(10)
    assert ladder.info.name == "fake"


def test_a_build_that_fails_says_why(fake, ladder_of, cache, gate):
    fake.build_error = RuntimeError("aten.cumsum is not supported")
    ladder = Ladder(make_program(origin=BUILDABLE), ladder_of, cache)
    gate.set()
    ladder.settle(10)
    assert ladder.info.name == "torch"
    assert "[fake: RuntimeError: aten.cumsum is not supported]" in ladder.description


def test_closing_frees_what_was_ready_but_not_taken(fake, ladder_of, cache, gate):
    ladder = Ladder(make_program(origin=BUILDABLE), ladder_of, cache)
    gate.set()
    assert ladder._background.wait(10)
    ladder.close()
    assert all(engine.closed for engine in fake.made)


def test_a_failure_does_not_wait_for_a_build(fake, ladder_of, cache, gate):
    program = make_program(origin=BUILDABLE)
    middle = type("Middle", (fake,), {"name": "middle", "built": False, "made": []})
    ladder = Ladder(program, (ladder_of[0], Rung(middle, CPU), ladder_of[1]), cache)
    background = ladder._background
    ladder._engine.failing = RuntimeError("GPU is lost")
    assert same(ladder, program)
    assert ladder.info.name == "torch"
    gate.set()
    assert background.wait(10)
    assert background.result is None  # what was loaded too late is freed by the thread
    assert all(engine.closed for engine in fake.made)


def names(**options) -> list[str]:
    return [str(rung) for rung in rungs(EngineOptions(**options))]


def test_rungs_without_a_gpu():
    whole = ["tensorrt on cpu", "cuda on cpu", "openvino on cpu", "onnxruntime on cpu", "torch on cpu"]
    assert names(device="cpu") == whole
    assert names(device="cpu", backend="onnxruntime") == whole[3:]
    half = rungs(EngineOptions("cpu", "fp16", backend="torch"))
    assert [rung.target.precision for rung in half] == ["fp16", "fp32"]
    assert {rung.target.precision for rung in rungs(EngineOptions("cpu", "fp16"))[2:]} == {"fp32"}


def test_rungs_with_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    below = ["openvino on cpu", "onnxruntime on cpu", "torch on cpu"]
    assert names() == ["tensorrt on cuda", "cuda on cuda", *below]
    assert names(device="cuda:1") == ["tensorrt on cuda:1", "cuda on cuda:1", "torch on cuda:1", *below]
    assert names(backend="torch") == ["torch on cuda", "torch on cpu"]
    found = rungs(EngineOptions(precision="fp16", largest_batch=6))
    assert (found[0].target.precision, found[0].target.buckets) == ("fp16", (1, 2, 4, 6))
    assert (found[2].target.precision, found[2].target.buckets) == ("fp32", (1, 4))


def test_unknown_backend():
    with pytest.raises(ConfigError, match=r"expected one of auto, tensorrt, cuda, .* got 'tpu'"):
        rungs(EngineOptions(backend="tpu"))


@pytest.mark.parametrize("name", ["tensorrt", "cuda"])
def test_no_gpu_and_no_driver(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="no GPU that torch sees"):
        backend(name).versions(CPU)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def lost(_):
        raise RuntimeError("CUDA driver version is insufficient for CUDA runtime version")

    monkeypatch.setattr(torch.cuda, "get_device_properties", lost)
    with pytest.raises(UnavailableError, match=r"no usable GPU .*driver version is insufficient"):
        backend(name).versions(Target("cuda:0"))
    with pytest.raises(UnavailableError, match="not wanted, the device is cpu"):
        backend(name).versions(CPU)


def test_the_driver_is_read_from_the_kernel(tmp_path, monkeypatch):
    file = tmp_path / "version"
    file.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs)\nGCC ...")
    monkeypatch.setattr(machine, "DRIVER", file)
    card = type("Card", (), {"name": "A", "major": 8, "minor": 7, "multi_processor_count": 16, "total_memory": 2**33})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    found = machine.gpu("cuda:0")
    assert (found["driver"], found["compute_capability"]) == ("580.65.06", "8.7")

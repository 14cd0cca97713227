"""Lifters on engines: the same numbers, other frames beside them, and a `Pipeline` that goes on when one fails."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from pose3d_testing.engines import Fake

from pose3d_ros import Pipeline, PipelineConfig
from pose3d_ros.core.errors import EngineError
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.engines import EngineOptions, builder, open_lifter
from pose3d_ros.engines.backends.choice import FILES, Rung, backend
from pose3d_ros.engines.base import Target
from pose3d_ros.engines.builder import Background, build
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models import ModelSpec, checkpoint, registry
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.settings import BodyConfig, HandConfig

HAS_OPENVINO = pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")
CPU_ONLY = EngineOptions("cpu")


@pytest.fixture
def weights(tmp_path) -> str:
    torch.manual_seed(0)
    config = DTFConfig(
        frames=9, channels=16, hidden=16, heads=2, generator_layers=1, generator_heads=3, layers=2, uncertainty=True
    )
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(path, DTF(config), ModelSpec("tiny", "h36m17", 9, 30.0))
    return str(path)


@pytest.fixture
def openvino_is_fake(fake, monkeypatch) -> type[Fake]:
    """In the place of OpenVINO, ready to fail."""
    monkeypatch.setitem(FILES, "openvino", f"{__name__}:Fake")
    chosen = lambda name: fake if name == "openvino" else REAL(name)  # noqa: E731
    monkeypatch.setattr("pose3d_ros.engines.backends.choice.backend", chosen)
    return fake


REAL = backend


def test_the_program_of_a_lifter(weights):
    program = registry.program(weights)
    assert (program.name, program.inputs, program.outputs) == ("tiny", ("inputs",), ("xyz", "log_sigma"))
    assert program.limits["xyz"] == 0.002
    assert registry.program(weights).weights_sha256 == program.weights_sha256
    lifter = registry.load(weights)
    wanted, got = lifter(lifter.spec.example(2)), program.reference({"inputs": lifter.spec.example(2)})
    np.testing.assert_array_equal(got["xyz"][:, 0] - got["xyz"][:, 0, :1], wanted.xyz_m)


def test_an_engine_answers_as_the_lifter_does(weights, openvino_is_fake, cache):
    lifter = open_lifter(weights, CPU_ONLY, wait=True, cache=cache)
    eager = registry.load(weights)
    assert lifter.engine.info.name == "fake"
    assert lifter.description.startswith("tiny, fake (fake 1), cpu, fp32")
    inputs = lifter.spec.example(33)
    for ours, theirs in zip(lifter(inputs), eager(inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(lifter(inputs, 3).xyz_m, eager(inputs, 3).xyz_m, atol=1e-6)  # not by the engine
    lifter.close()
    assert openvino_is_fake.made[-1].closed
    with pytest.raises(EngineError, match="closed"):
        lifter(inputs)


def test_other_frames_do_not_go_to_the_engine(weights, openvino_is_fake, cache):
    lifter = open_lifter(weights, CPU_ONLY, wait=True, cache=cache)
    openvino_is_fake.made[-1].failing = RuntimeError("called")
    lifter(lifter.spec.example(1), 3)
    assert lifter.engine.falls == 0
    lifter(lifter.spec.example(1), 8)
    assert lifter.engine.falls == 1


def test_a_gpu_that_is_not_there(weights):
    with pytest.raises(EngineError, match="use device auto or cpu"):
        open_lifter(weights, EngineOptions("cuda:97"))
    with pytest.raises(EngineError, match=r"backend cuda: no GPU that torch sees; `auto` takes what works"):
        open_lifter(weights, EngineOptions("cpu", backend="cuda"))


def frames(count: int):
    rng = np.random.default_rng(0)
    xy = np.array([320.0, 240]) + rng.uniform(-100, 100, (17, 2))
    for i in range(count):
        yield Keypoints2D(10**10 + i * 33_333_333, (Person2D("h36m17", xy + i, np.full(17, 0.9)),), "c", 640, 480)


CAMERA = Camera(np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), np.zeros(5), "plumb_bob", 640, 480)


def test_the_pipeline_goes_on_and_says_so(weights, openvino_is_fake, tmp_path, monkeypatch):
    monkeypatch.setenv("POSE3D_ROS_ENGINES", str(tmp_path / "engines"))
    body = BodyConfig(weights=weights, device="cpu", wait_for_engine=True)
    pipeline = Pipeline(PipelineConfig(body=body, hands=HandConfig(weights="")))
    assert pipeline.description.startswith("tiny, fake (fake 1)")
    results = []
    for i, frame in enumerate(frames(6)):
        if i == 3:
            openvino_is_fake.made[-1].failing = torch.cuda.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2 GiB"
            )
        results.append(pipeline.push(frame, CAMERA))
    counts = [len(result.people) for result in results]
    assert counts[2] == counts[3] == counts[5]  # nobody is lost
    told = [reason for result in results for reason in result.reasons if "goes on" in reason]
    assert len(told) == 1
    assert "tiny: fake on cpu failed (OutOfMemoryError: CUDA out of memory" in told[0]
    assert "torch" in pipeline.description
    assert pipeline.models.falls == 1
    pipeline.close()


@pytest.fixture
def at_once(monkeypatch) -> None:
    """Tests wait for what otherwise has time."""
    monkeypatch.setattr(builder, "NICE", 0)


@HAS_OPENVINO
@pytest.mark.usefixtures("at_once")
def test_built_in_another_process_and_taken_when_ready(weights, cache):
    steps = EngineOptions("cpu", backend="openvino")
    lifter = open_lifter(weights, steps, cache=cache)
    assert lifter.engine.info.name != "openvino"
    assert "openvino: being built" in lifter.description
    before = lifter(lifter.spec.example(2))
    lifter.engine.settle(120)
    assert lifter.engine.info.name == "openvino", lifter.description
    np.testing.assert_allclose(lifter(lifter.spec.example(2)).xyz_m, before.xyz_m, atol=1e-5)
    lifter.close()
    again = open_lifter(weights, steps, cache=cache)
    assert again.engine.info.name == "openvino"
    again.close()


@pytest.mark.usefixtures("at_once")
def test_a_process_that_cannot_build_says_why(weights, fake, cache):
    program = replace(registry.program(weights), origin=("pose3d_ros.models.registry:program", "/nowhere.safetensors"))
    background = Background(program, [(0, Rung(REAL("openvino"), Target("cpu")))], cache)
    assert background.wait(60)
    assert background.faults == {0: "its build failed: weights /nowhere.safetensors: there is no such file"}


def test_closing_ends_the_build(weights, cache):
    program = registry.program(weights)
    background = Background(program, [(0, Rung(REAL("openvino"), Target("cpu")))], cache)
    background.close()
    assert background.result is None
    assert list(cache.entries()) == []


@HAS_OPENVINO
def test_the_shipped_lifter_on_openvino(cache):
    program, rung = registry.program("body_dtf27"), Rung(backend("openvino"), Target("cpu"))
    engine = rung.load(program, build(program, rung, cache))
    batch = program.example(5)
    together = engine(batch)["xyz"]
    np.testing.assert_allclose(together, program.reference(batch)["xyz"], atol=1e-4)
    for row in range(5):
        alone = engine({"inputs": batch["inputs"][row : row + 1]})["xyz"]
        np.testing.assert_allclose(alone[0], together[row], atol=1e-4)
    engine.close()

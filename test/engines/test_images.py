"""Image models on engines: the same joints, streams that go on, and weights of another kind."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from pose3d_testing.body_models import Statue

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.engines import EngineOptions, open_image_lifter, opening
from pose3d_ros.engines.backends.choice import rungs
from pose3d_ros.engines.export import dynamic
from pose3d_ros.models import ModelSpec, checkpoint, registry
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import INPUTS, ImageLifter, ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig

OPENVINO = pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")


def write(path, frames: int, head: str = "kinematic", drawn: bool = True) -> str:
    lifter = small(frames, head, drawn)
    checkpoint.save(path, lifter.network, lifter.spec)
    return str(path)


def small(frames: int, head: str = "kinematic", drawn: bool = True) -> ImageLifter:
    torch.manual_seed(0)
    vit = ViTConfig(image_height=32, image_width=32, width=16, depth=1, heads=2)
    decoder = DecoderConfig(16, 1, 1, 16, 16)
    network = ExtPose(ExtPoseConfig(vit, decoder, frames=frames, head=head, uncertainty=head == "kinematic"))
    return ImageLifter(network, ImageSpec("tiny", "hand21", frames, 30.0, drawn=drawn))


def side_by_side(plain: ImageLifter, lifter: ImageLifter, there: list[dict]):
    """Answers of both to the same frames of two streams; `there`: of each frame, what is there of it."""
    rng = np.random.default_rng(0)
    streams = plain.start(2), lifter.start(2)
    for given in there:
        frame = rng.integers(0, 256, (2, 32, 32, 3), np.uint8), rng.random((2, 3, 32, 32), np.float32)
        yield plain(*frame, streams[0], **given), lifter(*frame, streams[1], **given)


@pytest.mark.parametrize(
    ("backend", "frames"), [("torch", 1), ("torch", 3), pytest.param("openvino", 3, marks=OPENVINO)]
)
def test_a_stream_on_an_engine_is_the_same_stream(tmp_path, cache, backend, frames):
    weights = write(tmp_path / "tiny.safetensors", frames)
    plain = registry.load(weights)
    lifter = open_image_lifter(weights, EngineOptions("cpu", backend=backend), wait=True, cache=cache)
    assert backend in lifter.description
    there = [{"image_present": np.array([t != 2, True]), "pose_present": np.array([True, t != 3])} for t in range(5)]
    for wanted, got in side_by_side(plain, lifter, there):
        np.testing.assert_allclose(got.xyz_m, wanted.xyz_m, atol=1e-4)
        np.testing.assert_allclose(got.sigma_m, wanted.sigma_m, rtol=1e-3)


def test_the_program_of_an_image_model(tmp_path):
    program = registry.program(write(tmp_path / "tiny.safetensors", 3))
    assert program.inputs == INPUTS
    assert program.outputs == ("xyz", "log_sigma", "camera", "keys", "values", "shape")


def test_one_frame_alone_is_exported_for_any_number_of_people(tmp_path):
    program = registry.program(write(tmp_path / "one.safetensors", 1))
    assert program.inputs == INPUTS[:3]
    exported = dynamic(program, 4).module()
    for rows in (1, 3):
        wanted = program.reference(program.example(rows))
        for name, got in zip(program.outputs, exported(*program.tensors(rows)), strict=True):
            np.testing.assert_allclose(got.detach().numpy(), wanted[name], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("backend", ["torch", pytest.param("openvino", marks=OPENVINO)])
def test_engines_run_networks_that_need_a_body_model_without_it(tmp_path, cache, monkeypatch, backend, frames):
    monkeypatch.setattr("pose3d_ros.models.image_lifter.BodyModel", Statue)
    weights = write(tmp_path / "mano.safetensors", frames, "mano", drawn=False)
    assert registry.program(weights).outputs[:3] == ("camera", "rotations", "betas")  # in the process that builds
    assert "pose" not in registry.program(weights).inputs
    plain = registry.load(weights, body_model="MANO_RIGHT.pkl")
    lifter = open_image_lifter(
        weights, EngineOptions("cpu", backend=backend), wait=True, cache=cache, body_model="MANO_RIGHT.pkl"
    )
    assert lifter.description.startswith(f"tiny with MANO_RIGHT.pkl, {backend}")
    for wanted, got in side_by_side(plain, lifter, [{}] * 3):
        np.testing.assert_allclose(got.xyz_m, wanted.xyz_m, atol=1e-4)
        assert np.abs(got.xyz_m).max() > 0.1


def test_a_body_model_that_is_missing_or_not_needed(tmp_path):
    with pytest.raises(CheckpointError, match=r"MANO weights.*name MANO_RIGHT\.pkl from .* in refine\.hands_model"):
        open_image_lifter(write(tmp_path / "mano.safetensors", 1, "mano"))
    with pytest.raises(CheckpointError, match="takes no body model"):
        open_image_lifter(write(tmp_path / "open.safetensors", 1), body_model="MANO_RIGHT.pkl")
    with pytest.raises(CheckpointError, match=r"none\.pkl: there is no such file.*register and download"):
        open_image_lifter(str(tmp_path / "mano.safetensors"), body_model=str(tmp_path / "none.pkl"))


GPU = "cuda:0"


def beside_its_state(lifter: ImageLifter) -> ImageLifter:
    return opening._beside_its_state(lifter, lifter.program(), "cpu")


@pytest.fixture
def near_its_cache(monkeypatch):
    """near_its_cache(lifter's frames, **options) -> the device beside whose memory the lifter was wanted, or None."""

    def asked(frames, **options):
        wanted = []
        monkeypatch.setattr(opening, "torch_device", lambda name: torch.device(GPU if name == "auto" else name))
        monkeypatch.setattr(opening, "_beside_its_state", lambda lifter, program, device: wanted.append(device))
        monkeypatch.setattr(opening, "rungs", lambda _: rungs(EngineOptions("cpu", backend="torch")))
        opening.on_engine(small(frames), EngineOptions(**options))
        return wanted[0] if wanted else None

    return asked


def test_on_a_gpu_a_cache_stays_there_unless_a_backend_is_named(near_its_cache):
    assert near_its_cache(3) == GPU
    assert near_its_cache(3, device=GPU) == GPU
    assert near_its_cache(1) is None  # nothing to keep
    assert near_its_cache(3, backend="cuda") is None
    assert near_its_cache(3, device="cpu") is None


def test_beside_its_cache_it_is_eager_half_precision_and_the_same_stream(monkeypatch):
    plain, lifter = small(3), beside_its_state(small(3))
    assert (lifter.engine, lifter.dtype) == (None, torch.float16)
    assert lifter.start(1).keys.dtype == torch.float16
    for wanted, got in side_by_side(plain, lifter, [{}] * 4):
        np.testing.assert_allclose(got.xyz_m, wanted.xyz_m, atol=2e-3)


def test_a_gpu_that_fails_at_that_leaves_it_to_the_engines_and_is_told(monkeypatch):
    def full(lifter, program, device):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(opening, "torch_device", lambda name: torch.device(GPU))
    monkeypatch.setattr(opening, "_beside_its_state", full)
    monkeypatch.setattr(opening, "rungs", lambda _: rungs(EngineOptions("cpu", backend="torch")))
    lifter = opening.on_engine(small(3), EngineOptions())
    assert lifter.engine.info.name == "torch"
    assert "eager torch on cuda:0 beside its state: OutOfMemoryError: CUDA out of memory" in lifter.description


def test_a_gpu_that_fails_half_way_leaves_the_network_whole(monkeypatch):
    lifter, before = small(3), small(3)

    def half_way(network, *where, **named):
        next(network.parameters()).data = torch.zeros(1, dtype=torch.float16)
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("pose3d_ros.models.base.place", half_way)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        beside_its_state(lifter)
    for got, wanted in zip(lifter.network.parameters(), before.network.parameters(), strict=True):
        assert torch.equal(got, wanted)


def test_weights_of_a_lifter(tmp_path):
    path = tmp_path / "dtf.safetensors"
    config = DTFConfig(frames=9, channels=16, hidden=16, heads=2, generator_layers=1, generator_heads=3, layers=2)
    checkpoint.save(path, DTF(config), ModelSpec("tiny", "h36m17", 9, 30.0))
    with pytest.raises(CheckpointError, match="expected the weights of an image model"):
        open_image_lifter(str(path))

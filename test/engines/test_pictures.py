"""Picture models on engines: the same joints, streams that go on, and weights of another kind."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.engines import EngineOptions
from pose3d_ros.engines.export import dynamic
from pose3d_ros.engines.pictures import from_file, open_picture_lifter
from pose3d_ros.models import ModelSpec, checkpoint, registry
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.picture import INPUTS, PictureSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig

OPENVINO = pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")


def write(path, frames: int) -> str:
    torch.manual_seed(0)
    vit = ViTConfig(image_height=32, image_width=32, width=16, depth=1, heads=2)
    network = ExtPose(ExtPoseConfig(vit, DecoderConfig(16, 1, 1, 16, 16), frames=frames))
    checkpoint.save(path, network, PictureSpec("tiny", "hand21", frames, 30.0))
    return str(path)


@pytest.mark.parametrize(
    ("backend", "frames"), [("torch", 1), ("torch", 3), pytest.param("openvino", 3, marks=OPENVINO)]
)
def test_a_stream_on_an_engine_is_the_same_stream(tmp_path, cache, backend, frames):
    weights = write(tmp_path / "tiny.safetensors", frames)
    plain = registry.load(weights)
    lifter = open_picture_lifter(weights, EngineOptions("cpu", backend=backend), wait=True, cache=cache)
    assert backend in lifter.description
    rng = np.random.default_rng(0)
    streams = plain.start(2), lifter.start(2)
    for t in range(5):
        frame = rng.integers(0, 256, (2, 32, 32, 3), np.uint8), rng.random((2, 3, 32, 32), np.float32)
        there = {"image_present": np.array([t != 2, True]), "pose_present": np.array([True, t != 3])}
        wanted, got = plain(*frame, streams[0], **there), lifter(*frame, streams[1], **there)
        np.testing.assert_allclose(got.xyz_m, wanted.xyz_m, atol=1e-4)
        np.testing.assert_allclose(got.sigma_m, wanted.sigma_m, rtol=1e-3)


def test_the_program_of_a_picture_model(tmp_path):
    program = from_file(write(tmp_path / "tiny.safetensors", 3))
    assert program.inputs == INPUTS
    assert program.outputs == ("xyz", "log_sigma", "camera", "keys", "values", "shape")


def test_one_frame_alone_is_exported_for_any_number_of_people(tmp_path):
    program = from_file(write(tmp_path / "one.safetensors", 1))
    assert program.inputs == INPUTS[:3]
    exported = dynamic(program, 4).module()
    for rows in (1, 3):
        wanted = program.reference(program.example(rows))
        for name, got in zip(program.outputs, exported(*program.tensors(rows)), strict=True):
            np.testing.assert_allclose(got.detach().numpy(), wanted[name], atol=1e-5)


def test_weights_of_a_lifter(tmp_path):
    path = tmp_path / "dtf.safetensors"
    config = DTFConfig(frames=9, channels=16, hidden=16, heads=2, generator_layers=1, generator_heads=3, layers=2)
    checkpoint.save(path, DTF(config), ModelSpec("tiny", "h36m17", 9, 30.0))
    with pytest.raises(CheckpointError, match="expected the weights of a picture model"):
        open_picture_lifter(str(path))

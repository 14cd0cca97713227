"""Streaming lifters on engines: the state goes in and comes out, and the stream is the one of eager torch."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from pose3d_ros.core import formats
from pose3d_ros.engines import EngineOptions
from pose3d_ros.engines.opening import on_engine
from pose3d_ros.models import ModelSpec, conditions
from pose3d_ros.models.conditions import Told
from pose3d_ros.models.lifter import Streams
from pose3d_ros.models.streaming import StreamingConfig, StreamingDTF
from pose3d_ros.models.streaming_lifter import StreamingLifter

OPENVINO = pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")
ONNX = pytest.mark.skipif(not (find_spec("onnxruntime") and find_spec("onnxscript")), reason="needs onnxruntime")
BACKENDS = [
    ("torch", "h36m17"),
    ("torch", "body19"),
    pytest.param("openvino", "body19", marks=OPENVINO),
    pytest.param("onnxruntime", "body19", marks=ONNX),
]
WINDOW, PEOPLE = 6, 3


def small(skeleton: str) -> StreamingLifter:
    torch.manual_seed(0)
    size = conditions.SIZE if skeleton == "body19" else 0
    joints = len(formats.get(skeleton))
    network = StreamingDTF(StreamingConfig(WINDOW, joints, 24, 32, 2, 2, 2, 16, condition=size))
    if size:
        torch.nn.init.normal_(network.condition[2].weight)
    told = conditions.INPUTS if size else ()
    return StreamingLifter(network, ModelSpec("tiny", skeleton, WINDOW, 30.0, told=told))


def windows(joints: int, frames: int = 12):
    """Windows of three people frame by frame: one is there from the start, one comes later, one is half hidden."""
    rng = np.random.default_rng(0)
    rays = rng.normal(0, 0.3, (PEOPLE, frames + WINDOW, joints, 2)).astype(np.float32)
    score = np.full((PEOPLE, frames + WINDOW, joints), 0.9, np.float32)
    score[1, : WINDOW + 4] = 0
    score[2][rng.random(score[2].shape) < 0.5] = 0
    for t in range(frames):
        yield t * 33_333_333, rays[:, t : t + WINDOW], score[:, t : t + WINDOW]


def told(t: int) -> Told:
    rng = np.random.default_rng(t)
    up = rng.normal(0, 1, (PEOPLE, 3)).astype(np.float32)
    bones = np.tile(np.float32(conditions.MEAN_M), (PEOPLE, 1))
    height = np.array([1.0, np.nan, 2.0], np.float32)
    return Told(up, height, bones, np.full_like(bones, 0.02), np.zeros(PEOPLE, bool))


@pytest.mark.parametrize(("name", "skeleton"), BACKENDS)
def test_a_stream_on_an_engine_is_the_stream_of_eager_torch(cache, name, skeleton):
    plain, lifter = small(skeleton), on_engine(small(skeleton), EngineOptions("cpu", backend=name), True, cache)
    assert name in lifter.description
    assert lifter.program().inputs == ("features", "past", "age", "condition")[: 4 if lifter.spec.told else 3]
    for t, (stamp_ns, rays, score) in enumerate(windows(len(formats.get(skeleton)))):
        streams = Streams([4, 5, 6], [0, 0, 0], stamp_ns)
        more = told(t) if skeleton == "body19" and t % 3 else None  # now and then nothing is known
        wanted, got = (one.newest(rays, score, streams, more) for one in (plain, lifter))
        np.testing.assert_allclose(got.lifted.xyz_m, wanted.lifted.xyz_m, atol=1e-5)
        np.testing.assert_allclose(got.lifted.sigma_m, wanted.lifted.sigma_m, rtol=1e-4)
    lifter.close()

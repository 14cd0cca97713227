"""The pipeline with a streaming lifter: what is late, skipped or forgotten reaches the lifter's state."""

import numpy as np
import pytest
import torch

from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.estimation.body_state import StateConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models import ModelSpec
from pose3d_ros.models.streaming import StreamingConfig, StreamingDTF
from pose3d_ros.models.streaming_lifter import StreamingLifter
from pose3d_ros.pipeline import Pipeline, PipelineConfig
from pose3d_ros.stages.bodies import lift_windows

CAMERA = Camera.from_fov(640, 480, 60)
FRAME_NS = 33_333_333


@pytest.fixture
def pipeline(standing_m) -> Pipeline:
    torch.manual_seed(0)
    network = StreamingDTF(StreamingConfig(window=10, channels=16, hidden=16, heads=2, generator_hidden=8, layers=2))
    with torch.no_grad():
        network.regression.weight.mul_(0.1)
        network.regression.bias.copy_(torch.tensor(standing_m).flatten())
    frame_by_frame = PipelineConfig(state=StateConfig(enabled=False))
    return Pipeline(frame_by_frame, lifter=StreamingLifter(network, ModelSpec("small", "h36m17", 10, 30.0)))


def frame(slot: int, standing_m, people: int = 1) -> Keypoints2D:
    """People side by side, 4 m away, who sway."""
    found = []
    for i in range(people):
        place = np.array((0.8 * i + 0.05 * np.sin(slot / 5), 0, 4))
        xyz = np.array(standing_m) + place
        found.append(Person2D("h36m17", CAMERA.project(xyz), np.full(17, 0.9), id=str(i)))
    return Keypoints2D(1_000_000_000 + slot * FRAME_NS, tuple(found), "camera", 640, 480)


def test_a_late_frame_and_one_that_was_only_stored(pipeline, standing_m):
    for slot in (0, 1, 2, 4, 5):
        pipeline.push(frame(slot, standing_m), CAMERA)
    assert pipeline.bodies.lifter.recomputed == 0
    pipeline.observe(frame(3, standing_m), CAMERA)  # into the past
    pipeline.observe(frame(6, standing_m), CAMERA)
    late = pipeline.push(frame(7, standing_m), CAMERA)
    assert pipeline.bodies.lifter.recomputed == 1
    _, rays, score = pipeline.bodies.people.windows(late.stamp_ns)
    assert score.any(2).sum() == 8
    whole = lift_windows(pipeline.bodies.lifter, rays, score, pipeline.config.placement)
    np.testing.assert_allclose(late.people[0].xyz_m, whole.xyz_m[0], atol=1e-5)


def test_everybody_is_a_new_stream_after_a_reset(pipeline, standing_m):
    first = [pipeline.push(frame(slot, standing_m, people=2), CAMERA) for slot in range(5)]
    assert [len(found.people) for found in first] == [2] * 5
    pipeline.reset()
    again = [pipeline.push(frame(slot, standing_m, people=2), CAMERA) for slot in range(5)]
    for before, after in zip(first, again, strict=True):
        for a, b in zip(before.people, after.people, strict=True):
            np.testing.assert_allclose(a.xyz_m, b.xyz_m, atol=1e-5)

"""The node with the real pipeline, around a small network that always answers with the same standing person."""

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")
pytest.importorskip("torch")

import numpy as np
import torch
from pose3d_testing.toy_model import Toy, ToyConfig

from pose3d_ros.models import ModelSpec, checkpoint
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.msg import Skeleton3DArray
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.ros import conversions

PX_PER_M = 200.0
SMALL = DTFConfig(frames=9, channels=64, hidden=64, heads=4, generator_layers=1)


@pytest.fixture
def weights(tmp_path, make):
    network = DTF(SMALL)
    shape_m = (make.standing_px - make.standing_px[0]) / PX_PER_M
    torch.nn.init.zeros_(network.regression.weight)
    network.regression.bias.data = torch.tensor(np.pad(shape_m, ((0, 0), (0, 1))).ravel(), dtype=torch.float32)
    path = tmp_path / "standing.safetensors"
    checkpoint.save(path, network, ModelSpec("standing", "h36m17", 9, 30.0))
    return path


def test_two_people_are_lifted_and_their_ids_kept(bench, make, weights):
    b = bench(Pipeline, body__weights=str(weights), body__device="cpu").up().calibrate()
    out = b.inbox(Skeleton3DArray, "skeletons")
    for number in range(12):
        b.send(make.frame(number, make.body("anna", shift_px=-120), make.body("ben", shift_px=120)))
    msg = out.wait_for(lambda array: conversions.stamp_to_ns(array.header.stamp) == make.frame(11).stamp_ns)
    assert sorted(person.id for person in msg.people) == ["anna", "ben"]
    for person in msg.people:
        assert person.skeleton == "h36m17"
        assert set(person.state) == {1}  # all joints were seen
        pelvis_m = np.array(person.xyz_m[:3])
        side = -1 if person.id == "anna" else 1
        np.testing.assert_allclose(pelvis_m, (side * 0.6, 0, 600 / PX_PER_M), atol=0.15)


@pytest.mark.parametrize(("damage", "words"), [
    (lambda path: path.unlink(), "no such file"),
    (lambda path: path.write_bytes(path.read_bytes()[:100]), "damaged"),
    (lambda path: path.write_bytes(b"not weights"), "safetensors"),
])  # fmt: skip
def test_weights_that_cannot_be_used_fail_configure_with_the_reason(bench, weights, damage, words):
    damage(weights)
    node = bench(Pipeline, body__weights=str(weights)).node
    assert node.trigger_configure().name == "FAILURE"
    assert words in node.last_error
    assert node.state == "unconfigured"


def test_unknown_weights_list_what_there_is(bench):
    node = bench(Pipeline, body__weights="body_dtf99").node
    assert node.trigger_configure().name == "FAILURE"
    assert "unknown weights 'body_dtf99'; shipped are" in node.last_error


def test_unknown_skeleton_in_the_weights(bench, weights):
    weights.write_bytes(weights.read_bytes().replace(b"h36m17", b"mars99"))
    node = bench(Pipeline, body__weights=str(weights), body__device="cpu").node
    assert node.trigger_configure().name == "FAILURE"
    assert "mars99" in node.last_error


def test_live_parameters_reach_the_running_pipeline(bench, make, weights):
    from rclpy.parameter import Parameter

    b = bench(Pipeline, body__weights=str(weights), body__device="cpu").up().calibrate()
    assert b.node.set_parameters([Parameter("body.min_joints", value=9)])[0].successful
    b.ros.until(lambda: b.pipeline.config.body.min_joints == 9, "the change in the pipeline")
    (refused,) = b.node.set_parameters([Parameter("body.weights", value="body_dtf27")])
    assert not refused.successful
    assert "deactivate and clean it up" in refused.reason


def test_a_format_that_lacks_what_the_lifter_needs_is_told(bench, make, weights):
    b = bench(Pipeline, body__weights=str(weights), body__device="cpu").up().calibrate()
    msg = conversions.keypoints_to_msg(make.frame(0))
    hand = np.full((21, 2), 100.0, np.float32)
    msg.people[0].format = "hand21"
    msg.people[0].xy_px, msg.people[0].score = conversions._flat(hand), conversions._flat(np.ones(21))
    b.keypoints.publish(msg)
    assert "hand21" in b.reason("people")


def test_a_model_of_ones_own_runs_in_the_node(bench, make, tmp_path):
    checkpoint.save(tmp_path / "toy.safetensors", Toy(ToyConfig()), ModelSpec("toy", "h36m17", 5, 30.0))
    b = bench(Pipeline, body__weights=str(tmp_path / "toy.safetensors"), body__device="cpu").up().calibrate()
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.send(make.frame(0, make.body("anna")))
    msg = out.wait_for(lambda array: array.people)
    assert [person.id for person in msg.people] == ["anna"]
    assert b.node._facts()["model"].startswith("toy, ")

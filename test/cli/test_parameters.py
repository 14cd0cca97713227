"""`--params`: a file that says nothing about lifting, or says it with a typing error, is refused."""

from dataclasses import fields

import pytest

pytest.importorskip("torch")

from pose3d_ros.cli.parameters import ROS_SIDE, pipeline_config
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.pipeline import PipelineConfig


@pytest.fixture
def read(tmp_path):
    """The configuration of a YAML text."""

    def call(text: str) -> PipelineConfig:
        file = tmp_path / "robot.yaml"
        file.write_text(text)
        return pipeline_config(file)

    return call


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boddy.weights: mine\n", r"holds boddy\.weights \(did you mean body\.weights\?\)"),
        ("head: nose\nhips: [left_hip, right_hip]\n", "expected parameters of the lifter .* it holds head, hips"),
        ("# all of it is a remark\n", "it holds none"),
        ("- a\n- list\n", "expected parameters of the lifter"),
        ("/detector:\n  ros__parameters:\n    max_people: 2\n", "it holds max_people"),
        (
            "body.device: cpu\nboddy.weights: mine\n",
            r"unknown parameters boddy\.weights \(did you mean body\.weights\?",
        ),
        ("tracking: {max_distanse: 1}\n", r"did you mean tracking\.max_distance\?"),
        ("tracking: {speed: 1}\n", r"unknown parameters tracking\.speed; see"),
    ],
)
def test_what_would_be_without_effect_is_refused(read, text, message):
    with pytest.raises(ConfigError, match=message):
        read(text)


def test_the_lifter_is_found_among_other_nodes(read):
    text = "/detector:\n  ros__parameters:\n    max_people: 2\n/lifter:\n  ros__parameters:\n    body: {device: cpu}\n"
    assert read(text).body.device == "cpu"


def test_what_only_the_node_needs_is_left_out(read):
    assert read("/**:\n  ros__parameters:\n    output.tf: true\n") == PipelineConfig()
    pytest.importorskip("rclpy", reason="the node's own parameters need ROS")
    from pose3d_ros.ros.lifter_config import LifterConfig

    own = {entry.name for entry in fields(LifterConfig)} - {entry.name for entry in fields(PipelineConfig)}
    assert own == {name.removesuffix(".") for name in ROS_SIDE}

"""A bag through the real lifter node on the bag's own clock, scored like any other run."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("rosbags", reason="needs the extra `tools`: rosbags")

from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.types import TopicChoice
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.msg import Skeleton2DArray
from pose3d_ros.pipeline import PipelineConfig
from pose3d_ros.ros import conversions
from pose3d_ros.ros.demo import player
from pose3d_ros.ros.replay import evaluate_replay
from pose3d_ros.settings import BodyConfig

BAG = share_dir() / "demo" / "signing"


@pytest.fixture
def config(standing_weights):
    """Of the demo bag, with a small network and no hands."""
    pipeline = PipelineConfig(body=BodyConfig(weights=str(standing_weights)))
    return BagEvaluationConfig(bag=BAG, pipeline=pipeline)


@pytest.mark.slow
def test_the_node_answers_on_the_bags_own_clock_and_what_it_did_not_answer_is_counted(domain, tmp_path, config):
    run = evaluate_replay(config, tmp_path, rate=2.0)
    original = list(Bag(BAG).inputs())
    assert run.info["mode"] == "replay"
    assert run.frames.stamp_ns.tolist() == [entry.keypoints.stamp_ns for entry in original]
    assert run.info["replay"] == {"rate": 2.0, "sent": len(original), "answered": int(run.frames.answered.sum())}
    assert run.frames.answered[-1]  # a busy machine answers fewer, but always the newest
    known = np.isfinite(run.timings.latency_ms)
    assert (known == run.frames.answered).all()
    assert (run.timings.latency_ms[known] > 0).all()
    told = np.isfinite(run.timings.push_ms[known, -1])  # by the node; of the last frame perhaps after the end
    assert told[:-1].all()
    assert (run.timings.age_ms[known] >= run.timings.latency_ms[known]).all()
    with AnyReader([tmp_path / "bag"], default_typestore=typestore()) as reader:
        connections = [c for c in reader.connections if c.topic.endswith("/timings")]
        ages = [reader.deserialize(raw, c.msgtype).age_in_ms for c, _, raw in reader.messages(connections=connections)]
    assert np.isfinite(ages).all()  # the clock is of the time of the stamps, which are years old


def test_faults_and_rates_that_cannot_be_are_refused(tmp_path, config):
    with pytest.raises(ConfigError, match="direct mode"):
        evaluate_replay(BagEvaluationConfig(bag=BAG, faults=("burst:1",)), tmp_path)
    with pytest.raises(ConfigError, match="more than 0"):
        evaluate_replay(config, tmp_path, rate=0.0)


def test_keypoints_of_any_kind_are_played_with_the_calibration_before_them():
    messages = player.converted(BAG, TopicChoice(keypoints="/keypoints"), seconds=0.5)
    topics = [message.topic for message in messages]
    assert topics[:4] == ["camera_info", "keypoints"] * 2
    first = next(Bag(BAG).inputs())
    frame, reasons = conversions.keypoints_from_msg(deserialize_message(messages[1].raw, Skeleton2DArray))
    assert reasons == []
    assert frame.stamp_ns == first.keypoints.stamp_ns
    np.testing.assert_array_equal(frame.people[0].xy_px, first.keypoints.people[0].xy_px)
    assert messages[-1].at_ns - messages[0].at_ns <= 0.5e9

"""The demo end to end: real processes over real DDS, with a network that nobody trained."""

import json
import re
import shutil

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("rosbags", reason="needs the extra `tools`: rosbags")

import torch

from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.detectors import files
from pose3d_ros.lab.viewing import render
from pose3d_ros.lab.viewing.bag import Recording
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.ros.demo import images, player, session

BAG = share_dir() / "demo" / "signing"
PLAIN = ["-p", "body.backend:=torch"]  # no engine is built of a network that nobody trained
SECONDS = 0.69  # 20 frames, and the keypoints of the last one


@pytest.mark.slow
def test_replay_goes_through_the_nodes_and_is_recorded(domain, tmp_path, standing_weights):
    sent = session.replay(BAG, tmp_path, str(standing_weights), SECONDS, lifter=PLAIN)
    recording, original = Recording(tmp_path / "bag"), Recording(BAG)
    assert len(sent) in (20, 21)
    assert list(recording.keypoints) == sent
    assert recording.camera == original.camera
    for stamp in sent:
        np.testing.assert_array_equal(
            recording.keypoints[stamp].people[0].xy_px, original.keypoints[stamp].people[0].xy_px
        )
    # a machine that is busy stores frames without inferring, but the newest is always answered
    assert set(recording.skeletons) <= set(sent)
    assert max(recording.skeletons) == sent[-1]
    assert len(recording.skeletons[sent[-1]].people) == 1
    assert set(recording.image_stamps) <= set(original.image_stamps)
    written = render.view(recording, tmp_path, sent)
    numbers = json.loads(written.report.read_text())
    assert numbers["lost_messages"] == len(set(sent) - set(recording.skeletons))
    assert numbers["people"] == 1
    assert 0 < numbers["latency_ms"]["p50"] <= numbers["latency_ms"]["p99"] < 20_000
    assert 0 < numbers["share_inferred"] < 1  # the legs are out of the image


@pytest.mark.slow
def test_replay_with_images_counts_whose_answers_were_taken(domain, tmp_path, standing_weights):
    torch.manual_seed(0)
    network = ExtPose(
        ExtPoseConfig(
            ViTConfig(32, 24, patch=8, padding=0, width=24, depth=1, heads=2), DecoderConfig(24, 1, 2, 12, 24)
        )
    )
    path = tmp_path / "looking.safetensors"
    checkpoint.save(path, network, ImageSpec("looking", "hand21", network.config.frames, 30.0))
    sent = session.replay(
        BAG, tmp_path, str(standing_weights), SECONDS, lifter=PLAIN, refine=images.weights(hands=str(path))
    )
    recording, found = Recording(tmp_path / "bag"), images.reasons(tmp_path / "bag")
    assert max(recording.skeletons) == sent[-1]
    hands = sum(map(len, recording.hands.values()))
    lines = list(images.summary(tmp_path / "bag"))
    taken = int(re.search(r"hands .* taken for (\d+) of \d+", lines[1])[1])
    kept = sum(found[f"hand_{why}"] for why in ("crop", "image_unsure", "image_implausible"))
    assert hands > 0
    assert taken + kept == hands, lines  # each was looked at: also the last one's reason was recorded
    assert (tmp_path / "log" / "pose_vit.log").exists()


def test_images_are_looked_at_with_the_weights_given_or_the_nodes_own(tmp_path):
    with pytest.raises(CheckpointError, match="absent"):
        images.weights(hands=str(tmp_path / "absent.safetensors"))
    assert images.weights() == {"refine.hands": "hand_extpose"}
    assert images.weights(body="body_dtf27")["refine.body"] == "body_dtf27"  # the node tells what is wrong with it


@pytest.mark.slow
def test_the_reason_of_a_node_that_cannot_start_is_told(domain, tmp_path):
    with pytest.raises(EngineError, match=r"(?s)lifter could not configure.*absent\.safetensors"):
        session.replay(BAG, tmp_path, str(tmp_path / "absent.safetensors"), SECONDS)


def test_the_bag_of_an_earlier_demo_is_replaced_but_nothing_else(tmp_path):
    folder = tmp_path / "bag"
    shutil.copytree(BAG, folder)
    session._remove_bag(folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "thesis.tex").write_text("three years")
    with pytest.raises(ConfigError, match="in the way"):
        session._remove_bag(folder)
    assert (folder / "thesis.tex").exists()


@pytest.mark.slow
def test_live_sends_a_video_through_detector_and_lifter(domain, tmp_path, standing_weights):
    pytest.importorskip("openvino", reason="needs OpenVINO (pip install .[openvino])")
    if any(map(files.state, files.KNOWN)):
        pytest.skip("needs the models: pose3d detector fetch")
    session.live(str(share_dir() / "demo" / "two_people.mp4"), tmp_path, str(standing_weights), seconds=3.0)
    recording = Recording(tmp_path / "bag")
    found = list(recording.keypoints.values())
    assert found, "the detector answered nothing"
    bodies = [sum(not person.side for person in frame.people) for frame in found]
    assert max(bodies) == 2
    assert {person.format for frame in found for person in frame.people} <= {"coco17", "hand21"}
    assert set(recording.keypoints) <= set(recording.image_stamps)
    assert recording.skeletons


def test_live_without_the_models_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv(files.VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match="pose3d detector fetch"):
        session.live("0", tmp_path)


def test_player_reads_what_the_demo_needs_in_the_order_of_the_recording():
    messages = player.read(BAG, 1.0)
    assert {message.topic for message in messages} == {"image/compressed", "camera_info", "keypoints"}
    times = [message.at_ns for message in messages]
    assert times == sorted(times)
    assert times[-1] - times[0] <= 1_000_000_000

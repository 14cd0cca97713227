"""Evaluation on recorded motion: it lifts what the pipeline would have lifted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.motion import motion as evaluation
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate
from pose3d_ros.lab.evaluation.motion.recordings import record
from pose3d_ros.lab.synthesis import detector
from pose3d_ros.models import Lifter, ModelSpec
from pose3d_ros.models.dtf import DTF
from pose3d_ros.pipeline import Pipeline

RAYS_AS_PIXELS = Camera(np.eye(3))
QUICK = EvaluationConfig(protocols=("clean", "random:12"), clips=2, cameras=1)

pytestmark = pytest.mark.usefixtures("everybody")


def pushed(lifter, recordings, hidden, camera=0):
    """The clip through the pipeline, frame by frame: joints (F, 17, 3), sigma (F, 17), NaN without a person."""
    pipeline = Pipeline(lifter=lifter)
    score = np.where(hidden[camera], 0, recordings.score[camera].numpy())
    xyz_m, sigma_m = np.full((*score.shape, 3), np.nan), np.full(score.shape, np.nan)
    for i, stamp_ns in enumerate(recordings.stamps_ns):
        person = Person2D("h36m17", recordings.rays[camera, i].numpy(), score[i], id="somebody")
        people = pipeline.push(Keypoints2D(int(stamp_ns), (person,)), RAYS_AS_PIXELS).people
        if people:
            xyz_m[i], sigma_m[i] = people[0].xyz_m, people[0].sigma_m
    return xyz_m, sigma_m


@pytest.mark.parametrize(
    ("protocol", "rate_hz"),
    [
        ("clean", 30),
        ("random:12", 30),
        ("random:16", 30),
        ("lostframes", 30),
        ("limb", 15),
        ("burst", 25),
        ("lostframes", 60),
    ],
)
def test_a_clip_is_lifted_as_the_pipeline_lifts_it_frame_by_frame(sample, small_lifter, protocol, rate_hz):
    recordings = record(sample, 0, rate_hz, cameras=1, seed=5)
    config = EvaluationConfig(protocols=(protocol,), rate_hz=rate_hz, cameras=1, seed=5)
    found = evaluation._lift_clip(recordings, protocol, [candidate("ours", small_lifter)], config)["ours"][0]
    xyz_m, sigma_m = pushed(small_lifter, recordings, recordings.hidden(protocol, 5))
    np.testing.assert_array_equal(found.valid, np.isfinite(xyz_m[:, 0, 0]))
    assert found.valid.mean() > 0.9
    np.testing.assert_allclose(found.predicted_m[found.valid], xyz_m[found.valid], rtol=1e-6, atol=2e-5)
    np.testing.assert_allclose(found.sigma_m[found.valid], sigma_m[found.valid], rtol=1e-5)


@pytest.mark.parametrize(
    ("protocol", "rate_hz"), [("clean", 30), ("lostframes", 30), ("limb", 15), ("burst", 25), ("random:12", 60)]
)
def test_a_streaming_lifter_gives_what_it_gives_in_the_pipeline(sample, small_stream, protocol, rate_hz):
    recordings = record(sample, 0, rate_hz, cameras=2, seed=5)
    config = EvaluationConfig(protocols=(protocol,), rate_hz=rate_hz, cameras=2, seed=5)
    found = evaluation._lift_clip(recordings, protocol, [candidate("ours", small_stream)], config)["ours"][1]
    xyz_m, sigma_m = pushed(small_stream, recordings, recordings.hidden(protocol, 5), camera=1)
    np.testing.assert_array_equal(found.valid, np.isfinite(xyz_m[:, 0, 0]))
    assert found.valid.mean() > 0.9
    np.testing.assert_allclose(found.predicted_m[found.valid], xyz_m[found.valid], rtol=1e-6, atol=2e-5)
    np.testing.assert_allclose(found.sigma_m[found.valid], sigma_m[found.valid], rtol=1e-5)


def test_a_streaming_lifter_stands_beside_a_windowed_one(sample, small_stream, small_lifter):
    both = [candidate("streaming", small_stream), candidate("windowed", small_lifter)]
    found = evaluate(sample, both, replace(QUICK, protocols=("clean",)))
    assert found["streaming"]["clean"].frames == found["windowed"]["clean"].frames > 0
    assert found["streaming"]["clean"].mpjpe_mm < 400
    with pytest.raises(ConfigError, match="lookahead 0"):
        evaluate(sample, both, replace(QUICK, protocols=("clean",), lookahead=2))


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(sample, small_lifter):
    runs = [evaluate(sample, [candidate("ours", small_lifter)], replace(QUICK, seed=seed)) for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0]["ours"]["random:12"].mpjpe_mm != runs[2]["ours"]["random:12"].mpjpe_mm


def test_a_protocol_sees_the_same_cameras_and_noise_whatever_runs_beside_it(sample, small_lifter):
    ours = candidate("ours", small_lifter)
    alone = evaluate(sample, [ours], replace(QUICK, protocols=("random:12",)))
    together = evaluate(sample, [candidate("other", small_lifter), ours], QUICK)
    assert alone["ours"]["random:12"] == together["ours"]["random:12"] == together["other"]["random:12"]


def test_hidden_joints_are_those_of_the_protocol(sample, small_lifter):
    config = replace(QUICK, protocols=("clean", "random:8", "random:16"), min_score=0.0)
    found = evaluate(sample, [candidate("ours", small_lifter)], config)["ours"]
    assert found["clean"].hidden_share == 0
    assert found["random:8"].hidden_share == pytest.approx(8 / 17, abs=0.02)
    assert found["random:16"].hidden_share == pytest.approx(16 / 17, abs=0.02)


def test_weak_keypoints_count_as_hidden(sample, small_lifter):
    """All scores are below 1, and many below 0.7."""
    configs = [replace(QUICK, protocols=("clean",), min_score=low) for low in (0.0, 0.7)]
    found = [evaluate(sample, [candidate("ours", small_lifter)], config)["ours"]["clean"] for config in configs]
    share = [metrics.hidden_share for metrics in found]
    assert share[0] == 0
    assert 0.05 < share[1] < 1


@pytest.mark.parametrize("rate_hz", [10, 15, 60])
def test_every_frame_is_counted_as_lifted_or_skipped(sample, small_lifter, rate_hz):
    config = EvaluationConfig(protocols=("lostframes",), rate_hz=rate_hz, cameras=2)
    found = evaluate(sample, [candidate("ours", small_lifter)], config)["ours"]["lostframes"]
    frames = sum(len(sample.clip(i, rate_hz)[1]) for i in range(len(sample)))
    assert found.frames + found.skipped == 2 * frames
    assert found.skipped < 0.05 * frames


class Oracle(torch.nn.Module):
    """Says which slot it was asked for, as the x of every joint but the root, and is sure of it."""

    def forward(self, x, frame):
        slot = torch.full((len(x), 1), float(frame % x.shape[1]))
        xyz = torch.zeros(len(x), 1, x.shape[2], 3)
        xyz[:, :, 1:, 0] = slot[..., None]
        return {"xyz": xyz, "log_sigma": torch.full(xyz.shape[:3], -20.0)}


def test_lookahead_asks_for_an_older_slot_and_compares_with_the_truth_of_then(sample):
    recordings = record(sample, 0, 30.0, cameras=1, seed=5)
    lifter = Lifter(Oracle(), ModelSpec("oracle", "h36m17", 27, 30.0))
    config = EvaluationConfig(protocols=("clean",), cameras=1, seed=5, lookahead=8)
    found = evaluation._lift_clip(recordings, "clean", [candidate("ours", lifter)], config)["ours"][0]
    np.testing.assert_array_equal(found.truth_m, recordings.truth_m[0, :-8])
    spread = np.linalg.norm(found.predicted_m[:, 1] - found.predicted_m[:, 0], axis=-1)[found.valid]
    np.testing.assert_allclose(spread, 27 - 1 - 8, rtol=1e-4)


def test_lookahead_at_another_rate_than_the_model_compares_between_frames():
    truth_m = np.arange(10.0)[:, None, None] * np.ones((1, 17, 3))
    delayed = evaluation._delayed(truth_m, 3 * 15 / 30)
    np.testing.assert_allclose(delayed[2:, 0, 0], np.arange(0.5, 8.0))
    assert np.isnan(delayed[:2]).all()


def test_the_person_stays_before_the_camera(sample):
    for index in range(len(sample)):
        recordings = record(sample, index, 30.0, cameras=2, seed=1)
        assert recordings.truth_m[..., 2].min() > 0.5
        centre = recordings.truth_m[:, :, 0, :2] / recordings.truth_m[:, :, 0, 2:]
        assert (np.abs(centre) < recordings.half_size[:, None]).mean() > 0.95


def test_without_noise_the_rays_are_those_of_the_truth(sample):
    recordings = record(sample, 0, 30.0, cameras=1, seed=1, noise=detector.PERFECT)
    truth = recordings.truth_m[..., :2] / recordings.truth_m[..., 2:]
    np.testing.assert_allclose(recordings.rays.numpy(), truth, atol=1e-5)


@pytest.mark.parametrize("rate_hz", [15.0, 30.0, 60.0])
def test_slow_noise_lasts_the_same_time_at_any_frame_rate(sample, rate_hz):
    """A third of a second apart: the correlation of the errors is what the slow half and the bias leave of it."""
    noise = replace(detector.STANDARD, bias=0.0, outliers=0.0)
    step = round(rate_hz / 3)
    pairs = []
    for index in range(len(sample)):
        recordings = record(sample, index, rate_hz, cameras=8, seed=1, noise=noise)
        truth = recordings.truth_m[..., :2] / recordings.truth_m[..., 2:]
        error = (recordings.rays.numpy() - truth) * recordings.truth_m[:, :, :1, 2:]
        pairs.append((error[:, :-1].ravel(), error[:, 1:].ravel(), error[:, :-step].ravel(), error[:, step:].ravel()))
    near, far = (np.corrcoef(*(np.concatenate([p[k] for p in pairs]) for k in rows))[0, 1] for rows in ((0, 1), (2, 3)))
    assert near == pytest.approx(0.5 * 0.85 ** (30 / rate_hz), abs=0.05)
    assert far == pytest.approx(0.5 * 0.85**10, abs=0.05)


@pytest.mark.parametrize("protocol", ["random:17", "random:", "nonsense"])
def test_an_unknown_protocol_is_refused_before_any_work(sample, small_lifter, protocol):
    with pytest.raises(ConfigError, match="known are clean, random:8"):
        evaluate(sample, [candidate("ours", small_lifter)], replace(QUICK, protocols=("clean", protocol)))


def test_a_lookahead_beyond_the_window_and_unequal_rates_are_refused(sample, small_lifter, small_network):
    with pytest.raises(ConfigError, match="27 frames, got 27"):
        evaluate(sample, [candidate("ours", small_lifter)], replace(QUICK, lookahead=27))
    slower = Lifter(DTF(small_network.config), ModelSpec("slow", "h36m17", 27, 15.0))
    with pytest.raises(ConfigError, match="same rate"):
        evaluate(sample, [candidate("ours", small_lifter), candidate("slow", slower)], QUICK)
    with pytest.raises(ConfigError, match="rate_hz"):
        EvaluationConfig(rate_hz=5)


def test_a_missing_baseline_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match="--baseline"):
        evaluation.find_baseline(str(tmp_path / "mine.safetensors"))

"""Training of a streaming lifter: sequences, long ones in the end; weights that lift in a pipeline."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.guidance import GuidanceConfig, frames
from pose3d_ros.lab.synthesis.cameras import Views
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.told import EVERYTHING, tell
from pose3d_ros.lab.synthesis.windows import WindowConfig, assemble_sequences
from pose3d_ros.lab.training import config as settings
from pose3d_ros.lab.training import run
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.export import export
from pose3d_ros.models import conditions, registry
from pose3d_ros.models.streaming import StreamingConfig
from pose3d_ros.models.streaming_lifter import StreamingLifter

TINY = StreamingConfig(window=6, channels=16, hidden=32, heads=2, generator_hidden=16, layers=2)


@pytest.fixture
def config(motion_file) -> TrainConfig:
    return TrainConfig(
        name="tiny", recipe="stream", motion=(motion_file.name,), validation=(motion_file.name,), hold_out=("cleo",),
        windows=64, batch=8, draw_batches=2, warmup=8, decay=0.4, ema=0.5, validation_windows=16, newest_weight=0.0,
        precision="fp32", stream=TINY, short=6, data=WindowConfig(frames=12),
    )  # fmt: skip


def test_every_frame_is_seen_as_on_arrival():
    rng = torch.Generator().manual_seed(0)
    xyz = torch.randn(2, 9, 17, 3, generator=rng) * 0.3 + torch.tensor([0.2, 0.0, 3.0])
    rays, score = xyz[..., :2] / xyz[..., 2:], (torch.rand(2, 9, 17, generator=rng) > 0.4).float()
    views = Views(xyz, torch.ones(2), torch.ones(2), xyz / xyz.norm(dim=-1, keepdim=True), torch.ones(2))
    views.up = views.up[:, :, 3]
    told = tell(Rng(1), views, EVERYTHING)
    drawn = assemble_sequences(rays, score, xyz, GuidanceConfig(), told)
    state = frames.start(score[:, 0].numpy())
    for t in range(9):
        state, frame = frames.advance(state, rays[:, t].numpy(), score[:, t].numpy(), GuidanceConfig())
        np.testing.assert_allclose(drawn.inputs[:, t], frame.features, atol=1e-5)
        back = frame.camera.to_camera(drawn.targets[:, t].numpy())
        np.testing.assert_allclose(back, xyz[:, t] - xyz[:, t, :1], atol=1e-5)
        # gravity turns with the virtual camera, too
        up = frame.camera.to_camera(drawn.condition[:, t, :3].numpy())
        np.testing.assert_allclose(up, told.up[:, t], atol=1e-5)


@pytest.mark.parametrize("cut", [2, 5])  # in a piece of several batches; after the sequences became long
def test_a_resumed_run_is_the_uninterrupted_one(config, motion_file, tmp_path, cut):
    whole = run.train(config, motion_file.parent, tmp_path / "whole", resume=False, report_every=4)
    torch.manual_seed(99)  # what the process did before must not matter
    first, _ = run.prepare(config, motion_file.parent, tmp_path / "part")
    for _ in range(cut):
        first.step()
    first.save()
    rest = run.train(config, motion_file.parent, tmp_path / "part", resume=True, report_every=4)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(rest.model.state_dict()[name], value, rtol=0, atol=0)


def test_sequences_are_long_once_the_rate_falls(config, motion_file, tmp_path):
    trainer, _ = run.prepare(config, motion_file.parent, tmp_path)
    lengths = []
    while trainer.windows_seen < config.windows:
        lengths.append((trainer.learning_rate() < config.learning_rate, trainer.draw(1)[0].shape[1]))
        trainer.windows_seen += config.batch
    assert {length for falls, length in lengths[1:] if not falls} == {6}
    assert {length for falls, length in lengths if falls and length > 6} == {12}
    alike, _ = run.prepare(replace(config, short=0), motion_file.parent, tmp_path)
    assert alike.draw(1)[0].shape[1] == 12


def test_it_learns_and_its_weights_are_a_streaming_lifter(config, motion_file, tmp_path):
    config = replace(config, windows=1600, batch=32, learning_rate=0.02, warmup=64)
    seen = []
    run.train(config, motion_file.parent, tmp_path / "run", False, report_every=10, on_report=seen.append)
    assert seen[-1]["loss"] < 0.6 * seen[0]["loss"]
    done = export(tmp_path / "run", motion_file.parent, tmp_path / "weights", windows=16)
    assert done.metrics["mpjpe_mm clean"] < 400
    lifter = registry.load(done.weights)
    assert isinstance(lifter, StreamingLifter)
    assert lifter.spec.frames == TINY.window
    assert lifter.spec.sigma_seen == done.spec.sigma_seen != 1
    lifter.warm_up()
    assert "recipe: stream" in done.card.read_text()


def test_the_shipped_settings_load():
    path = Path(__file__).parents[3] / "config" / "train" / "body_stream.yaml"
    loaded = settings.load(path)
    assert (loaded.recipe, loaded.stream.window, loaded.short, loaded.data.frames) == ("stream", 32, 32, 64)


@pytest.fixture
def with_feet(config) -> TrainConfig:
    return replace(config, skeleton="body19", stream=replace(TINY, joints=19, condition=conditions.SIZE, bones=11))


def test_a_lifter_with_feet_that_may_be_told_more(with_feet, motion_file, tmp_path):
    run.train(with_feet, motion_file.parent, tmp_path / "run", False, report_every=4)
    done = export(tmp_path / "run", motion_file.parent, tmp_path / "weights", windows=16)
    lifter = registry.load(done.weights)
    assert lifter.spec.skeleton == "body19"
    assert lifter.spec == done.spec
    assert "known bodies" in done.card.read_text()  # the file is the one learned from
    lifter.warm_up()
    inputs, _, condition = run.prepare(with_feet, motion_file.parent, tmp_path / "run")[0].draw(4)
    with torch.inference_mode():
        alone, told = lifter.network(inputs), lifter.network(inputs, None, condition)
        nothing = lifter.network(inputs, None, torch.zeros_like(condition))
    torch.testing.assert_close(nothing, alone)  # what is absent is zero
    assert float((told["xyz"] - alone["xyz"]).abs().max()) > 1e-4
    assert told["bones"].shape == told["log_sigma_bones"].shape == (4, inputs.shape[1], len(conditions.NAMES))


def test_frame_after_frame_is_the_whole_sequence_also_where_more_is_told(with_feet, motion_file, tmp_path):
    trainer, _ = run.prepare(with_feet, motion_file.parent, tmp_path)
    torch.nn.init.normal_(trainer.model.condition[2].weight)
    inputs, _, condition = trainer.draw(3)
    state = trainer.model.start(3)
    with torch.inference_mode():
        whole = trainer.model(inputs, None, condition)
        for t in range(inputs.shape[1]):
            out, state = trainer.model.step(inputs[:, t], state, condition[:, t])
            torch.testing.assert_close(out["xyz"][:, 0], whole["xyz"][:, t], atol=2e-5, rtol=1e-4)


def test_a_process_beside_makes_the_same_windows(with_feet, motion_file, tmp_path):
    alone, _ = run.prepare(with_feet, motion_file.parent, tmp_path)
    beside, _ = run.prepare(replace(with_feet, worker=True), motion_file.parent, tmp_path)
    for _ in range(5):
        for mine, theirs in zip(next(alone._batches), next(beside._batches), strict=True):
            torch.testing.assert_close(theirs, mine, rtol=0, atol=0, equal_nan=True)


def test_weights_before_the_end_of_a_run_which_goes_on_afterwards(config, motion_file, tmp_path):
    long = replace(config, windows=1000)
    trainer, _ = run.prepare(long, motion_file.parent, tmp_path)
    for _ in range(4):
        trainer.step()
    trainer.save()
    before = torch.load(tmp_path / "state.pt", weights_only=True)
    folder, ends = run.finish(long, motion_file.parent, tmp_path, 32, report_every=2)
    assert ends.windows == 4 * 8 + 32
    rates = [json.loads(line)["lr"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0
    after = torch.load(tmp_path / "state.pt", weights_only=True)
    assert after["windows_seen"] == before["windows_seen"] == 32
    run.finish(long, motion_file.parent, tmp_path, 32)  # once at the end it stays there
    assert torch.load(folder / "state.pt", weights_only=True)["windows_seen"] == 64
    with pytest.raises(ConfigError, match=r"state\.pt"):
        run.finish(long, motion_file.parent, tmp_path / "nothing", 32)

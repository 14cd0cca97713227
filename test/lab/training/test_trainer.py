"""The loop: fixed by its seed, resumable; settings from YAML; weights that load."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError, InputError
from pose3d_ros.geometry.hand import TIPS
from pose3d_ros.lab.synthesis import motion
from pose3d_ros.lab.synthesis.windows import WindowConfig
from pose3d_ros.lab.training import config as settings
from pose3d_ros.lab.training import run
from pose3d_ros.lab.training.calibration import sigma_factor
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.export import export
from pose3d_ros.lab.training.losses import aperture_loss, pose_loss, sigma_loss
from pose3d_ros.lab.training.norms import refresh
from pose3d_ros.lab.training.people import people
from pose3d_ros.models import ModelSpec, registry
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.stages.bodies import unseen_s

TINY = DTFConfig(
    frames=9, channels=16, hidden=32, heads=2, generator_layers=1, generator_heads=3, dropout=0.1, drop_path=0.1,
    uncertainty=True,
)  # fmt: skip
CONFIG_DIR = Path(__file__).parents[3] / "config" / "train"


@pytest.fixture
def config(motion_file) -> TrainConfig:
    return TrainConfig(
        name="tiny", motion=(motion_file.name,), validation=(motion_file.name,), hold_out=("cleo",), windows=64,
        batch=8, warmup=8, ema=0.5, validation_windows=16, precision="fp32", model=TINY, data=WindowConfig(frames=9),
    )  # fmt: skip


@pytest.fixture
def data(motion_file) -> Path:
    return motion_file.parent


def weights(trainer):
    return torch.cat([value.detach().flatten() for value in trainer.model.state_dict().values()])


def test_same_seed_same_weights(config, data, tmp_path):
    trainers = [run.prepare(c, data, tmp_path)[0] for c in (config, config, replace(config, seed=2))]
    for trainer in trainers:
        torch.manual_seed(config.seed)
        for _ in range(3):
            trainer.step()
    torch.testing.assert_close(weights(trainers[0]), weights(trainers[1]), rtol=0, atol=0)
    assert not torch.equal(weights(trainers[0]), weights(trainers[2]))


@pytest.mark.parametrize("draw_batches", [1, 3])
def test_resumed_is_uninterrupted(config, data, tmp_path, draw_batches):
    config = replace(config, draw_batches=draw_batches)
    whole = run.train(config, data, tmp_path / "whole", resume=False, report_every=4)
    # cut off in the middle, at a report
    torch.manual_seed(99)  # what the process did before must not matter
    first, _ = run.prepare(config, data, tmp_path / "part")
    for _ in range(4):
        first.step()
    first.save()
    torch.manual_seed(98)
    rest = run.train(config, data, tmp_path / "part", resume=True, report_every=4)
    assert rest.windows_seen == whole.windows_seen == 64
    torch.testing.assert_close(weights(rest), weights(whole), rtol=0, atol=0)
    torch.testing.assert_close(dict(rest.average.state_dict()), dict(whole.average.state_dict()), rtol=0, atol=0)


def test_log_and_state(config, data, tmp_path):
    seen = []
    run.train(config, data, tmp_path, resume=False, report_every=3, on_step=seen.append)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["windows"] for line in lines] == [24, 48, 64]
    assert seen == list(range(8, 65, 8))
    assert "mpjpe_mm clean" in lines[-1]
    # the last report covers two steps only: its mean must be theirs
    assert 0.1 < lines[-1]["loss"] / lines[-2]["loss"] < 3
    with pytest.raises(ConfigError, match="resume"):
        run.train(config, data, tmp_path, resume=False)


def test_training_learns(config, data, tmp_path):
    longer = replace(
        config, windows=8000, batch=32, learning_rate=1e-2, warmup=160, model=replace(TINY, dropout=0.0, drop_path=0.0)
    )
    trainer, _ = run.prepare(longer, data, tmp_path)
    losses = [trainer.step()["loss"].item() for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_learning_rate_rises_stays_and_falls(config, data, tmp_path):
    long = replace(config, windows=1000, warmup=100, batch=10, decay=0.5, learning_rate=1.0)
    trainer, _ = run.prepare(long, data, tmp_path)
    rates = {}
    for trainer.windows_seen in (0, 40, 90, 300, 500, 750, 1000):
        rates[trainer.windows_seen] = trainer.learning_rate()
    assert rates == pytest.approx({0: 0.1, 40: 0.5, 90: 1.0, 300: 1.0, 500: 1.0, 750: 0.5, 1000: 0.0})


def test_pose_loss():
    target = torch.rand(2, 5, 17, 3)
    shifted = target + torch.tensor([0.3, 0.0, 0.4])
    loss, error = pose_loss(shifted, target, 0.5, 1.0)
    assert float(loss) == pytest.approx(0.5, abs=1e-5)  # a constant shift has no velocity error
    torch.testing.assert_close(error, torch.full((2, 5, 17), 0.5))


def test_sigma_is_the_68_percent_quantile():
    """At the minimum of its loss, 68 % of the errors lie below sigma."""
    error = torch.from_numpy(np.random.default_rng(0).rayleigh(0.05, 20000).astype(np.float32))
    log_sigma = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.Adam([log_sigma], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        sigma_loss(log_sigma, error).backward()
        optimizer.step()
    inside = (error < log_sigma.exp()).float().mean()
    assert float(inside) == pytest.approx(0.68, abs=0.02)


def test_sigma_factor():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.01, 0.1, 50000)
    error = sigma * rng.rayleigh(2.0, 50000)
    factor = sigma_factor(error, sigma)
    assert np.mean(error <= factor * sigma) == pytest.approx(0.68, abs=0.002)
    assert sigma_factor(np.zeros(0), np.zeros(0)) == 1.0


def test_export_round_trip(config, data, tmp_path):
    trainer = run.train(
        replace(config, data=WindowConfig(frames=9, rate_hz=25.0)), data, tmp_path / "run", resume=False
    )
    done = export(tmp_path / "run", data, tmp_path / "weights", windows=64)
    lifter = registry.load(done.weights)
    assert lifter.spec == done.spec
    assert (lifter.spec.frames, lifter.spec.rate_hz) == (9, 25.0)
    assert lifter.spec.sigma_seen != 1.0
    assert lifter.spec.sigma_hidden != 1.0
    inputs = lifter.spec.example(2)
    averaged = trainer.network.eval()(torch.from_numpy(inputs), frame=-1)["xyz"][:, 0].detach()
    np.testing.assert_allclose(lifter(inputs).xyz_m, (averaged - averaged[:, :1]).numpy(), atol=1e-5)
    card = done.card.read_text()
    for text in ("anna", "cleo", "free for all uses", "made by a formula", "Apache-2.0", "| random:16 |", "64 windows"):
        assert text in card
    assert str(tmp_path) not in card
    assert (tmp_path / "weights" / "SHA256SUMS").read_text().split()[1] == "tiny.safetensors"


def test_the_average_soon_forgets_the_initial_weights(config, data, tmp_path):
    trainer = run.train(replace(config, ema=0.999, learning_rate=0.0), data, tmp_path, resume=False)
    first = next(trainer.model.parameters())
    with torch.no_grad():
        first.fill_(7.0)
    for _ in range(200):
        trainer.average.update_parameters(trainer.model)
    assert (next(trainer.average.module.parameters()) - 7).abs().max() < 0.05


def test_refreshed_norms_are_those_of_the_batches():
    network = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    batches = [(torch.randn(500, 3) * 4 + 5,) for _ in range(3)]
    network(torch.randn(8, 3))
    refresh(network, batches)
    np.testing.assert_allclose(network[0].running_mean, torch.cat([part for (part,) in batches]).mean(0), rtol=1e-4)
    np.testing.assert_allclose(network[0].running_var, torch.cat([part for (part,) in batches]).var(0), rtol=1e-2)
    assert network[0].momentum == 0.1
    assert not network.training


def test_export_of_nothing(config, data, tmp_path):
    with pytest.raises(CheckpointError, match=r"run\.json"):
        export(tmp_path, data, tmp_path)
    with pytest.raises(CheckpointError, match=r"state\.pt"):
        export(tmp_path, data, tmp_path, config)


@pytest.mark.parametrize("path", sorted(CONFIG_DIR.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_settings(path):
    config = settings.load(path)
    network = run.trainer_of(config).new_network(config)
    if isinstance(network, DTF):
        assert network.config.frames == config.data.frames
    assert yaml.safe_load(path.read_text())["name"] == config.name


def test_settings_keep_what_they_say(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("learning_rate: 1e-4\nsource_weights: {K1: 0.5}\nhold_out: [a, b]\ndata: {guidance: {f_past: 9}}\n")
    config = settings.load(path)
    assert config.learning_rate == 1e-4
    assert dict(config.source_weights) == {"K1": 0.5}
    assert config.hold_out == ("a", "b")
    assert config.data.guidance.f_past == 9
    assert config.data.guidance.f_future == 40
    again = settings.build(TrainConfig, json.loads(json.dumps(settings.as_dict(config))), "again")
    assert again == config


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("speed: 3", "speed"),
        ("data: {guidance: {reach: 3}}", "reach"),
        ("batch: many", "batch"),
        ("hold_out: cmu01", "hold_out"),
        ("data: {frames: 81}", "frames"),
        ("batch: 0", "at least 1"),
        ("a: [", "YAML"),
    ],
)
def test_wrong_settings(tmp_path, text, match):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=match):
        settings.load(path)


def test_wrong_people_and_devices(config, data, tmp_path):
    with pytest.raises(ConfigError, match="zoe"):
        run.people(replace(config, hold_out=("zoe",)), data)
    with pytest.raises(InputError, match="nowhere"):
        run.people(replace(config, motion=("nowhere.npz",)), data)
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="cuda"):
            run.train(replace(config, device="cuda"), data, tmp_path, resume=False)


def test_aperture_loss_sees_what_the_joint_error_does_not():
    hand = torch.zeros(1, 1, 21, 3)
    hand[..., TIPS[0], 0], hand[..., TIPS[1:], 0] = 0.04, -0.04
    moved, closed = hand + 0.02, 0.75 * hand  # the same joint error at the tips, but only one is another grip
    assert float(aperture_loss(moved, hand)) == pytest.approx(0, abs=1e-6)
    assert float(aperture_loss(closed, hand)) == pytest.approx(0.02, abs=1e-6)


def test_sigma_grows_with_the_time_since_a_joint_was_seen():
    aged = ModelSpec("aged", "h36m17", 27, 30.0, sigma_seen=0.8, sigma_hidden=9.0, sigma_ages=((0.1, 1.0), (0.5, 2.0)))
    seen, unseen_s = np.array([True, False, False, False]), np.array([0.0, 0.05, 0.3, 5.0])
    np.testing.assert_allclose(aged.calibrated(np.ones(4), seen, unseen_s), [0.8, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(aged.calibrated(np.ones(4), seen), [0.8, 9.0, 9.0, 9.0])


def test_how_long_a_joint_was_not_seen():
    score = np.ones((1, 4, 3))
    score[0, 2:, 1] = 0  # hidden since two slots
    score[0, :, 2] = 0  # never seen
    np.testing.assert_allclose(unseen_s(score, -1, 10.0), [[0, 0.2, 0.4]])
    np.testing.assert_allclose(unseen_s(score, -2, 10.0), [[0, 0.1, 0.4]])


def test_sigma_is_calibrated_on_the_held_out_and_on_files_beside(config, data):
    known = people(replace(config, calibration=config.validation), data)
    assert sorted(known.held_out.subjects) == ["anna", "bert", "cleo", "cleo"]
    assert "cleo" not in known.training.subjects
    clip = known.held_out.subjects.index("anna")
    joints, root = known.held_out.clip(clip, 30.0)
    wanted = motion.load([data / config.validation[0]]).clip(0, 30.0)
    torch.testing.assert_close((joints, root), wanted, rtol=0, atol=0)

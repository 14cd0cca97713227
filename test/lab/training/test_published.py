"""The paper's recipe on a made-up data set of the same layout."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.synthesis.windows import WindowConfig
from pose3d_ros.lab.training import run
from pose3d_ros.lab.training.config import PublishedConfig, TrainConfig
from pose3d_ros.lab.training.published import mirrored
from pose3d_ros.models.dtf import DTFConfig

TINY = DTFConfig(frames=9, channels=16, hidden=32, heads=2, generator_layers=1, generator_heads=3)


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)

    def view(frames):
        return {"data_3d": rng.normal(0, 300, (frames, 17, 3)), "data_2d": rng.uniform(0, 2048, (frames, 17, 2))}

    train = {"S1 Seq1": [{"0": view(20), "1": view(11)}]}
    test = {"TS1": view(12) | {"valid": np.arange(12) % 2}}
    np.savez(tmp_path / "data_train_3dhp.npz", data=np.array(train, dtype=object))
    np.savez(tmp_path / "data_test_3dhp.npz", data=np.array(test, dtype=object))
    paper = PublishedConfig(dataset="mpi_inf_3dhp", epochs=6, trust_pickle=True)
    return TrainConfig(
        recipe="published", batch=16, ema=0.0, precision="fp32", newest_weight=0, velocity_weight=0, model=TINY,
        data=WindowConfig(frames=9), published=paper,
    )  # fmt: skip


def test_an_epoch_is_every_frame_and_its_mirror_image(config, tmp_path):
    trainer, _ = run.prepare(config, tmp_path, tmp_path)
    assert trainer.config.windows == 6 * 2 * 31
    centres = []
    while trainer.epoch == 0:
        _, targets = trainer.draw(config.batch)
        centres.append(targets[:, 4])
        trainer.windows_seen += len(targets)
    assert trainer.windows_seen == 62
    once = torch.cat((trainer.frames.targets, mirrored(trainer.frames.targets[None], True)[0]))
    distance = torch.cdist(torch.cat(centres).flatten(1), once.flatten(1))
    assert sorted(distance.argmin(1).tolist()) == list(range(62))


def test_windows_stay_within_their_video(config, tmp_path):
    trainer, _ = run.prepare(config, tmp_path, tmp_path)
    _, targets = trainer.frames.windows(torch.tensor([0, 19, 20]), False)
    everything = trainer.frames.targets
    torch.testing.assert_close(targets[0, :5], everything[:1].expand(5, -1, -1))
    torch.testing.assert_close(targets[1, 4:], everything[19:20].expand(5, -1, -1))
    torch.testing.assert_close(targets[2, :5], everything[20:21].expand(5, -1, -1))


def test_learning_rate_decays_per_epoch(config, tmp_path):
    trainer, _ = run.prepare(config, tmp_path, tmp_path)
    rates = []
    for epoch in range(7):
        trainer.windows_seen = 62 * epoch
        rates.append(trainer.learning_rate() / config.learning_rate)
    assert rates == pytest.approx([1, 0.95, 0.95**2, 0.95**3, 0.95**4, 0.5 * 0.95**4, 0.5 * 0.95**5])
    assert trainer.optimizer.defaults["amsgrad"]


def test_mirrored_twice_is_the_same():
    x = torch.rand(4, 9, 17, 3)
    torch.testing.assert_close(mirrored(mirrored(x, True), True), x)
    torch.testing.assert_close(mirrored(x, torch.tensor([False, True, False, True]))[::2], x[::2])


def test_it_runs_and_reports_both_protocols(config, tmp_path):
    short = replace(config, published=replace(config.published, epochs=1))
    reports = []
    run.train(short, tmp_path, tmp_path / "run", resume=False, report_every=2, on_report=reports.append)
    assert reports[-1]["windows"] == 62
    assert 0 < reports[-1]["p2_mm"] <= reports[-1]["p1_mm"] < 3000


def test_pickles_need_consent(config, tmp_path):
    wary = replace(config, published=replace(config.published, trust_pickle=False))
    with pytest.raises(ConfigError, match="trust_pickle"):
        run.prepare(wary, tmp_path, tmp_path)

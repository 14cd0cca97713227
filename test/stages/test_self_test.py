"""Weights that go wrong in memory are noticed, and loaded again; weights that say nonsense are not taken at all."""

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import CheckpointError, EngineError
from pose3d_ros.models import ModelSpec, checkpoint, registry
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig
from pose3d_ros.stages.self_test import FAILED, RELOADED, SelfTest


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def loaded(standing_weights):
    return lambda: registry.load_lifter(standing_weights)


def spoil(lifter):
    with torch.no_grad():
        lifter.network.regression.bias[40] += 0.1


def test_a_lifter_that_stays_as_it_was_is_asked_now_and_then(loaded, clock, monkeypatch):
    test = SelfTest(loaded(), None, clock)
    asked = []
    monkeypatch.setattr(test, "_answer", lambda answer=test._answer: asked.append(1) or answer())
    for _ in range(100):
        assert test.trusted() == (True, [])
        clock.now_s += 0.033
    assert 2 <= len(asked) <= 15


def test_one_that_went_wrong_is_loaded_again(loaded, clock):
    test = SelfTest(first := loaded(), lambda elsewhere: loaded(), clock)
    spoil(first)
    clock.now_s = 1.0
    assert test.trusted() == (True, [FAILED, RELOADED])
    assert test.lifter is not first
    clock.now_s = 2.0
    assert test.trusted() == (True, [])


def test_where_the_engine_is_wrong_the_next_one_is_taken(loaded, clock):
    asked = []

    def reopen(elsewhere):
        asked.append(elsewhere)
        lifter = loaded()
        if not elsewhere:
            spoil(lifter)
        return lifter

    test = SelfTest(first := loaded(), reopen, clock)
    spoil(first)
    clock.now_s = 1.0
    assert test.trusted() == (True, [FAILED, RELOADED])
    assert asked == [False, True]


def test_nothing_is_believed_while_nothing_can_be_loaded_and_it_is_tried_again(loaded, clock):
    broken = [EngineError("no memory")] * 2

    def reopen(elsewhere):
        if broken:
            raise broken.pop()
        return loaded()

    test = SelfTest(first := loaded(), reopen, clock)
    spoil(first)
    clock.now_s = 1.0
    assert test.trusted() == (False, [FAILED])
    clock.now_s = 2.0
    assert test.trusted() == (False, [])
    clock.now_s = 10.0
    assert test.trusted() == (True, [FAILED, RELOADED])


@pytest.mark.parametrize(("change", "words"), [
    (lambda w: w.fill_(0), "answer with skeletons of 0 to 0 m"),
    (lambda w: w.fill_(float("nan")), "are not finite"),
    (lambda w: w.fill_(3e5).view(-1)[::2].neg_(), "answer with skeletons of"),
])  # fmt: skip
def test_weights_by_path_that_say_nonsense_are_refused_at_configure(tmp_path, change, words):
    network = DTF(DTFConfig(frames=9, channels=16, hidden=16, heads=2, generator_layers=1, layers=2))
    with torch.no_grad():
        for parameter in network.regression.parameters():
            change(parameter)
    path = tmp_path / "mine.safetensors"
    checkpoint.save(path, network, ModelSpec("mine", "h36m17", 9, 30.0))
    config = PipelineConfig(body=BodyConfig(weights=str(path), device="cpu"), hands=HandConfig(weights=""))
    with pytest.raises(CheckpointError, match=words):
        Pipeline(config)


def test_an_absurd_rate_is_refused():
    with pytest.raises(Exception, match="rate"):
        ModelSpec("slow", "h36m17", 27, 1e-9)


def test_a_flipped_weight_is_noticed_by_the_pipeline_and_mended(standing_weights, monkeypatch):
    config = PipelineConfig(
        body=BodyConfig(weights=str(standing_weights), device="cpu", backend="torch"), hands=HandConfig(weights="")
    )
    pipeline, clock = Pipeline(config), Clock()
    ((_, test),) = pipeline.tests.tests
    monkeypatch.setattr(test, "_clock", clock)
    first = pipeline.bodies.lifter
    spoil(first)
    clock.now_s = 1e9
    assert pipeline.tests.look() == [FAILED, RELOADED]
    assert pipeline.bodies.lifter is not first
    rays = np.zeros((1, 9, 17, 2), np.float32)
    assert np.isfinite(pipeline.bodies.lifter.run_slot(rays, np.ones((1, 9, 17), np.float32)).lifted.xyz_m).all()

"""A model that one file adds goes through weights, engines, the pipeline and the evaluation like those shipped."""

from pathlib import Path

import numpy as np
import pytest
from pose3d_testing.toy_model import Toy, ToyConfig, ToyLifter

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.engines import EngineCache, EngineOptions, open_lifter
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig
from pose3d_ros.lab.evaluation.report import evaluate_motion
from pose3d_ros.models import ModelSpec, checkpoint, kinds, registry

SAMPLE = Path(__file__).parents[1] / "data" / "motion_sample.npz"


@pytest.fixture
def weights(tmp_path) -> str:
    path = tmp_path / "toy.safetensors"
    checkpoint.save(path, Toy(ToyConfig()), ModelSpec("toy", "h36m17", 5, 30.0))
    return str(path)


def test_it_is_loaded_by_the_name_in_its_weights(weights):
    assert {"dtf", "extpose", "streaming_dtf", "toy"} <= set(kinds.names())
    model = registry.load(weights)
    assert type(model) is ToyLifter
    assert (model.takes, model.keeps_state, model.network.config) == ("keypoints", False, ToyConfig())
    assert kinds.plugins() == [ToyLifter.__module__]  # for the process that builds engines


def test_it_runs_on_an_engine_and_says_the_same(weights, tmp_path):
    eager, lifter = (
        registry.load(weights),
        open_lifter(weights, EngineOptions("cpu"), True, EngineCache(tmp_path / "engines")),
    )
    assert lifter.engine.info.name != "torch" or "torch" in lifter.description
    inputs = lifter.spec.example(3)
    np.testing.assert_allclose(lifter(inputs).xyz_m, eager(inputs).xyz_m, atol=1e-5)
    lifter.close()


def test_it_is_evaluated(weights):
    report = evaluate_motion(SAMPLE, weights, "none", EvaluationConfig(clips=1, cameras=1, protocols=("clean",)))
    assert report["lifter"]["clean"]["frames"] > 0
    assert np.isfinite(report["lifter"]["clean"]["mpjpe_mm"])


def test_a_network_that_nothing_runs_is_refused(tmp_path):
    class Unknown(Toy):
        pass

    with pytest.raises(CheckpointError, match="Unknown: no registered model"):
        checkpoint.save(tmp_path / "u.safetensors", Unknown(ToyConfig()), ModelSpec("u", "h36m17", 5, 30.0))


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'dtf' is taken by"):
        kinds.register("dtf", Toy, ToyConfig)(ToyLifter)


def test_what_keeps_its_state_in_torch_has_no_program(weights, monkeypatch):
    monkeypatch.setattr(ToyLifter, "program", lambda self, origin=None: None)
    with pytest.raises(ConfigError, match="takes no engine"):
        registry.program(weights)
    lifter = open_lifter(weights, EngineOptions("cpu"))
    assert (lifter.engine, type(lifter)) == (None, ToyLifter)

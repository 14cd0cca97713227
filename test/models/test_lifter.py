"""`Lifter`: arrays in and out, rows of people, bounded sigma, the end of its life."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError, EngineError, FormatError, InputError
from pose3d_ros.models import Lifter, ModelSpec
from pose3d_ros.models.dtf import DTF, DTFConfig

SPEC = ModelSpec("tiny", "h36m17", 9, 30.0)
CONFIG = DTFConfig(
    frames=9, channels=16, hidden=16, heads=2, generator_layers=1, generator_heads=3, layers=2, uncertainty=True
)


def lifter(**changes) -> Lifter:
    torch.manual_seed(0)
    return Lifter(DTF(replace(CONFIG, **changes)), SPEC)


def test_shapes_types_and_the_root_in_the_origin():
    lifted = lifter()(SPEC.example(3))
    assert lifted.xyz_m.shape == (3, 17, 3)
    assert lifted.sigma_m.shape == (3, 17)
    assert lifted.xyz_m.dtype == lifted.sigma_m.dtype == np.float32
    assert (lifted.xyz_m[:, 0] == 0).all()
    assert np.abs(lifted.xyz_m).max() > 1e-3


def test_a_row_is_that_person_alone():
    made, inputs = lifter(), SPEC.example(4)
    together = made(inputs)
    for person in range(4):
        alone = made(inputs[person : person + 1])
        np.testing.assert_allclose(alone.xyz_m[0], together.xyz_m[person], atol=1e-5)
        np.testing.assert_allclose(alone.sigma_m[0], together.sigma_m[person], rtol=1e-4)


def test_other_slots():
    made, inputs = lifter(), SPEC.example()
    assert not np.allclose(made(inputs, frame=0).xyz_m, made(inputs).xyz_m)
    np.testing.assert_allclose(made(inputs, frame=8).xyz_m, made(inputs).xyz_m, atol=1e-6)


@pytest.mark.parametrize(("log_sigma", "metres"), [(1e4, 10), (-1e4, 1e-4), (-3.0, np.exp(-3))])
def test_sigma_stays_finite_and_positive(log_sigma, metres):
    made = lifter()
    made.network.uncertainty.weight.zero_()
    made.network.uncertainty.bias.fill_(log_sigma)
    np.testing.assert_allclose(made(SPEC.example()).sigma_m, metres, rtol=1e-5)


def test_a_network_without_uncertainty_says_a_plain_guess():
    sigma_m = lifter(uncertainty=False)(SPEC.example()).sigma_m
    assert (sigma_m == np.float32(0.1)).all()


def test_dropout_is_off():
    made, inputs = lifter(), SPEC.example()
    np.testing.assert_array_equal(made(inputs).xyz_m, made(inputs).xyz_m)


def test_half_precision_is_close():
    half = lifter()
    half = Lifter(half.network, SPEC, "cpu", "fp16")
    np.testing.assert_allclose(half(SPEC.example()).xyz_m, lifter()(SPEC.example()).xyz_m, atol=2e-2)
    assert "float16" in half.description


def test_wrong_shape_says_expected_and_got():
    with pytest.raises(InputError, match=r"tiny: expected inputs \(2, 9, 17, 3\), got \(2, 27, 17, 3\)"):
        lifter()(np.zeros((2, 27, 17, 3), np.float32))


def test_closed():
    made = lifter()
    made.warm_up(2)
    made.close()
    made.close()
    with pytest.raises(EngineError, match="tiny: this lifter was closed; load it again"):
        made(SPEC.example())


@pytest.mark.parametrize(("device", "precision", "words"), [
    ("gpu", "fp32", "device: expected auto, cpu, cuda or cuda:N, got 'gpu'"),
    ("meta", "fp32", "device: expected auto"),
    ("cpu", "int8", "precision: expected fp32 or fp16, got 'int8'"),
])  # fmt: skip
def test_impossible_settings(device, precision, words):
    with pytest.raises(ConfigError, match=words):
        Lifter(DTF(CONFIG), SPEC, device, precision)


def test_a_gpu_that_is_not_there():
    with pytest.raises(EngineError, match=r"sees .* GPUs here; use device auto or cpu"):
        Lifter(DTF(CONFIG), SPEC, "cuda:97")


def test_example_is_always_the_same_and_fits():
    np.testing.assert_array_equal(SPEC.example(2), SPEC.example(2))
    assert SPEC.example(2).shape == SPEC.input_shape(2)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"skeleton": "octopus"}, FormatError), ({"rate_hz": float("nan")}, ConfigError), ({"frames": 0}, ConfigError),
     ({"sigma_hidden": 0.0}, ConfigError)],
)  # fmt: skip
def test_impossible_spec(change, error):
    with pytest.raises(error):
        replace(SPEC, **change)

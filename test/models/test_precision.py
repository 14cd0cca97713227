"""Half precision where it is harmless."""

import numpy as np
import pytest
import torch

from pose3d_ros.models import registry
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.models.precision import place


def test_what_a_network_names_exact_stays_in_fp32():
    network = place(DTF(DTFConfig(channels=32, hidden=32, heads=4, uncertainty=True)), "cpu", torch.float16)
    exact = {name for name, value in network.state_dict().items() if value.dtype == torch.float32}
    assert {name.split(".")[0] for name in exact} == {"norm", "regression_norm", "regression", "uncertainty"}
    out = network.eval()(torch.zeros(1, 27, 17, 3, dtype=torch.float16))
    assert out["xyz"].dtype == out["log_sigma"].dtype == torch.float32


@pytest.mark.parametrize("name", ["body_dtf27", "hand_dtf27"])
def test_the_shipped_lifters_in_half_precision(name):
    full, half = registry.load(name), registry.load(name, precision="fp16")
    windows = full.spec.example(16)
    off_mm = 1e3 * np.linalg.norm(full(windows).xyz_m - half(windows).xyz_m, axis=-1)
    assert 0 < off_mm.mean() < 1
    assert off_mm.max() < 5

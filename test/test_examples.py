"""What the examples show runs as shown, here with a network of random weights."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def weights(tmp_path):
    import torch

    from pose3d_ros.models import ModelSpec, checkpoint
    from pose3d_ros.models.dtf import DTF, DTFConfig

    torch.manual_seed(0)
    config = DTFConfig(channels=16, hidden=16, heads=2, generator_layers=1, layers=2, uncertainty=True)
    checkpoint.save(tmp_path / "tiny.safetensors", DTF(config).eval(), ModelSpec("tiny", "h36m17", 27, 30.0))
    return tmp_path / "tiny.safetensors"


def test_lift_array(tmp_path, weights):
    keypoints = np.random.default_rng(0).uniform(200, 500, (1, 17, 3)) + np.arange(6)[:, None, None]
    keypoints[..., 2] = 0.9
    keypoints[3, 5:9] = np.nan
    np.save(tmp_path / "keypoints.npy", keypoints)
    run = subprocess.run(
        [sys.executable, ROOT / "examples" / "lift_array.py", tmp_path / "keypoints.npy", "--weights", weights],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"frame {i}" for i in range(6)]
    assert all("pelvis at [" in line for line in lines)

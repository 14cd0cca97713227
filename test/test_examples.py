"""What the examples show runs as shown, here with a network of random weights."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).parents[1]


def example(name: str, *arguments: object) -> list[str]:
    """The lines that examples/NAME.py prints."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py", *map(str, arguments)], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "POSE3D_ROS_ENGINES": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.fixture
def weights(tmp_path):
    import torch

    from pose3d_ros.models import ModelSpec, checkpoint
    from pose3d_ros.models.dtf import DTF, DTFConfig

    torch.manual_seed(0)
    config = DTFConfig(channels=16, hidden=16, heads=2, generator_layers=1, layers=2, uncertainty=True)
    checkpoint.save(tmp_path / "tiny.safetensors", DTF(config).eval(), ModelSpec("tiny", "h36m17", 27, 30.0))
    return tmp_path / "tiny.safetensors"


def test_array(tmp_path, weights):
    keypoints = np.random.default_rng(0).uniform(200, 500, (1, 17, 3)) + np.arange(6)[:, None, None]
    keypoints[..., 2] = 0.9
    keypoints[3, 5:9] = np.nan
    np.save(tmp_path / "keypoints.npy", keypoints)
    lines = example("1_array", tmp_path / "keypoints.npy", "--weights", weights)
    assert [line.split(":")[0] for line in lines] == [f"frame {i}" for i in range(6)]
    assert all("pelvis at [" in line for line in lines)


def test_video_file(tmp_path):
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (640, 480))
    for _ in range(4):
        writer.write(np.zeros((480, 640, 3), np.uint8))
    writer.release()
    video, own = (runpy.run_path(str(ROOT / "examples" / f"{name}.py")) for name in ("2_video_file", "3_own_detector"))
    found = list(video["lift"](tmp_path / "v.avi", own["MyDetector"]()))
    assert [round(one.stamp_ns / 1e7) for one in found] == [0, 3, 7, 10]
    assert [len(one.people) for one in found] == [1] * 4


def test_own_detector():
    (line,) = example("3_own_detector")
    assert line.startswith("left wrist at [")


def test_hands_to_gripper():
    lines = example("4_hands_to_gripper", "--stroke", "0.085")
    assert len(lines) > 20
    assert all(0 <= float(line.split("open ")[1].split(" mm")[0]) <= 85 for line in lines)


def test_bag_report():
    lines = example("5_bag_report")
    assert any(line.startswith("metrics: mpjpe_mm ") for line in lines)
    assert any(line.startswith("quality: coverage ") for line in lines)


def test_own_weights(tmp_path):
    (line,) = example("6_own_weights", tmp_path / "flat.safetensors")
    assert line.startswith("pelvis at [")


def test_every_numbered_example_is_tested():
    tested = Path(__file__).read_text()
    for path in sorted((ROOT / "examples").glob("[0-9]*.py")):
        assert f'"{path.stem}"' in tested, path.name

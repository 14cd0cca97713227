"""What all tests share."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

# These layers need torch. A robot's package manager does not bring it, and `colcon test` must still test the rest.
NEED_TORCH = ["models", "engines", "stages", "pipeline", "lab/synthesis", "lab/evaluation", "lab/training"]
NEED_TORCH += ["robustness"]
ALSO = ["cli/test_doctor.py", "cli/test_engine.py", "geometry/test_crop.py", "geometry/test_skeleton_image.py"]
HAS_TORCH = find_spec("torch") is not None

collect_ignore = [] if HAS_TORCH else [*NEED_TORCH, *(f"test_{name}.py" for name in NEED_TORCH), *ALSO]


def pytest_configure() -> None:
    """One thread: networks this small gain nothing from more, and threads that wait for each other on a busy machine
    make a test ten times as slow. No engine cache: no test builds engines beside what it tests, or sees the user's."""
    os.environ["POSE3D_ROS_ENGINES"] = ""
    if HAS_TORCH:
        import torch

        torch.set_num_threads(1)


def pytest_report_header() -> str:
    """Says aloud what is left out."""
    return "torch: installed" if HAS_TORCH else f"torch: NOT installed, left out: {', '.join(NEED_TORCH)}"


def stick_figure(frames: int, fps: float, tempo: float) -> tuple[np.ndarray, np.ndarray]:
    """A person who walks along x and swings the arms: joints (F, 17, 3) about the pelvis, root (F, 3), metres, z up."""
    t = np.arange(frames) / fps
    swing = 0.5 * np.sin(2 * np.pi * tempo * t)
    zero = np.zeros_like(t)

    def hang(length: float, angle: np.ndarray) -> np.ndarray:
        return np.stack((length * np.sin(angle), zero, -length * np.cos(angle)), -1)

    joints = np.zeros((frames, 17, 3))
    for hip, shoulder, side in ((1, 14, -1), (4, 11, 1)):
        phase = side * swing
        joints[:, hip] = (0, 0.12 * side, 0)
        joints[:, hip + 1] = joints[:, hip] + hang(0.42, phase)
        joints[:, hip + 2] = joints[:, hip + 1] + hang(0.40, phase - 0.3 - 0.2 * np.abs(swing))
        joints[:, shoulder] = (0, 0.18 * side, 0.5)
        joints[:, shoulder + 1] = joints[:, shoulder] + hang(0.28, -phase)
        joints[:, shoulder + 2] = joints[:, shoulder + 1] + hang(0.25, 0.6 - phase)
    joints[:, 7], joints[:, 8], joints[:, 9], joints[:, 10] = (0, 0, 0.28), (0, 0, 0.5), (0.08, 0, 0.62), (0, 0, 0.75)
    root = np.stack((tempo * t, zero, zero + 0.9), -1)
    return joints, root


def toes_of(joints: np.ndarray) -> np.ndarray:
    """Left and right toes (F, 2, 3) of somebody whose feet always point ahead."""
    return joints[:, [6, 3]] + (0.12, 0, -0.05)


@pytest.fixture(scope="session")
def motion_file(tmp_path_factory) -> Path:
    """A motion file of three people, 4 s each, at 30, 60 and 24 frames per second."""
    rates = (30.0, 60.0, 24.0)
    clips = [stick_figure(int(4 * fps), fps, tempo) for fps, tempo in zip(rates, (0.8, 1.0, 1.3), strict=True)]
    path = tmp_path_factory.mktemp("motion") / "walk.npz"
    np.savez(
        path,
        joints=np.concatenate([joints for joints, _ in clips]).astype(np.float16),
        toes=np.concatenate([toes_of(joints) for joints, _ in clips]).astype(np.float16),
        root=np.concatenate([root for _, root in clips]).astype(np.float32),
        clip_offset=np.cumsum([0] + [len(root) for _, root in clips]),
        clip_fps=np.array(rates, np.float32),
        clip_name=np.array(["a", "b", "c"]),
        clip_subject=np.array(["anna", "bert", "cleo"]),
        clip_source=np.array(["S", "S", "T"]),
        license="free for all uses",
        notice="made by a formula",
    )
    return path


# h36m17, metres from the pelvis, y down
STANDING_M = (
    (0, 0, 0), (-0.1, 0, 0), (-0.1, 0.45, 0), (-0.1, 0.9, 0), (0.1, 0, 0), (0.1, 0.45, 0), (0.1, 0.9, 0),
    (0, -0.25, 0), (0, -0.5, 0), (0, -0.62, -0.05), (0, -0.75, 0),
    (0.18, -0.48, 0), (0.22, -0.2, 0), (0.25, 0.05, -0.1), (-0.18, -0.48, 0), (-0.22, -0.2, 0), (-0.25, 0.05, -0.1),
)  # fmt: skip


@pytest.fixture(scope="session")
def standing_m() -> tuple[tuple[float, float, float], ...]:
    """A person as `standing_weights` answers."""
    return STANDING_M


@pytest.fixture
def standing_weights(tmp_path) -> Path:
    """A small network's file; whatever it is shown, it answers with the same standing person. Needs torch."""
    import torch

    from pose3d_ros.models import ModelSpec, checkpoint
    from pose3d_ros.models.dtf import DTF, DTFConfig

    network = DTF(DTFConfig(frames=9, channels=16, hidden=16, heads=2, generator_layers=1, layers=2))
    torch.nn.init.zeros_(network.regression.weight)
    network.regression.bias.data = torch.tensor(STANDING_M).ravel()
    path = tmp_path / "standing.safetensors"
    checkpoint.save(path, network, ModelSpec("standing", "h36m17", 9, 30.0))
    return path


@pytest.fixture
def everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is held back: what an untrained network lifts is built like nobody."""
    from pose3d_ros.tracking import plausibility

    monkeypatch.setattr(plausibility, "DOUBTS", float("inf"))
    monkeypatch.setattr(plausibility, "BUILT_LIKE_NOBODY_M", (0.0, float("inf")))
    monkeypatch.setattr(plausibility, "FITS_NOBODY", float("inf"))

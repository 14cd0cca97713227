"""Recorded hands."""

from pathlib import Path

import numpy as np
import pytest

SIDES = ("left", "right")


@pytest.fixture(scope="session")
def recorded() -> dict[str, np.ndarray]:
    """(F, 21, 3) per side: both hands of a recording, in metres, half a metre before the camera."""
    with np.load(Path(__file__).parents[1] / "data" / "hands_sample.npz") as file:
        end = file["clip_offset"][1]
        joints, valid = file["joints"][:end], file["valid"][:end].all(1)
        names = list(file["hand_names"])
    middle = joints[valid].mean((0, 1, 2)) - np.array([0, 0, 0.5], np.float32)
    return {side: joints[valid, names.index(side)] - middle for side in SIDES}

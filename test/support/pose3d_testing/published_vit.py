"""HMR2.0 and HaMeR as the public code would write them, with numbers that depend on names alone."""

import zlib
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.models.published.vit import load_hamer, load_hmr2

GOLDEN = np.load(Path(__file__).parents[2] / "models" / "published" / "golden_vit.npz")
LOAD = {"hmr2": load_hmr2, "hamer": load_hamer}
HEADS = 4


def value(name: str, shape: tuple) -> np.ndarray:
    """Numbers that depend on the name alone."""
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("weight") and len(shape) == 1:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = np.prod(shape[1:]) ** -0.5 if name.endswith("weight") else 0.3
    return (spread * rng.standard_normal(shape)).astype(np.float32)


def published(which: str) -> dict[str, torch.Tensor]:
    """The parameters as the public code would write them; HaMeR's in the variant whose query is the mean."""
    shapes = [tuple(map(int, text.split(","))) for text in GOLDEN[f"{which}_shapes"]]
    names = GOLDEN[f"{which}_names"].tolist()
    return {name: torch.from_numpy(value(name, shape)) for name, shape in zip(names, shapes, strict=True)}

#!/usr/bin/env python3
"""What half precision does to a lifter's joints, and whether a row of a batch equals the single call.

    python benchmark/precision.py --motion data/body/validation.npz

Windows are drawn as in training, with every kind of occlusion, of people that no training saw. Eager, on the CPU.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.lab.synthesis import motion, windows
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models import Lifter, registry

PIECE, SINGLE = 128, 64


def main() -> None:
    """Parse, draw, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--motion", type=Path, required=True, help="motion file (npz)")
    parser.add_argument("--weights", default="body_dtf27", help="name or path")
    parser.add_argument("--windows", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(1)
    full, half = (registry.load_lifter(options.weights, "cpu", precision) for precision in ("fp32", "fp16"))
    config = windows.WindowConfig(frames=full.spec.frames, rate_hz=full.spec.rate_hz, guidance=full.spec.guidance)
    drawn = windows.draw(Rng(5), motion.load([options.motion]), options.windows, config)
    inputs, truth = drawn.inputs.numpy(), drawn.targets[:, -1].numpy()
    exact, rounded = (lifted(lifter, inputs, PIECE) for lifter in (full, half))
    moved = _mm(exact - rounded)
    print(f"{full.spec.name}, {len(inputs)} windows of {options.motion.name}, torch {torch.__version__}, CPU")
    print(
        f"fp16 moves joints by mm: mean {moved.mean():.2f}, 99 % {np.percentile(moved, 99):.2f}, max {moved.max():.2f}"
    )
    print(f"error mm: fp32 {_mm(exact - truth).mean():.2f}, fp16 {_mm(rounded - truth).mean():.2f}")
    print(f"rows against single calls: {np.abs(exact[:SINGLE] - lifted(full, inputs[:SINGLE], 1)).max():.1e} m")


def lifted(lifter: Lifter, inputs: np.ndarray, piece: int) -> np.ndarray:
    """Joints of the newest frames, `piece` windows a call."""
    return np.concatenate([lifter(inputs[i : i + piece]).xyz_m for i in range(0, len(inputs), piece)])


def _mm(metres: np.ndarray) -> np.ndarray:
    return 1e3 * np.linalg.norm(metres, axis=-1)


if __name__ == "__main__":
    main()

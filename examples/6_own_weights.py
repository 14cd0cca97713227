"""A model of your own in one file: a network, its config, the name that its weights carry; saved, loaded, run.

    python examples/6_own_weights.py OUT.safetensors

The network here is untrained and draws the skeleton flat. `pose3d train` writes weights of the models of this package.
In other packages name the module in the entry point group `pose3d_ros.models`, and nodes know it too.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros import BodyConfig, Camera, Keypoints2D, Person2D, Pipeline, PipelineConfig
from pose3d_ros.models import Lifter, ModelSpec, checkpoint, register


@dataclass(frozen=True)
class FlatConfig:
    """Sizes of the network, stored with its weights."""

    frames: int = 9
    joints: int = 17


class Flat(nn.Module):
    """Windows (B, T, J, 3) of x, y of the virtual camera and confidence -> `xyz`, `log_sigma` of the wanted frame."""

    def __init__(self, config: FlatConfig) -> None:
        super().__init__()
        self.config = config
        self.size_m = nn.Parameter(torch.tensor(0.5))  # what training would learn

    def forward(self, inputs: Tensor, frame: int = -1) -> dict[str, Tensor]:
        xy = self.size_m * inputs[:, frame, None, :, :2]
        return {"xyz": nn.functional.pad(xy, (0, 1)), "log_sigma": 0 * xy[..., 0] - 2}


@register("flat", Flat, FlatConfig)
class FlatLifter(Lifter[Flat]):
    """A plain lifter of windows: its base does the rest."""


def run(weights: Path) -> np.ndarray:
    """Write weights, load them by their path, lift one frame: joints (17, 3) in metres."""
    checkpoint.save(weights, Flat(FlatConfig()), ModelSpec("flat", "h36m17", 9, 30.0))
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=str(weights), device="cpu")))
    xy_px = np.stack((300 + 10.0 * np.arange(17), 100 + 15.0 * np.arange(17)), 1)
    frame = Keypoints2D(0, (Person2D("coco17", xy_px, np.full(17, 0.9)),), "camera", 640, 480)
    return pipeline.push(frame, Camera.from_fov(640, 480, 60.0)).people[0].xyz_m


def main() -> None:
    """Print where the pelvis is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    print(f"pelvis at {np.round(run(parser.parse_args().weights)[0], 2)} m")


if __name__ == "__main__":
    main()

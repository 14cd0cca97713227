"""What do the keypoints of one frame tell at all? A plain perceptron on their coordinates, measured on the
held-back windows of the image models: the reference for `pose` and `both` in the tables of ExtPose.

    python benchmark/one_frame.py --config config/train/hand_extpose.yaml [--windows 1000000]
    python benchmark/one_frame.py --config config/train/body_extpose.yaml --data DATA

Nothing is rendered for training, so it sees several times as many windows in the same time. Its keypoints are those
of the settings' windows but for the joints that things in the image cover. It answers with the bones' rotations and
lengths, as ExtPose does, and learns from the same losses of joints and posture.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from pose3d_ros.lab.evaluation.motion.images import held_back, measure
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Subject
from pose3d_ros.lab.synthesis.image_windows import ImageWindows, assemble, observe, pose_input
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.training import config as settings
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.extpose import unturned
from pose3d_ros.lab.training.optimizers import MuonAdamW
from pose3d_ros.lab.training.people import subjects
from pose3d_ros.models.kinematic import Kinematics, rotation_6d

WIDTH, DEPTH = 384, 4
BATCH, DRAWN = 64, 2048
DECAY = 0.4  # of the run


class Perceptron(nn.Module):
    """Coordinates (N, T, J, 3) to joints (N, T, J, 3) from the root, metres, and rotations (N, T, J, 3, 3)."""

    def __init__(self, skeleton: str):
        super().__init__()
        self.body = Kinematics(skeleton)
        joints = len(self.body.parents)
        self.first = nn.Linear(3 * joints, WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
            for _ in range(DEPTH)
        )
        self.last = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 7 * joints))
        self.register_buffer("rest", self.body.mean().pose.view(joints, 6))

    def forward(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(coordinates.flatten(-2))
        for block in self.blocks:
            x = x + block(x)
        out = self.last(x).unflatten(-1, (-1, 7))
        rotations = rotation_6d(out[..., :6] + self.rest)
        xyz = self.body(rotations, out[..., 6])
        return xyz - xyz[..., :1, :], rotations


def draw(rng: Rng, count: int, config: ImageWindowConfig, subject: Subject) -> tuple[Tensor, Tensor]:
    """Coordinates (N, T, J, 3) of keypoints in their crops, and true joints (N, T, J, 3) in the axes of the crops."""
    scene = subject.scene(rng, count, config)
    rays, score, view = observe(rng, scene, config, subject)
    nothing = rays.new_zeros(*score.shape[:2], 3, 1, 1)  # in place of the images
    windows = assemble(nothing, scene.xyz, rays, score, view, config)
    return coordinates_of(windows, config, subject), windows.xyz


def coordinates_of(windows: ImageWindows, config: ImageWindowConfig, subject: Subject) -> Tensor:
    """(N, T, J, 3) as `pose_input` makes them."""
    return pose_input("coordinates", windows.xy_px, windows.score, config.render, config.drawing, subject.skeleton)


def train(network: Perceptron, config: TrainConfig, subject: Subject, windows: int) -> None:
    """Learning rate as in the settings, falling over the last part."""
    optimizer, rng = MuonAdamW(network, config.learning_rate, config.weight_decay), Rng(config.seed)
    steps, weights = windows // BATCH, config.image
    for step in range(steps):
        if step % (DRAWN // BATCH) == 0:
            given, truth = draw(rng, DRAWN, config.images, subject)
        rows = slice(step % (DRAWN // BATCH) * BATCH, (step % (DRAWN // BATCH) + 1) * BATCH)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1, (step + 1) / 100, (steps - step) / (DECAY * steps))
        xyz, rotations = network(given[rows])
        target = truth[rows]
        bent = unturned(xyz, rotations) - unturned(target, network.body.rotations_of(target))
        loss = weights.joints_weight * (xyz - target).abs().sum(-1).mean()
        loss = loss + weights.posture_weight * bent.abs().sum(-1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="settings of an image model's training")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the motion files that people come from")
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=1024, help="held-back windows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = settings.load(args.config)
    torch.manual_seed(config.seed)
    known, network, began = subjects(config, args.data), Perceptron(config.extpose.skeleton), time.perf_counter()
    train(network, config, known.training, args.windows)
    spent = time.perf_counter() - began
    single = held_back(args.count, config.images, subject=known.validation)
    with torch.inference_mode():
        xyz = network.eval()(coordinates_of(single, config.images, known.validation))[0].numpy()
    found = measure(xyz, single, config.images.rate_hz, known.validation)
    errors = ", ".join(f"{name} {value}" for name, value in found.items() if value is not None)
    print(f"{config.name}: {args.windows:,} windows in {spent:.0f} s; {errors}")


if __name__ == "__main__":
    main()

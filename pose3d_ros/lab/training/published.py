"""The paper's training (DTF, arXiv 2410.04574) on Human3.6M or MPI-INF-3DHP: AMSGrad, flip, decay per epoch, 12 to 16
of 17 joints hidden in every frame, mean joint error over the window."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.geometry.align import procrustes
from pose3d_ros.lab.synthesis import h36m
from pose3d_ros.lab.synthesis.body import BODY
from pose3d_ros.lab.synthesis.h36m import Video
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.trainer import Trainer

EVALUATION_BATCH = 64


class PublishedFrames:
    """Windows centred on every frame of videos, the ends repeated."""

    def __init__(self, videos: list[Video], inputs: list[Tensor], frames: int, device: str):
        self.videos, self.half = videos, (frames - 1) // 2
        self.inputs = torch.cat(inputs).to(device)
        self.targets = torch.from_numpy(np.concatenate([video.xyz for video in videos])).to(device)
        lengths = torch.tensor([len(video.xyz) for video in videos])
        ends = lengths.cumsum(0)
        self.first = (ends - lengths).repeat_interleave(lengths).to(device)
        self.last = (ends - 1).repeat_interleave(lengths).to(device)

    def __len__(self) -> int:
        return len(self.targets)

    def windows(self, centres: Tensor, flip: Tensor | bool) -> tuple[Tensor, Tensor]:
        """Inputs and targets (N, T, 17, 3) around the frames (N,); mirrored where `flip` (N,)."""
        span = torch.arange(-self.half, self.half + 1, device=centres.device)
        rows = (centres[:, None] + span).maximum(self.first[centres][:, None]).minimum(self.last[centres][:, None])
        return mirrored(self.inputs[rows], flip), mirrored(self.targets[rows], flip)


def mirrored(x: Tensor, flip: Tensor | bool) -> Tensor:
    """(N, T, 17, 3) with x negated and sides exchanged where `flip`."""
    flip = torch.as_tensor(flip, device=x.device).reshape(-1, 1, 1, 1)
    sign = torch.tensor([-1.0, 1.0, 1.0], device=x.device)
    return torch.where(flip, x[:, :, torch.as_tensor(BODY.mirror, device=x.device)] * sign, x)


class PublishedTrainer(Trainer):
    """The loop with the paper's optimiser, order and loss."""

    def __init__(self, config: TrainConfig, frames: PublishedFrames, folder: Path):
        super().__init__(config, MotionSet(*(torch.zeros(0) for _ in range(6)), names=[], subjects=[]), folder)
        self.frames = frames
        self._order: tuple[int, Tensor] | None = None

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, amsgrad=True)

    @property
    def epoch(self) -> int:
        return self.windows_seen // (2 * len(self.frames))

    def learning_rate(self) -> float:
        """x 0.95 after each epoch, x 0.5 instead after every fifth."""
        rate = self.config.learning_rate
        for epoch in range(1, self.epoch + 1):
            rate *= 0.5 if epoch % 5 == 0 else 0.95
        return rate

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Which batch comes next follows from the windows seen: there is nothing to draw again on resuming."""
        while True:
            yield self.draw(self.config.batch)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Every frame once as it is and once mirrored per epoch, in an order fixed by seed and epoch."""
        total = 2 * len(self.frames)
        if self._order is None or self._order[0] != self.epoch:
            generator = torch.Generator().manual_seed(self.config.seed * 1000 + self.epoch)
            self._order = self.epoch, torch.randperm(total, generator=generator)
        begin = self.windows_seen % total
        picked = self._order[1][begin : begin + count].to(self.frames.targets.device)
        return self.frames.windows(picked % len(self.frames), picked >= len(self.frames))


@torch.inference_mode()
def centre_errors(network: nn.Module, frames: PublishedFrames, device: str) -> dict[str, float]:
    """Protocols 1 and 2 in millimetres: centre frames, averaged with the mirrored window's; mean over the actions."""
    was_training = network.training
    network.eval()
    errors: list[np.ndarray] = []
    for centres in torch.arange(len(frames), device=device).split(EVALUATION_BATCH):
        inputs, targets = frames.windows(centres, False)
        xyz = network(inputs, frame=frames.half)["xyz"]
        xyz = (xyz + mirrored(network(mirrored(inputs, True), frame=frames.half)["xyz"], True)) / 2
        xyz, truth = (xyz[:, 0] - xyz[:, 0, :1]).float().cpu().numpy(), targets[:, frames.half].cpu().numpy()
        errors.append(np.stack([np.linalg.norm(p - truth, axis=-1).mean(1) for p in (xyz, procrustes(xyz, truth))], 1))
    network.train(was_training)
    error = np.concatenate(errors)
    actions = np.concatenate([[video.action.split(" ")[0]] * len(video.xyz) for video in frames.videos])
    valid = np.concatenate([video.valid for video in frames.videos])
    means = np.mean([error[valid & (actions == name)].mean(0) for name in sorted(set(actions[valid]))], axis=0)
    return {"p1_mm": round(1000 * float(means[0]), 2), "p2_mm": round(1000 * float(means[1]), 2)}


def prepare_published(config: TrainConfig, data: Path, folder: Path) -> tuple[Trainer, Callable]:
    """Loop and validation of the settings' `published` part. Raises ConfigError, InputError."""
    paper = config.published
    if not paper.trust_pickle:
        raise ConfigError(
            "published.trust_pickle: the files of these data sets are Python pickles, which can run code when loaded; "
            "set it to true for files that you trust"
        )
    if paper.dataset == "h36m":
        parts = [h36m.load_h36m(data, paper.keypoints, part) for part in (h36m.H36M_TRAIN, h36m.H36M_TEST)]
    else:
        parts = [h36m.load_3dhp(data, train) for train in (True, False)]
    guidance, hidden = config.data.guidance, (paper.hidden_low, paper.hidden_high)
    train, test = (
        PublishedFrames(videos, h36m.hide(videos, limits, config.seed + i, guidance), config.data.frames, config.device)
        for i, (videos, limits) in enumerate(zip(parts, (hidden, (paper.hidden_test,) * 2), strict=True))
    )
    whole = replace(config, windows=2 * len(train) * paper.epochs)
    return PublishedTrainer(whole, train, folder), lambda network: centre_errors(network, test, config.device)

"""The training loop: resumable, fixed by its seed, with averaged weights and a log of metrics."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose3d_ros.core import formats
from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.lab.synthesis import windows
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.windows import WindowConfig
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.feed import Feed, draw_windows, piece_seed
from pose3d_ros.lab.training.losses import bones_loss, pose_loss, sigma_loss
from pose3d_ros.lab.training.norms import refresh
from pose3d_ros.lab.training.optimizers import MuonAdamW
from pose3d_ros.models.conditions import bone_lengths
from pose3d_ros.models.dtf import DTF

LOG = logging.getLogger(__name__)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
STATE = "state.pt"
LOG_FILE = "log.jsonl"
NORM_BATCHES, NORM_WINDOWS = 8, 256


def _moving_average(memory: float) -> Callable:
    """Exponential average whose memory grows with the steps, so that it soon forgets the initial weights."""

    def update(averaged: list[Tensor], current: list[Tensor], steps: Tensor) -> None:
        share = 1 - min(memory, (1 + float(steps)) / (10 + float(steps)))
        torch._foreach_lerp_(averaged, current, share)

    return update


def load_average(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The averaged weights of a run by the network's names, and the run's whole state. Raises CheckpointError."""
    path = folder / STATE
    if not path.is_file():
        raise CheckpointError(f"{folder}: expected {STATE} of a training run, there is none")
    state = torch.load(path, map_location="cpu", weights_only=True)
    tensors = {name.removeprefix("module."): value for name, value in state["average"].items() if name != "n_averaged"}
    return tensors, state


class Trainer:
    """One run in one folder: `state.pt` to resume from, `log.jsonl` with a line per report."""

    assemble = staticmethod(windows.assemble_windows)
    feedable = True  # its windows are made of motion alone: a process beside can make them

    def __init__(self, config: TrainConfig, motion: MotionSet, folder: Path):
        self.config, self.folder = config, folder
        self.device = torch.device(config.device)
        torch.manual_seed(config.seed)
        self.model = self.new_network(config).to(self.device)
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.average = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=_moving_average(config.ema))
        self.optimizer = self._optimizer()
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")
        self.motion = motion.to(self.device)
        self.rng = Rng(config.seed, self.device)
        self.windows_seen = 0
        self.seconds = 0.0
        self._piece = self._taken = 0
        self._feed: Feed | None = None
        self._batches = self.batches()

    def window_at(self, windows_seen: int) -> WindowConfig:
        """What is drawn when so many were seen."""
        return self.config.data

    @staticmethod
    def new_network(config: TrainConfig) -> nn.Module:
        return DTF(config.model)

    @property
    def network(self) -> nn.Module:
        """The averaged weights with fresh batch norm statistics: what is evaluated and shipped."""
        if self.config.ema:
            refresh(self.average.module, self.norm_batches())
        return self.average.module

    def norm_batches(self) -> list[tuple[Tensor, ...]]:
        """Inputs for fresh batch norm statistics, always the same and apart from the run's own draws."""

        def drawn() -> tuple[Tensor, ...]:
            inputs, _, *condition = self.draw(NORM_WINDOWS)
            return inputs, *condition

        return self.apart(lambda: [drawn() for _ in range(NORM_BATCHES)])

    def apart(self, drawing: Callable[[], Any]) -> Any:
        """What `drawing` draws, always the same and apart from the run's own draws."""
        own, self.rng = self.rng, Rng(self.config.seed + 1, self.device)
        try:
            return drawing()
        finally:
            self.rng = own

    def _optimizer(self) -> torch.optim.Optimizer | MuonAdamW:
        config = self.config
        return MuonAdamW(self.model, config.learning_rate, config.weight_decay)

    def draw(self, count: int) -> tuple[Tensor, ...]:
        """`count` windows: inputs (N, T, J, 3), targets (N, T, J, 3) in metres, and the condition."""
        return draw_windows(self.rng, self.motion, count, self.window_at(self.windows_seen), self.assemble)

    def pose_loss(self, xyz: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and the errors (N, T, J) in metres."""
        return pose_loss(xyz, targets, self.config.newest_weight, self.config.velocity_weight)

    def batches(self) -> Iterator[tuple[Tensor, ...]]:
        """`draw_batches` batches at a time: the synthesis is quicker in larger pieces. Every piece has draws of its
        own, fixed by seed and number, wherever it is made."""
        config = self.config
        while True:
            self.rng, self._taken = Rng(piece_seed(config.seed, self._piece), self.device), 0
            for batch in zip(*(tensor.split(config.batch) for tensor in self.next_piece()), strict=True):
                self._taken += 1
                yield batch
            self._piece += 1

    def next_piece(self) -> tuple[Tensor, ...]:
        """The windows of the present piece, from the worker process where there is one."""
        config, count = self.config, self.config.batch * self.config.draw_batches
        if not (config.worker and self.feedable):
            return self.draw(count)
        if self._feed is None:
            self._feed = Feed(self.motion, self.assemble, config.seed, count)
        ahead = self.windows_seen + count
        return self._feed.take(self._piece, self.window_at(self.windows_seen), self.window_at(ahead))

    def learning_rate(self) -> float:
        """Rises over the warm-up, stays, falls linearly to zero over the last `decay` of the run."""
        config, done = self.config, self.windows_seen
        rise = min(1.0, (done + config.batch) / max(config.warmup, 1))
        fall = min(1.0, max(0.0, config.windows - done) / max(config.decay * config.windows, 1))
        return config.learning_rate * rise * fall

    def step(self) -> dict[str, float]:
        """One batch. Returns its losses in metres."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        inputs, targets, *condition = next(self._batches)
        with torch.autocast(self.device.type, DTYPES[config.precision], enabled=config.precision != "fp32"):
            out = self.forward(inputs, None, *condition)
        loss, error = self.pose_loss(out["xyz"].float(), targets)
        total, report = loss, {"loss": loss, "newest_mm": 1000 * error[:, -1].mean()}
        if "log_sigma" in out:
            total = total + 0.1 * sigma_loss(out["log_sigma"].float(), error)
        if "bones" in out:
            lengths = bone_lengths(targets, formats.get(config.skeleton)).mean(1, keepdim=True)
            off, spread = bones_loss(out["bones"].float(), out["log_sigma_bones"].float(), lengths)
            total = total + config.bones_weight * off + 0.05 * spread
            report["bones_mm"] = 1000 * off
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update_parameters(self.model)
        self.windows_seen += len(inputs)
        return report

    def run(
        self,
        report_every: int = 200,
        on_report: Callable[[dict], None] | None = None,
        on_step: Callable[[int], None] | None = None,
        validate: Callable[[nn.Module], dict[str, float]] | None = None,
        validate_every: int = 2000,
    ) -> None:
        """Train to the end of the run, saving as it goes. Steps between reports and validations."""
        self.model.train()
        began, first, before = time.monotonic(), self.windows_seen, self.seconds
        sums: dict[str, Tensor] = {}
        step = summed = 0
        while self.windows_seen < self.config.windows:
            for name, value in self.step().items():
                sums[name] = sums.get(name, 0) + value.detach()
            step += 1
            summed += 1
            if on_step:
                on_step(self.windows_seen)
            if step % report_every == 0 or self.windows_seen >= self.config.windows:
                report = {name: round(float(value) / summed, 4) for name, value in sums.items()}
                sums, summed = {}, 0
                elapsed = time.monotonic() - began
                self.seconds = before + elapsed
                report |= {
                    "windows": self.windows_seen,
                    "windows_per_s": round((self.windows_seen - first) / elapsed, 1),
                    "seconds": round(self.seconds, 1),
                    "lr": self.learning_rate(),
                }
                if validate and (step % validate_every == 0 or self.windows_seen >= self.config.windows):
                    report |= validate(self.network)
                self._log(report)
                self.save()
                if on_report:
                    on_report(report)

    def state(self) -> dict[str, Any]:
        """Everything to resume from."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            # a piece of several batches is drawn again on resuming, and what was taken of it is skipped
            "piece": self._piece,
            "taken": self._taken,
            "torch_rng": torch.get_rng_state(),
            "windows_seen": self.windows_seen,
            "seconds": self.seconds,
        }
        if self.device.type == "cuda":  # dropout and stochastic depth draw from the device's own generator
            state["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        return state

    def save(self) -> None:
        """Write the state; a crash in the middle leaves the old file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.state(), self.folder / f"{STATE}.new")
        (self.folder / f"{STATE}.new").replace(self.folder / STATE)

    def resume(self) -> bool:
        """Go on from the folder's state if there is one."""
        path = self.folder / STATE
        if not path.is_file():
            return False
        self.restore(torch.load(path, map_location=self.device, weights_only=True))
        LOG.info("resumed at %d windows", self.windows_seen)
        return True

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["torch_rng"].cpu())
        if "cuda_rng" in state and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"].cpu(), self.device)
        self._piece, taken = state["piece"], state["taken"]
        self.windows_seen = state["windows_seen"] - taken * self.config.batch
        self._batches = self.batches()
        for _ in range(taken):
            next(self._batches)
        self.windows_seen, self.seconds = state["windows_seen"], state.get("seconds", 0.0)

    def _log(self, report: dict) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOG_FILE).open("a") as file:
            file.write(json.dumps(report) + "\n")

"""Training windows made ahead, in a process of its own: synthesis and steps side by side."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
from torch import Tensor

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.lab.synthesis import windows
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.windows import WindowConfig

NICE = 5  # below the training itself: where cores are few, steps go first


def piece_seed(seed: int, number: int) -> int:
    """Of the draws of one piece of a run."""
    return seed * 1_000_003 + number


def draw_windows(
    rng: Rng, motion: MotionSet, count: int, config: WindowConfig, assemble: Callable
) -> tuple[Tensor, ...]:
    """Inputs, targets and condition of `count` windows."""
    drawn = windows.draw(rng, motion, count, config, assemble)
    return drawn.inputs, drawn.targets, drawn.condition


class Feed:
    """Makes the next piece while the present one is learned from. What comes out is the same as without it."""

    def __init__(self, motion: MotionSet, assemble: Callable, seed: int, count: int):
        self._device = motion.root.device
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        cpu = motion.to("cpu")
        self._process = context.Process(target=_work, args=(end, cpu, assemble, seed, count), daemon=True)
        self._process.start()
        end.close()
        self._asked: list[tuple[int, WindowConfig]] = []

    def take(self, number: int, config: WindowConfig, ahead: WindowConfig) -> tuple[Tensor, ...]:
        """Piece `number`, made by `config`; the next one, by `ahead`, is begun. Raises Pose3DError if it died."""
        for wanted in ((number, config), (number + 1, ahead)):
            if wanted not in self._asked:
                self._asked.append(wanted)
                self._pipe.send(wanted)
        while True:
            try:
                piece = self._pipe.recv()
            except (EOFError, ConnectionError):
                code = self._process.exitcode
                raise Pose3DError(f"the process that makes training windows ended (exit code {code})") from None
            if self._asked.pop(0) == (number, config):
                return tuple(torch.from_numpy(part).to(self._device) for part in piece)


def _work(pipe: Connection, motion: MotionSet, assemble: Callable, seed: int, count: int) -> None:
    """Make what is asked for until the other end is gone."""
    os.nice(NICE)
    torch.set_num_threads(1)
    try:
        while True:
            number, config = pipe.recv()
            made = draw_windows(Rng(piece_seed(seed, number)), motion, count, config, assemble)
            pipe.send(tuple(part.numpy() for part in made))
    except (EOFError, ConnectionError):  # the training has ended
        return

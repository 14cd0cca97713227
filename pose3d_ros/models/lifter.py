"""`Lifter`: runs a network that lifts windows of keypoints."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.timer import Timer
from pose3d_ros.geometry.virtual_camera import VirtualCamera, look_at
from pose3d_ros.guidance import fill
from pose3d_ros.models.base import Model, Network, arrays
from pose3d_ros.models.conditions import Told, condition_of
from pose3d_ros.models.program import LIMITS, Program
from pose3d_ros.models.spec import ModelSpec

DEFAULT_SIGMA_M = 0.1  # of networks without the uncertainty head
LOG_SIGMA_RANGE = float(np.log(1e-4)), float(np.log(10.0))  # no human joint is known better, or worse, in metres
INPUT = "inputs"


class LifterOutput(NamedTuple):
    """`xyz_m` float32 (people, joints, 3), root-relative; `sigma_m` float32 (people, joints), not yet calibrated."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray


class Streams(NamedTuple):
    """Whose windows are given: `keys` of N people, their windows' `revisions`, and the stamp of the newest slot."""

    keys: Sequence[int]
    revisions: Sequence[int]
    stamp_ns: int


class SlotOutput(NamedTuple):
    """One lifted slot of N people: the network's output in the axes of `camera`, and the rays (N, J, 2) and confidence
    (N, J) that it was made from."""

    lifted: LifterOutput
    camera: VirtualCamera
    filled: np.ndarray
    confidence: np.ndarray


class NewestSlot(nn.Module):
    """A lifting network asked for the newest frame only, which is what engines compile."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return self.network(inputs, frame=-1)


class Lifter(Model[Network, ModelSpec]):
    """Runs a network of whole windows: `network(inputs, frame)` -> dict of `xyz` (N, 1, J, 3), `log_sigma` (N, 1, J).

    The newest slot runs on the engine, where there is one; other slots run eagerly.
    """

    def __call__(self, inputs: np.ndarray, frame: int = -1, condition: np.ndarray | None = None) -> LifterOutput:
        """Lift one slot (default: the newest) of float32 (people, frames, joints, 3); `condition` (people, SIZE): what
        is told beside. Raises InputError on shapes."""
        expected = self.spec.input_shape(len(inputs))
        if inputs.shape != expected:
            raise InputError(f"{self.spec.name}: expected inputs {expected}, got {inputs.shape}")
        inputs = np.ascontiguousarray(inputs, np.float32)
        newest = frame in (-1, self.spec.frames - 1)
        if self.engine and newest and condition is None:
            return as_lifted(self.engine({INPUT: inputs}))
        return as_lifted(self._eager(inputs, frame, condition))

    def run_slot(
        self, rays: np.ndarray, score: np.ndarray, slot: int = -1, streams: Streams | None = None,
        timer: Timer | None = None, told: Told | None = None,
    ) -> SlotOutput:  # fmt: skip
        """Lift one slot of windows of N people: rays float32 (N, T, J, 2) and score (N, T, J), 0 where missing.

        All of a person's frames are normalised by where they are in the newest. `streams` says whose windows these are,
        for lifters that keep a state; `told` what is known beside, for those that take it.
        """
        timer = timer or Timer()
        with timer("guidance"):
            filled, confidence = fill(rays, score, self.spec.guidance)
            virtual = look_at(filled[:, -1], confidence[:, -1])
            xy = np.where(confidence[..., None] > 0, virtual.normalise(filled), 0)
            inputs = np.concatenate((xy, confidence[..., None]), -1, dtype=np.float32)
        with timer("model"):
            condition = None if told is None else condition_of(told, virtual)
            return SlotOutput(self(inputs, slot, condition), virtual, filled[:, slot], confidence[:, slot])

    def program(self, origin: tuple[str, str] | None = None) -> Program | None:
        module = NewestSlot(self.network).eval()
        with torch.inference_mode():
            given = module(torch.from_numpy(self.spec.example()))
        limits = {name: limit for name, limit in LIMITS.items() if name in given}
        config = getattr(self.network, "config", None)
        return Program(
            self.spec.name,
            module,
            lambda rows: {INPUT: self.spec.example(rows)},
            tuple(limits),
            limits,
            {"spec": asdict(self.spec), "network": asdict(config) if is_dataclass(config) else {}},
            origin,
        )

    def warm_up(self, rows: int = 1) -> None:
        self(self.spec.example(rows))

    @torch.inference_mode()
    def _eager(self, inputs: np.ndarray, frame: int, condition: np.ndarray | None) -> dict[str, np.ndarray]:
        told = [] if condition is None else [self._tensor(condition)]
        return arrays(self.network(self._tensor(inputs), frame, *told))


def as_lifted(out: Mapping[str, np.ndarray]) -> LifterOutput:
    """The first slot of what a network gave, on its root."""
    xyz = out["xyz"][:, 0]
    xyz = xyz - xyz[:, :1]
    if "log_sigma" in out:
        return LifterOutput(xyz, np.exp(out["log_sigma"][:, 0].clip(*LOG_SIGMA_RANGE)))
    return LifterOutput(xyz, np.full(xyz.shape[:2], DEFAULT_SIGMA_M, np.float32))

"""`StreamingLifter`: keeps a state for every person and gives the network only the slots that are new."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.timer import Timer
from pose3d_ros.geometry.virtual_camera import VirtualCamera
from pose3d_ros.guidance import frames
from pose3d_ros.guidance.frames import FrameState
from pose3d_ros.models.base import arrays
from pose3d_ros.models.conditions import Told, condition_of
from pose3d_ros.models.kinds import register
from pose3d_ros.models.lifter import Lifter, LifterOutput, SlotOutput, Streams, as_lifted
from pose3d_ros.models.program import LIMITS, Program
from pose3d_ros.models.streaming import State, StreamingConfig, StreamingDTF
from pose3d_ros.tracking.keypoints import merged

# Slots follow the frames' stamps by this share of what they are off: a camera whose rate is near the model's gives a
# frame for each slot, and jitter neither doubles nor drops one.
PHASE_GAIN = 0.1
FEATURES, PAST, AGE, CONDITION = "features", "past", "age", "condition"  # what an engine is given for a step
MEMORY = "memory"  # what it gives beside the output: the past of the next step
ARRAYS = ("revisions", "slot_ns", "given_ns", "rays", "score")  # of a `Bank`


@dataclass
class Bank:
    """The streams of N people side by side. `before`: the frame state without the newest slot."""

    keys: list[int]
    revisions: np.ndarray
    slot_ns: np.ndarray  # where the newest slot lies
    given_ns: np.ndarray  # the stamp that came with it
    rays: np.ndarray  # (N, J, 2), what it was computed from
    score: np.ndarray  # (N, J)
    frame: FrameState
    before: FrameState
    state: State

    def take(self, rows: np.ndarray) -> "Bank":
        """The streams of these rows, copied."""
        return Bank([self.keys[row] for row in rows], *_each(lambda a: a[rows], self))

    def joined(self, other: "Bank") -> "Bank":
        """These streams, then the others."""
        return Bank([*self.keys, *other.keys], *_each(_joined, self, other))

    def put(self, rows: np.ndarray, other: "Bank") -> None:
        """The streams of `other` in the place of these rows."""
        replaced = _each(lambda mine, theirs: _replaced(mine, rows, theirs), self, other)
        for name, value in zip((*ARRAYS, "frame", "before", "state"), replaced, strict=True):
            setattr(self, name, value)


def _each(function: Callable, *banks: Bank) -> list:
    """`function` of every array and tensor of the banks, rows first, in the order of `Bank`'s fields."""
    parts = [function(*(getattr(bank, name) for bank in banks)) for name in ARRAYS]
    for name, kind in (("frame", FrameState), ("before", FrameState), ("state", State)):
        parts.append(kind(*(function(*arrays) for arrays in zip(*(getattr(b, name) for b in banks), strict=True))))
    return parts


def _joined(mine: Any, theirs: Any) -> Any:
    return np.concatenate((mine, theirs)) if isinstance(mine, np.ndarray) else torch.cat((mine, theirs))


def _replaced(mine: Any, rows: np.ndarray, theirs: Any) -> Any:
    changed = mine.copy() if isinstance(mine, np.ndarray) else mine.clone()
    changed[rows] = theirs
    return changed


class OneStep(nn.Module):
    """One frame of a streaming network as engines see it: the state comes in and goes out."""

    def __init__(self, network: StreamingDTF) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, features: Tensor, past: Tensor, age: Tensor, condition: Tensor | None = None
    ) -> dict[str, Tensor]:
        out, state = self.network.step(features, State(past, age), condition)
        return {**out, MEMORY: state.memory}


@register("streaming_dtf", StreamingDTF, StreamingConfig)
class StreamingLifter(Lifter[StreamingDTF]):
    """Runs a streaming network. Windows come as to any lifter; of a person whose stream it knows only the slots since
    the last call are computed. `recomputed` counts streams that started again because their past changed."""

    recomputed = 0
    _bank: Bank | None = None

    def __call__(self, inputs: np.ndarray, frame: int = -1) -> LifterOutput:
        raise InputError(f"{self.spec.name}: a streaming lifter keeps its own windows: lift with `run_slot`")

    @property
    def keeps_state(self) -> bool:
        return True

    def run_slot(
        self, rays: np.ndarray, score: np.ndarray, slot: int = -1, streams: Streams | None = None,
        timer: Timer | None = None, told: Told | None = None,
    ) -> SlotOutput:  # fmt: skip
        """As `Lifter.run_slot`, of the newest slot only. Raises ConfigError for another one."""
        if slot != -1:
            raise ConfigError(f"{self.spec.name} lifts the newest frame only: expected lookahead 0, got {-1 - slot}")
        with (timer or Timer())("model"):
            return self.newest(rays, score, streams, told)

    def program(self, origin: tuple[str, str] | None = None) -> Program:
        """One step, with the state among its inputs and outputs."""
        limits = {name: LIMITS[name] for name in ("xyz", "log_sigma", MEMORY)}
        config = {"spec": asdict(self.spec), "network": asdict(self.network.config)}
        return Program(
            self.spec.name, OneStep(self.network).eval(), self._example, tuple(limits), limits, config, origin
        )

    def _example(self, rows: int) -> dict[str, np.ndarray]:
        """Steps of streams that are as old as the memory, younger, and new; always the same."""
        config, rng = self.network.config, np.random.default_rng(0)
        memory = self.network.start(rows).memory
        ages = np.resize([config.window, config.window // 3, 0], rows)
        found = {
            FEATURES: rng.normal(0, 0.5, (rows, config.features)), PAST: rng.normal(0, 1, tuple(memory.shape)),
            AGE: ages, CONDITION: rng.normal(0, 0.5, (rows, config.condition)),
        }  # fmt: skip
        if not config.condition:
            del found[CONDITION]
        return {name: value.astype(np.float32) for name, value in found.items()}

    @torch.inference_mode()
    def newest(
        self, rays: np.ndarray, score: np.ndarray, streams: Streams | None = None, told: Told | None = None
    ) -> SlotOutput:
        """Lift the newest slot of windows: rays float32 (N, T, J, 2) and score (N, T, J), 0 where missing; `told`: what
        is known beside, where the network takes it.

        Without `streams` every window is a stream of its own, from its first sighting on. A stream that was not given
        for as long as its window reaches, or whose window has another revision, starts again from its window. Raises
        InputError.
        """
        expected = self.spec.input_shape(len(score))[:3]
        if score.shape != expected or rays.shape != (*expected, 2):
            raise InputError(f"{self.spec.name}: expected rays {(*expected, 2)}, got {rays.shape} and {score.shape}")
        if streams is None:
            alone = self._fresh(Streams(range(len(score)), (0,) * len(score), 0), score)
            return self._run(alone, rays, score, _length(score), told)
        waiting = self._waiting(streams)
        bank, stale = self._arranged(streams, score)
        pending, shown, again = self._plan(bank, stale, streams.stamp_ns, score)
        score, rays = np.where(shown[..., None], score, 0), rays.copy()
        both = (np.stack((old[again], new[again, -1])) for old, new in ((bank.rays, rays), (bank.score, score)))
        rays[again, -1], score[again, -1] = merged(*both)
        self._bank = None  # should this fail, everybody starts again
        found = self._run(bank, rays, score, pending, told)
        bank.rays, bank.score = rays[:, -1], score[:, -1]
        self._bank = bank.joined(waiting) if waiting else bank
        return found

    def warm_up(self, rows: int = 1) -> None:
        example = self.spec.example(rows)
        self.newest(example[..., :2], example[..., 2])

    def turn(self, R: np.ndarray) -> None:
        """The robot's camera turned: its old axes times `R` (3, 3) are the new ones. What is held of joints and of the
        virtual camera goes with it; the features of the past stay as they were seen."""
        if self._bank is None:
            return
        turn = VirtualCamera(np.broadcast_to(R, (len(self._bank.rays), 3, 3)), None).turn_rays
        self._bank.rays = turn(self._bank.rays).astype(np.float32)
        for name in ("frame", "before"):
            state = getattr(self._bank, name)
            held = {"xy": turn(state.xy), "middle": turn(state.middle[:, None])[:, 0]}
            setattr(self._bank, name, state._replace(**{key: value.astype(np.float32) for key, value in held.items()}))

    def close(self) -> None:
        self._bank = None
        super().close()

    def _fresh(self, streams: Streams, score: np.ndarray) -> Bank:
        stamps, nothing = np.full(len(score), streams.stamp_ns, np.int64), frames.start(score[:, 0])
        revisions = np.array(streams.revisions, np.int64)
        rays = np.full((*score[:, 0].shape, 2), np.nan, np.float32)
        unseen = np.zeros_like(score[:, 0])
        state = self.network.start(len(score))
        return Bank(list(streams.keys), revisions, stamps, stamps, rays, unseen, nothing, nothing, state)

    def _waiting(self, streams: Streams) -> Bank | None:
        """Streams that are not given now and may come back."""
        old = self._bank
        if old is None or old.keys == streams.keys:
            return None
        oldest_ns = streams.stamp_ns - self.spec.frames / self.spec.rate_hz * 1e9
        rows = [row for row, key in enumerate(old.keys) if key not in streams.keys and old.slot_ns[row] > oldest_ns]
        return old.take(np.array(rows)) if rows else None

    def _arranged(self, streams: Streams, score: np.ndarray) -> tuple[Bank, np.ndarray]:
        """A row for every key, in their order, and which of them have to start again, bool (N,)."""
        old, keys = self._bank, list(streams.keys)
        if old is not None and old.keys == keys:
            bank, known = old, np.ones(len(keys), bool)
        else:
            bank = self._fresh(streams, score)
            place = {key: row for row, key in enumerate(old.keys)} if old else {}
            known = np.array([key in place for key in keys], bool)
            if known.any():
                bank.put(np.flatnonzero(known), old.take(np.array([place[key] for key in keys if key in place])))
        changed = bank.revisions != np.array(streams.revisions)
        ahead = _slots(streams.stamp_ns - bank.slot_ns, self.spec.rate_hz)
        stale = ~known | changed | (ahead < 0) | (ahead >= self.spec.frames)
        self.recomputed += int((known & changed).sum())
        if (known & stale).any():
            rows = np.flatnonzero(stale)
            bank.put(rows, self._fresh(streams, score).take(rows))
        return bank, stale

    def _plan(self, bank: Bank, stale: np.ndarray, stamp_ns: int, score: np.ndarray) -> tuple[np.ndarray, ...]:
        """How many slots of each window are to be computed (N,), which of their frames are new, bool (N, T), and the
        rows of those whose newest slot is computed again, since the frame lies within it. Moves the bank on to
        `stamp_ns`.
        """
        rate = self.spec.rate_hz
        ahead = _slots(stamp_ns - bank.slot_ns, rate)
        unseen = np.maximum(_slots(stamp_ns - bank.given_ns, rate), 1)  # rows of the window after the last frame given
        again = np.flatnonzero(~stale & (ahead == 0))
        if len(again):
            part = bank.take(again)
            part.frame, part.state = part.before, part.state.without_newest()
            bank.put(again, part)
        pending = np.where(stale, _length(score), np.maximum(ahead, 1))
        back = np.arange(score.shape[1], 0, -1)
        shown = stale[:, None] | (back <= unseen[:, None])
        there_ns = bank.slot_ns + np.rint(ahead * (1e9 / rate)).astype(np.int64)
        bank.slot_ns = np.where(
            stale, stamp_ns, there_ns + np.rint(PHASE_GAIN * (stamp_ns - there_ns)).astype(np.int64)
        )
        bank.given_ns = np.full(len(stale), stamp_ns, np.int64)
        return pending, shown, again

    def _run(
        self, bank: Bank, rays: np.ndarray, score: np.ndarray, pending: np.ndarray, told: Told | None
    ) -> SlotOutput:
        """Compute the last `pending` (N,) slots of the windows; all streams end at the newest."""
        for back in range(int(pending.max()), 0, -1):
            rows = np.flatnonzero(pending >= back)
            part = bank if len(rows) == len(pending) else bank.take(rows)
            part.before = part.frame
            part.frame, frame = frames.advance(part.frame, rays[rows, -back], score[rows, -back], self.spec.guidance)
            condition = None
            if told is not None:
                condition = condition_of(Told(*(known[rows] for known in told)), frame.camera)
            out, part.state = self._step(frame.features, part.state, condition)
            if part is not bank:
                bank.put(rows, part)
        return SlotOutput(as_lifted(out), frame.camera, frame.filled, frame.confidence)

    def _step(
        self, features: np.ndarray, state: State, condition: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], State]:
        """One frame of N streams, on the engine where there is one."""
        if self.engine is None:
            told = [] if condition is None else [self._tensor(condition)]
            out, new = self.network.step(self._tensor(features), state, *told)
            return arrays(out), new
        given = {FEATURES: features, PAST: state.memory.numpy(), AGE: state.age.numpy().astype(np.float32)}
        if size := self.network.config.condition:
            given[CONDITION] = np.zeros((len(features), size), np.float32) if condition is None else condition
        found = self.engine(given)
        return found, State(torch.from_numpy(found[MEMORY]), state.age + 1)


def _slots(ns: np.ndarray, rate_hz: float) -> np.ndarray:
    """Whole slots in a time, as `Window` rounds."""
    return np.floor(ns * (rate_hz * 1e-9) + 0.5).astype(np.int64)


def _length(score: np.ndarray) -> np.ndarray:
    """Slots (N,) of the windows from the first sighting on, at least 1."""
    seen = (score > 0).any(2)
    return np.where(seen.any(1), seen.shape[1] - seen.argmax(1), 1)

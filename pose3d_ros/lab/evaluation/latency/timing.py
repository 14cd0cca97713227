"""Times of several candidates in one process, in turns, so that whatever else the machine does meets all alike."""

import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pose3d_ros.lab.evaluation.latency.energy import Meter
from pose3d_ros.models.base import Runner

MIN_ROUNDS = 3


@dataclass
class TimedCandidate:
    """`run` is timed in blocks of `calls`; what was found is beside it."""

    run: Callable[[], None]
    calls: int = 8
    times_ms: list[float] = field(default_factory=list)
    joules: float = 0.0


class Clocked:
    """An engine, with the milliseconds that its calls took since `take()`."""

    def __init__(self, engine: Runner) -> None:
        self.engine, self._ms = engine, 0.0

    @property
    def description(self) -> str:
        return self.engine.description

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        begin = time.perf_counter()
        try:
            return self.engine(batch)
        finally:
            self._ms += 1e3 * (time.perf_counter() - begin)

    def take(self) -> float:
        ms, self._ms = self._ms, 0.0
        return ms

    def close(self) -> None:
        self.engine.close()


def in_turns(
    candidates: list[TimedCandidate], seconds: float, energy: Meter | None = None,
    on_progress: Callable[[float], object] = lambda share: None,
) -> None:  # fmt: skip
    """Blocks of one, then of the next, round after round for this long; at least three rounds."""
    for candidate in candidates:
        candidate.run()
    gc.collect()
    begin, rounds = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begin) < seconds or rounds < MIN_ROUNDS:
        on_progress(min(1.0, elapsed / seconds))
        for candidate in candidates:
            _block(candidate, energy)
        rounds += 1


def percentiles(times_ms: list[float]) -> dict[str, float]:
    """p50, p95, p99."""
    return {f"p{q}": round(float(np.percentile(times_ms, q)), 3) for q in (50, 95, 99)}


def resident_mb() -> float | None:
    """Memory of this process, None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _block(candidate: TimedCandidate, energy: Meter | None) -> None:
    before = energy.joules() if energy else 0.0
    for _ in range(candidate.calls):
        begin = time.perf_counter()
        candidate.run()
        candidate.times_ms.append(1e3 * (time.perf_counter() - begin))
    candidate.joules += energy.joules() - before if energy else 0.0

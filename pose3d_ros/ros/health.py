"""`Health`: what a running node knows about itself, and why nothing comes out of it and since when. ROS-free logic."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np

WINDOW_S = 5.0  # over which rates and percentiles are taken
FRESH_S = 2.0  # a reason counts as current for so long after it was last seen
LONGEST, DIFFERENT = 300, 100  # characters of a reason, and reasons told apart: others may have written them
COUNTED = 12  # reasons that are shown with how often they held


@dataclass
class HealthReason:
    """Something that is wrong: since when, seen last, how often in this run."""

    text: str
    first_s: float
    last_s: float
    count: int = 1
    lasting: bool = False  # stays until it is cleared, rather than until it was not seen for a while


class Health:
    """Counters, reasons and timings; every method may be called from any thread.

    `clock` gives seconds of a steady clock: stamps may jump, this does not.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self.restart()

    def restart(self) -> None:
        """Forgets everything, at activation."""
        with self._lock:
            now = self._clock()
            self.started_s = self.last_input_s = self.last_output_s = now
            self.counts: Counter[str] = Counter()
            self.blamed: Counter[str] = Counter()
            self.people = 0
            self._reasons: dict[str, HealthReason] = {}
            self._inputs: deque[float] = deque()
            self._outputs: deque[tuple[float, float]] = deque()
            self.age_ms = math.nan

    def blame(self, key: str, text: str, lasting: bool = False, name: str = "") -> bool:
        """Notes a reason under a short key; true when it is new, which is the moment to log it. `name`: what it is
        counted as, if not as its key."""
        with self._lock:
            now = self._clock()
            known, text, name = self._reasons.get(key), text[:LONGEST], (name or key)[:LONGEST]
            self.blamed[name if name in self.blamed or len(self.blamed) < DIFFERENT else "others"] += 1
            if known and self._current(known, now):
                known.text, known.last_s, known.count = text, now, known.count + 1
                return False
            self._reasons[key] = HealthReason(text, now, now, lasting=lasting)
            return True

    def clear(self, key: str) -> None:
        """The reason does not hold any more."""
        with self._lock:
            self._reasons.pop(key, None)

    def arrived(self, age_ms: float) -> float:
        """Counts an input; `age_ms` from its stamp to now. Returns the time of arrival for `published`."""
        with self._lock:
            now = self._clock()
            self.last_input_s, self.age_ms = now, age_ms
            self.counts["received"] += 1
            self._inputs.append(now)
            self._trim(now)
            return now

    def published(self, arrived_s: float, people: int) -> None:
        """Counts an output made from the input that arrived at `arrived_s`."""
        with self._lock:
            now = self._clock()
            self.last_output_s, self.people = now, people
            self.counts["published"] += 1
            self._outputs.append((now, 1e3 * (now - arrived_s)))
            self._trim(now)

    def count(self, key: str, by: int = 1) -> None:
        with self._lock:
            self.counts[key] += by

    def reasons(self) -> dict[str, str]:
        """Current reasons by key, each with since when and how often."""
        with self._lock:
            now = self._clock()
            self._reasons = {key: reason for key, reason in self._reasons.items() if self._current(reason, now)}
            return {
                key: f"{reason.text} (for {now - reason.first_s:.1f} s, {reason.count} times)"
                for key, reason in self._reasons.items()
            }

    def silence_s(self) -> tuple[float, float]:
        """Seconds since the last input and since the last output (or since activation)."""
        with self._lock:
            now = self._clock()
            return now - self.last_input_s, now - self.last_output_s

    def figures(self) -> dict[str, str]:
        """Rates, ages, latencies and counters, as diagnostics show them."""
        with self._lock:
            now = self._clock()
            self._trim(now)
            span = min(max(now - self.started_s, 1e-3), WINDOW_S)
            latencies = [latency for _, latency in self._outputs]
            p50, p95 = np.percentile(latencies, (50, 95)) if latencies else (math.nan, math.nan)
            return {
                "input rate [Hz]": f"{len(self._inputs) / span:.1f}",
                "input age [ms]": f"{self.age_ms:.1f}",
                "output rate [Hz]": f"{len(self._outputs) / span:.1f}",
                "latency p50 [ms]": f"{p50:.1f}",
                "latency p95 [ms]": f"{p95:.1f}",
                "people": str(self.people),
                "received": str(self.counts["received"]),
                "published": str(self.counts["published"]),
                "stored without inference": str(self.counts["coalesced"]),
                "dropped": str(self.counts["dropped"]),
                "reasons so far": "; ".join(f"{name} {count}" for name, count in self.blamed.most_common(COUNTED)),
            }

    def _current(self, reason: HealthReason, now: float) -> bool:
        return reason.lasting or now - reason.last_s <= FRESH_S

    def _trim(self, now: float) -> None:
        while self._inputs and now - self._inputs[0] > WINDOW_S:
            self._inputs.popleft()
        while self._outputs and now - self._outputs[0][0] > WINDOW_S:
            self._outputs.popleft()

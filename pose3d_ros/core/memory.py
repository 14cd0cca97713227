"""Memory that was freed, given back to the system: the C library keeps what streams of changing size leave behind."""

import ctypes
import time
from collections.abc import Callable

EVERY_S = 30.0


class Tidy:
    """Gives back what is free, now and then. Where the C library cannot (musl, macOS), nothing happens."""

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._next_s = clock() + every_s
        try:
            self._trim = ctypes.CDLL(None).malloc_trim
        except (AttributeError, OSError):
            self._trim = None

    def __call__(self) -> bool:
        """Whether it was time to, and was done. Takes some milliseconds: call it after a result went out."""
        if self._trim is None or self._clock() < self._next_s:
            return False
        self._trim(0)
        self._next_s = self._clock() + self._every_s
        return True

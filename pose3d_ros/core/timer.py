"""How long the stages of one push take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timer:
    """Milliseconds per stage; a stage entered twice adds up."""

    def __init__(self, stages: tuple[str, ...] = ()) -> None:
        self._start = time.perf_counter()
        self._stages = dict.fromkeys(stages, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self._stages[stage] = self._stages.get(stage, 0.0) + 1e3 * (time.perf_counter() - begin)

    def finish(self) -> dict[str, float]:
        return {**self._stages, "total": 1e3 * (time.perf_counter() - self._start)}

"""`Ladder`: runs a program on the best backend that works here, and on the next one when that fails in the middle."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from pose3d_ros.core.errors import EngineError, InputError
from pose3d_ros.engines.backends.choice import Rung
from pose3d_ros.engines.base import Batch, Engine, EngineInfo, NotBuiltError, Program, UnavailableError, explain
from pose3d_ros.engines.builder import Background, build
from pose3d_ros.engines.cache import CacheError, EngineCache, identity


class Ladder:
    """One program on the best rung that loads here and agrees with eager fp32. Call it from one thread.

    Rungs above it whose files are missing or stale are built beside it and taken at a later call; with `wait` they are
    built first. When a rung fails in a call, the call is repeated on the next one: `falls` counts, `news()` tells.
    With `named` the first rung is the user's wish: raises EngineError where it can never run here.
    """

    def __init__(
        self, program: Program, steps: Sequence[Rung], cache: EngineCache | None = None, wait: bool = False,
        named: bool = False,
    ) -> None:  # fmt: skip
        self.program, self.falls, self.in_call = program, 0, False
        self._steps, self._cache = tuple(steps), cache
        self._refused: dict[int, str] = {}
        self._news: list[str] = []
        self._background: Background | None = None
        to_build = self._start(wait, named)
        if to_build and not wait and program.origin and cache:
            self._background = Background(program, [(i, self._steps[i]) for i in to_build], cache)
            self._refused |= dict.fromkeys(to_build, "being built")

    @property
    def info(self) -> EngineInfo:
        """Of the engine that runs now."""
        return self._engine.info

    @property
    def description(self) -> str:
        """One line: what runs, and why nothing better does."""
        why = [f"{self._steps[i].kind.name}: {text}" for i, text in sorted(self._refused.items()) if i < self._step]
        return f"{self.info} [{'; '.join(why)}]" if why else str(self.info)

    @property
    def building(self) -> bool:
        """A better engine is on its way."""
        return self._background is not None

    def settle(self, timeout_s: float | None = None) -> None:
        """Wait for the engine that is being built, and take it."""
        if self._background and self._background.wait(timeout_s):
            self._switch()

    def news(self) -> list[str]:
        """What failed since the last call of this, one line each."""
        told, self._news = self._news, []
        return told

    def warm_up(self) -> None:
        """Engines are warm when they are taken; this runs the present one again."""
        self._engine.warm_up()

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        """Named arrays in and out. Raises EngineError when the last rung failed too."""
        if self._background and self._background.done:
            self._switch()
        while True:
            self.in_call = True
            try:
                return self._engine(batch)
            except InputError:
                raise
            except Exception as error:  # no memory, a lost GPU, a driver's own type: all mean the next rung
                self._fall(error)
            finally:
                self.in_call = False

    def close(self) -> None:
        """Free everything; a build that runs is ended."""
        self._stop_building()
        self._engine.close()

    def _start(self, wait: bool, named: bool) -> list[int]:
        """Load the first rung that works. Returns those above it that could be built."""
        to_build = []
        for i, rung in enumerate(self._steps):
            try:
                self._engine, self._step = self._loaded(rung, wait), i
                return to_build
            except (NotBuiltError, CacheError) as error:
                to_build.append(i)
                self._refused[i] = explain(error)
            except Exception as error:  # the rungs below must not suffer from a broken install of this one
                if named and i == 0 and isinstance(error, UnavailableError):
                    raise EngineError(f"backend {rung.kind.name}: {error}; `auto` takes what works") from error
                self._refused[i] = explain(error)
        raise EngineError(f"{self.program.name}: nothing runs it here: {'; '.join(self._refused.values())}")

    def _loaded(self, rung: Rung, wait: bool = False) -> Engine:
        if not rung.kind.built:
            rung.kind.versions(rung.target)
            return rung.load(self.program)
        wanted = identity(self.program, rung.kind, rung.target)
        if self._cache is None:
            raise NotBuiltError("there is no engine cache")
        folder = build(self.program, rung, self._cache) if wait else self._cache.find(wanted)
        return rung.load(self.program, folder)

    def _fall(self, error: Exception) -> None:
        """To the next rung that loads; nothing above it is tried again. Raises EngineError below the last."""
        self._stop_building(wait=False)  # a frame waits
        failed, why = self._steps[self._step], explain(error)
        self._refused[self._step] = f"failed ({why})"
        for i in range(self._step + 1, len(self._steps)):
            try:
                engine = self._loaded(self._steps[i])
            except Exception as further:
                self._refused[i] = explain(further)
                continue
            self._close_quietly()
            self._engine, self._step = engine, i
            self.falls += 1
            self._news.append(f"{self.program.name}: {failed} failed ({why}), {self._steps[i]} goes on")
            return
        raise EngineError(f"{self.program.name}: {failed} failed ({why}) and nothing is left below it") from error

    def _switch(self) -> None:
        background, self._background = self._background, None
        self._refused |= background.faults
        if background.result:
            self._close_quietly()
            self._step, self._engine = background.result

    def _stop_building(self, wait: bool = True) -> None:
        if self._background:
            self._background.close(wait)
            self._background = None

    def _close_quietly(self) -> None:
        with suppress(Exception):  # what has failed may fail at this too
            self._engine.close()

"""Builds engines into the cache: here, or in another process beside a node that goes on publishing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread

from pose3d_ros.core.errors import EngineError, Pose3DError
from pose3d_ros.engines.backends.choice import Rung, backend
from pose3d_ros.engines.base import Engine, Program, Target, explain
from pose3d_ros.engines.cache import EngineCache, identity
from pose3d_ros.engines.parity import check
from pose3d_ros.models import kinds

Report = Callable[[str], None]
NICE = 5  # a build must not slow down what publishes meanwhile, nor starve on a busy robot


def build(program: Program, rung: Rung, cache: EngineCache, report: Report = lambda _: None) -> Path:
    """Build, check against eager fp32 and store. Returns the verified folder; one that is there already is taken.

    Raises UnavailableError, CacheError, EngineError (the engine differs from eager fp32), and what backends raise.
    """

    def fill(folder: Path) -> dict:
        rung.kind.build(program, rung.target, folder, report)
        report("comparing with eager fp32")
        engine = rung.kind.load(program, rung.target, folder)
        try:
            return {"parity": check(engine, program)}
        finally:
            engine.close()

    return cache.store(identity(program, rung.kind, rung.target), fill)


class Background:
    """Builds rungs in another process, the first one first, and loads the first that works in a thread.

    Another process, because exporting a model is seconds of Python that would hold up the node's other threads, and a
    compiler that crashes must not take the node with it. `done` is true once there is a `result` or nothing is left.
    """

    def __init__(self, program: Program, jobs: Sequence[tuple[int, Rung]], cache: EngineCache) -> None:
        self.done, self.faults, self.result = False, {}, None
        self._program, self._cache, self._closed = program, cache, False
        self._process: subprocess.Popen | None = None
        self._lock = Lock()
        self._thread = Thread(target=self._run, args=(list(jobs),), name="engine builder", daemon=True)
        self._thread.start()

    faults: dict[int, str]
    result: tuple[int, Engine] | None

    def wait(self, timeout_s: float | None = None) -> bool:
        """True when it is done within that time."""
        self._thread.join(timeout_s)
        return self.done

    def close(self, wait: bool = True) -> None:
        """End the build and free what was loaded; without `wait` the thread does so when it can, as on a lost GPU."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.terminate()
            result, self.result = self.result, None
        if result:
            result[1].close()
        if wait:
            self._thread.join()

    def _run(self, jobs: list[tuple[int, Rung]]) -> None:
        for i, rung in jobs:
            try:
                self._build(rung)
                folder = self._cache.find(identity(self._program, rung.kind, rung.target))
                self._keep(i, rung.load(self._program, folder))
                break
            except Exception as error:
                self.faults[i] = explain(error)
        self.done = True

    def _keep(self, i: int, engine: Engine) -> None:
        with self._lock:
            if not self._closed:
                self.result = i, engine
                return
        engine.close()

    def _build(self, rung: Rung) -> None:
        request = {
            "origin": self._program.origin,
            "plugins": kinds.plugins(),
            "backend": rung.kind.name,
            "target": asdict(rung.target),
            "cache": str(self._cache.folder),
            "nice": NICE,
        }
        command = [sys.executable, "-m", "pose3d_ros.engines.builder", json.dumps(request)]
        # the sources' folder first: the child must find the same package, however this process did
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        with self._lock:
            if self._closed:
                raise EngineError("ended")
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
            )  # fmt: skip
        _, told = self._process.communicate()
        if self._process.returncode:
            lines = told.strip().split("\n")
            raise EngineError(f"its build failed: {lines[-1] or f'exit code {self._process.returncode}'}")


def main(argument: str) -> None:
    """The other process."""
    request = json.loads(argument)
    os.nice(request["nice"])
    for plugin in request["plugins"]:
        with suppress(ImportError):  # if it is needed, the weights' kind is unknown
            import_module(plugin)
    name, given = request["origin"]
    module, function = name.split(":")
    if not module.startswith("pose3d_ros."):
        raise EngineError(f"expected a module of pose3d_ros, got {module}")
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in request["target"].items()}
    try:
        program = getattr(import_module(module), function)(given)
        build(program, Rung(backend(request["backend"]), Target(**fields)), EngineCache(Path(request["cache"])))
    except Pose3DError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1])

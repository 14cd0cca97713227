"""`Worker`: the one thread that infers, so that subscriptions, services and parameters answer meanwhile."""

from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Worker(Generic[Job]):
    """Calls `handle(jobs)` with everything submitted since its last call, oldest first.

    So nothing is lost and nothing queues up behind slow work: the handler sees how far it is behind and may treat all
    but the newest job cheaply. Whatever `handle` or a `call` raises goes to `failed(error)`; the thread goes on.
    """

    def __init__(self, handle: Callable[[list[Job]], None], failed: Callable[[Exception], None]) -> None:
        self._handle, self._failed = handle, failed
        self._jobs: list[Job] = []
        self._calls: list[Callable[[], None]] = []
        self._stopped = False
        self._news = Condition()
        self._thread = Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        with self._news:
            self._jobs.append(job)
            self._news.notify()

    def call(self, function: Callable[[], None], discard: bool = False) -> None:
        """Runs `function` in the worker's thread before the next job; `discard` forgets the jobs that wait."""
        with self._news:
            if discard:
                self._jobs.clear()
            self._calls.append(function)
            self._news.notify()

    def stop(self) -> None:
        """Ends the thread after the work in hand; what waits is forgotten."""
        with self._news:
            self._stopped = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._jobs or self._calls or self._stopped)
                if self._stopped:
                    return
                calls, self._calls = self._calls, []
                jobs, self._jobs = self._jobs, []
            for call in calls:
                self._guarded(call)
            if jobs:
                self._guarded(lambda jobs=jobs: self._handle(jobs))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._failed(error)

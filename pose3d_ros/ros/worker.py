"""`Worker`: the one thread that infers, so that subscriptions, services and parameters answer meanwhile."""

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread, current_thread
from typing import Generic, TypeVar

Job = TypeVar("Job")
MOST = 300  # jobs that may wait: ten seconds of a camera; what is older is of no use to any window
STOP_S = 1.0  # work in hand may take so long before its thread is left alone


class Worker(Generic[Job]):
    """Calls `handle(jobs)` with everything submitted since its last call, oldest first.

    So nothing is lost and nothing queues up behind slow work: the handler sees how far it is behind and may treat all
    but the newest job cheaply. Whatever `handle` or a `call` raises goes to `failed(error)`; the thread goes on.

    Work that does not return cannot be ended from outside: its thread is left alone, and whoever publishes must ask
    `mine` first. `in_hand` numbers the work that runs now, 0 while there is none; `returned` that which ended last.
    """

    def __init__(
        self, handle: Callable[[list[Job]], None], failed: Callable[[Exception], None], most: int = MOST
    ) -> None:
        self._handle, self._failed = handle, failed
        self._jobs: deque[Job] = deque(maxlen=most)
        self._calls: list[Callable[[], None]] = []
        self._stopped = False
        self._after: Callable[[], None] | None = None
        self.in_hand, self.returned = 0, 0
        self._news = Condition()
        self._thread = Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    @property
    def mine(self) -> bool:
        """Whether the calling thread is this worker's, and still wanted."""
        return current_thread() is self._thread and not self._stopped

    def submit(self, job: Job) -> None:
        """Work for later; the oldest that waits is forgotten where there is too much."""
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

    def stop(self, timeout_s: float = STOP_S, after: Callable[[], None] | None = None) -> bool:
        """Ends the thread after the work in hand; what waits is forgotten. False where it does not end in that time:
        then its thread calls `after` should it ever come back, to free what only it may touch."""
        with self._news:
            self._stopped = True
            self._news.notify()
        self._thread.join(timeout_s)
        with self._news:
            if self._thread.is_alive():
                self._after = after
                return False
        return True

    def _run(self) -> None:
        while self._step():
            pass
        with self._news:
            after, self._after = self._after, None
        if after:
            self._guarded(after)

    def _step(self) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._jobs or self._calls or self._stopped)
            if self._stopped:
                return False
            calls, self._calls = self._calls, []
            jobs = list(self._jobs)
            self._jobs.clear()
        for call in calls:
            self._guarded(call)
        if jobs and not self._stopped:
            self.in_hand = self.returned + 1
            self._guarded(lambda: self._handle(jobs))
            self.in_hand, self.returned = 0, self.in_hand
        return True

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._failed(error)

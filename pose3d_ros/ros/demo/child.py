"""`Child`: a process that is spoken to by lines, with its log in a file."""

import contextlib
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

from pose3d_ros.core.errors import EngineError

END_S = 15.0
TAIL_LINES = 12


class Child:
    """Started at once, in a session of its own, so that Ctrl-C reaches only who holds the children."""

    def __init__(self, name: str, command: list[str], log_dir: Path) -> None:
        self.name, self.log = name, log_dir / f"{name}.log"
        self._lines: queue.Queue[str | None] = queue.Queue()
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def expect(self, word: str, patience_s: float) -> list[str]:
        """The other words of the first line that begins with `word`. Raises EngineError when none comes in time."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise self.error(f"did not say {word!r} within {patience_s:.0f} s") from None
            if line is None:
                raise self.error(f"ended before it said {word!r}")
            first, *rest = line.split() or [""]
            if first == word:
                return rest

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def say(self, line: str) -> None:
        """One line to its stdin; it may have ended."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def end(self, by_signal: bool = True) -> None:
        """Closes its stdin, asks it to end (SIGINT) and waits; a process that does not react is killed."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if by_signal and not self.ended:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def error(self, what: str) -> EngineError:
        """With the end of the log."""
        tail = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return EngineError("\n  ".join([f"the {self.name} {what}; {self.log} ends with:", *tail]))

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

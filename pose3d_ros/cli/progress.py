"""Progress on stderr, so that stdout holds results only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, int, int], Any]]:
    """A bar that vanishes at the end, on a terminal; call what it gives with (what, done, total)."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda name, done, total: bar.update(task, description=name, completed=done, total=total)

"""One line a finding, from checks that may fail in any way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """`hint`: what to do, empty where all is well. `absent`: an optional part that is not installed, no fault."""

    name: str
    text: str
    hint: str = ""
    absent: bool = False

    @property
    def mark(self) -> str:
        if self.hint and not self.absent:
            return "hint"
        return "-" if self.absent else "ok"


Check = Callable[[], Iterable[Line]]


def guarded(check: Check) -> Iterator[Line]:
    """The lines of a check, and one more where it breaks off."""
    try:
        yield from check()
    except Exception as error:
        name = getattr(check, "__name__", "check").strip("_").replace("_", " ")
        why = f"{type(error).__name__}: {error}".split("\n")[0][:200]
        yield Line(name, f"could not be looked at ({why})", "please report this line")

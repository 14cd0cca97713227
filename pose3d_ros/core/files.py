"""Files that somebody else may have written, read within bounds: what is too large, too deep or no such file is one
line that names the file and the remedy."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.core.errors import InputError

TEXT_BYTES = 1 << 20
RATIO, SPARE_BYTES = 20, 64 << 20  # an .npz file unpacks to no more than so many times its size, and this
DEEPEST = 40  # tables within tables; ours have five
MOST_NODES = 100_000  # of a YAML file


def read_bytes(path: Path, what: str, most: int, error: type[Exception] = InputError) -> bytes:
    """A regular file of at most `most` bytes. Raises `error`: none there, a device or fifo, unreadable, larger."""
    try:
        if not path.is_file():
            there = "that is no regular file" if path.exists() else "there is no such file"
            raise error(f"{what} {path}: {there}")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as failure:
        raise error(f"{what} {path}: cannot be read ({failure.strerror or failure})") from None
    if len(content) > most:
        raise error(
            f"{what} {path}: expected at most {most} bytes, it has {path.stat().st_size}; is it the right file?"
        )
    return content


def read_text(path: Path, what: str, most: int = TEXT_BYTES, error: type[Exception] = InputError) -> str:
    """As `read_bytes`, in UTF-8. Raises `error`."""
    try:
        return read_bytes(path, what, most, error).decode()
    except UnicodeDecodeError:
        raise error(f"{what} {path}: expected text in UTF-8; save it as such") from None


def parse_json(text: str, what: str, error: type[Exception] = InputError) -> Any:
    """JSON of a text; `what` names where it stands. Raises `error`: no JSON, nested too deep, absurd numbers."""
    try:
        return json.loads(text)
    except RecursionError:
        raise error(f"{what}: nested too deep; write it again") from None
    except ValueError as failure:
        raise error(f"{what}: expected JSON ({_first_line(failure)}); write it again") from None


def read_yaml(path: Path, what: str, error: type[Exception] = InputError) -> Any:
    """Plain values of a YAML file. Raises `error`: no YAML, too large, nested too deep, with aliases (a few lines of
    them make millions of nodes), or with numbers and dates that are none."""
    import yaml

    text = read_text(path, what, error=error)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml, yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as failure:
        raise error(f"{what} {path}: expected YAML of plain values ({_first_line(failure)}); correct it") from None


def read_npz(path: Path, what: str, error: type[Exception] = InputError) -> dict[str, np.ndarray]:
    """The arrays of an .npz file. Raises `error`: no such file, pickles in it, or more than it can hold."""
    if not path.is_file():
        raise error(f"{what} {path}: there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(entry.file_size for entry in archive.infolist())
        if declared > SPARE_BYTES + RATIO * path.stat().st_size:
            raise ValueError(f"it unpacks to {declared} bytes, {declared // path.stat().st_size} times its size")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as failure:  # zip files, their compression and numpy's headers each fail in their own ways
        why = _first_line(failure)
        raise error(f"{what} {path}: expected arrays as numpy.savez writes them, damaged or foreign ({why})") from None


def _check_events(yaml: Any, events: Any) -> None:
    """Raises ValueError. Parsing to events needs no recursion, building from them does."""
    depth = 0
    for number, event in enumerate(events):
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.events.AliasEvent):
            raise ValueError("aliases (*name) are not read: write the values out")
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
        if number > MOST_NODES:
            raise ValueError(f"more than {MOST_NODES} values")


def _first_line(failure: BaseException) -> str:
    return " ".join(str(failure).split())[:160] or type(failure).__name__

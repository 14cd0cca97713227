"""Files and folders that nobody but this user (or root) can have written: what holds code is opened from there only."""

import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
POLL_S = 0.05


class NotPrivateError(OSError):
    """Somebody else could have written this. The text says who and what to do."""


def check_folder(folder: Path) -> None:
    """The folder and all above it: of this user or root, and writable by no one else (a sticky one above may be, as
    /tmp is). So nothing in it can be exchanged between two looks. Raises NotPrivateError; links above are followed."""
    whole = folder.resolve()
    for place in (whole, *whole.parents):
        info = place.stat()
        if info.st_uid not in (os.geteuid(), 0):
            raise NotPrivateError(f"{place} belongs to another user")
        if info.st_mode & OTHERS_WRITE and not (place != whole and info.st_mode & stat.S_ISVTX):
            raise NotPrivateError(f"others can write to {place}: chmod go-w {place}")


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY, kind: int = stat.S_IFREG) -> Iterator[int]:
    """A handle of a file (or folder, by `kind`) that is no link and of this user or root alone. Raises OSError."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        info = os.fstat(handle)
        if stat.S_IFMT(info.st_mode) != kind:
            raise NotPrivateError(f"{path.name} is of another kind than was written")
        if info.st_uid not in (os.geteuid(), 0):
            raise NotPrivateError(f"{path.name} was written by another user")
        if info.st_mode & OTHERS_WRITE or (kind == stat.S_IFREG and info.st_nlink > 1):
            raise NotPrivateError(f"{path.name} can be written by others, or has a second name")
        yield handle
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Of a private file, hex. Raises OSError."""
    digest = hashlib.sha256()
    with opened(path) as handle:
        while block := os.read(handle, 1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read(path: Path, most: int) -> bytes:
    """A private file of at most `most` bytes. Raises OSError."""
    with opened(path) as handle:
        if os.fstat(handle).st_size > most:
            raise NotPrivateError(f"{path.name} is larger than {most} bytes")
        return os.read(handle, most)


@contextmanager
def locked(path: Path, wait_s: float) -> Iterator[None]:
    """One process at a time; the system frees the lock of one that dies. The file is made, never emptied or followed
    if it is a link. Raises OSError, TimeoutError."""
    with opened(path, os.O_RDWR | os.O_CREAT) as handle:
        end = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(f"{path.name} has been held for {wait_s:.0f} s by another builder") from None
                time.sleep(POLL_S)
        yield

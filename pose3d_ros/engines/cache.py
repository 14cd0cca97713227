"""Built engines on disk: keyed by all that they depend on, written whole or not at all, verified before they are read.

    <user cache dir>/pose3d_ros/engines/<model>-<backend>-<key>/   meta.json and the backend's files

Engine files can hold code, so only files are opened that lie as this user (or root) wrote them: in folders that nobody
else can write to (so that none is exchanged after it was checked), no links, and with the hashes that meta.json
recorded. The hashes find damage; who could have written a file is what the folder says.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.core.errors import EngineError
from pose3d_ros.engines import private
from pose3d_ros.engines.base import Engine, NotBuiltError, Program, Target
from pose3d_ros.engines.machine import code_sha256, gpu, host

VARIABLE = "POSE3D_ROS_ENGINES"  # another folder; empty = no cache at all
FORMAT = 1
META = "meta.json"
META_BYTES = 1 << 20
FULL_BYTES = 1 << 20  # free on a disk that counts as full
LOCK_WAIT_S = 1800.0  # no engine takes that long to build


class CacheError(EngineError):
    """The cache cannot be used: not writable, full, or a file in it is not what was written."""


def identity(program: Program, backend: type[Engine], target: Target) -> dict:
    """Everything that the files of an engine depend on, as JSON keeps it. Raises UnavailableError."""
    versions = {**host(), **backend.versions(target)}
    place = gpu(target.device) if backend.on_gpu else {}
    whole = {
        "format": FORMAT,
        "model": program.name,
        "backend": backend.name,
        "precision": target.precision,
        "buckets": list(target.buckets),
        "weights_sha256": program.weights_sha256,
        "code_sha256": code_sha256(program.module),
        "config": dict(program.config),
        "inputs": {name: [list(array.shape[1:]), str(array.dtype)] for name, array in program.example(1).items()},
        "outputs": list(program.outputs),
        "versions": versions,
        "machine": place,
    }
    return json.loads(json.dumps(whole, default=str))


@dataclass(frozen=True)
class Entry:
    """One folder of the cache. `fault`: why it cannot be loaded, else empty."""

    folder: Path
    meta: dict
    bytes: int
    fault: str


class EngineCache:
    """The engines below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def default(cls) -> "EngineCache | None":
        """In the user's cache folder, or where the environment says; None where it says that there is none."""
        named = os.environ.get(VARIABLE)
        if named is not None:
            return cls(Path(named).expanduser()) if named else None
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(base) / "pose3d_ros" / "engines")

    def path(self, wanted: dict) -> Path:
        """Where an engine of this identity lies, built or not."""
        key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
        name = re.sub(r"[^\w.-]", "_", wanted["model"])
        return self.folder / f"{name}-{wanted['backend']}-{wanted['precision']}-{key}"

    def find(self, wanted: dict) -> Path:
        """The verified folder. Raises NotBuiltError, CacheError (damaged or foreign: build it again)."""
        path = self.path(wanted)
        if not os.path.lexists(path):
            raise NotBuiltError(f"not built{self._nearest(wanted)}")
        try:
            private.check_folder(self.folder)
        except OSError as error:
            raise self._unusable(str(error)) from None
        meta = verify(path)
        if meta.get("identity") != wanted:
            raise CacheError(f"{path} belongs to something else: run `pose3d engine build`")
        return path

    def store(self, wanted: dict, build: Callable[[Path], dict]) -> Path:
        """`build(folder)` fills a folder and returns what to remember of it. Waits for another builder of the same.

        Raises CacheError where nothing can be written, and whatever `build` raises; then nothing is left.
        """
        path = self.path(wanted)
        with self._writing(), self._lock(path.name):
            with suppress(NotBuiltError, CacheError):
                return self.find(wanted)  # another builder was quicker
            for old in (*self.folder.glob(f".{path.name}.*.part"), path):  # of a killed builder; damaged
                _remove(old)
            part = self.folder / f".{path.name}.{os.getpid()}.part"
            part.mkdir(mode=0o700)
            try:
                begin = time.monotonic()
                notes = build(part)
                files = {file.name: _private_sha256(file) for file in sorted(part.iterdir())}
                meta = {"identity": wanted, "files": files, "seconds": round(time.monotonic() - begin, 1), **notes}
                (part / META).write_text(json.dumps(meta, indent=1) + "\n")
                (part / META).chmod(0o600)
                for written in (*part.iterdir(), part):
                    _sync(written)
                part.rename(path)
                _sync(self.folder)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            return path

    def entries(self) -> Iterator[Entry]:
        """All that is there, damaged ones too."""
        for folder in sorted(path for path in self.folder.glob("*-*") if path.is_dir()):
            size = sum(file.lstat().st_size for file in folder.rglob("*"))
            try:
                yield Entry(folder, verify(folder), size, "")
            except CacheError as error:
                yield Entry(folder, {}, size, str(error))

    def remove(self, entry: Entry) -> None:
        """Delete an engine. Raises CacheError."""
        with self._writing(), self._lock(entry.folder.name):
            _remove(entry.folder)

    def _nearest(self, wanted: dict) -> str:
        """In which way an engine of the same model and backend is another one."""
        for folder in self.folder.glob(f"{self.path(wanted).name.rsplit('-', 1)[0]}-*"):
            try:
                there = _meta(folder)["identity"]
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue
            if other := differing(there, wanted):
                return f" for this: the one there is of other {', '.join(other[:4])}"
        return ""

    def _lock(self, name: str) -> AbstractContextManager:
        """One builder at a time."""
        return private.locked(self.folder / f".{name}.lock", LOCK_WAIT_S)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(0o700, parents=True, exist_ok=True)
            private.check_folder(self.folder)
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise self._unusable("no space left" if full else error.strerror or str(error)) from error
        except RuntimeError as error:  # what compiled libraries raise when they cannot write
            if isinstance(error, EngineError) or shutil.disk_usage(self.folder).free > FULL_BYTES:
                raise
            raise self._unusable("no space left") from error

    def _unusable(self, why: str) -> CacheError:
        return CacheError(f"engine cache {self.folder}: {why}; set {VARIABLE} to a folder that you alone can write")


def verify(folder: Path) -> dict:
    """meta.json of a folder whose files are all as they were written. Raises CacheError; reads nothing but bytes."""
    again = f"{folder}: {{}}; remove it with `pose3d engine clear --damaged`, or run `pose3d engine build`"
    try:
        with private.opened(folder, kind=stat.S_IFDIR):
            meta = _meta(folder)
            files = dict(meta["files"])
            there = {file.name for file in folder.iterdir()} - {META}
            if there != set(files) or not isinstance(meta["identity"], dict):
                raise CacheError(again.format("files are missing or were added"))
            for name, digest in files.items():
                if private.sha256(folder / name) != digest:
                    raise CacheError(again.format(f"{name} is truncated or was changed"))
    except private.NotPrivateError as error:
        raise CacheError(again.format(error)) from None
    except OSError as error:
        linked = error.errno in (errno.ELOOP, errno.ENOTDIR)
        raise CacheError(again.format("a link" if linked else f"cannot be read ({error.strerror})")) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CacheError(again.format(f"{META} cannot be read ({type(error).__name__})")) from None
    return meta


def _meta(folder: Path) -> dict:
    return json.loads(private.read(folder / META, META_BYTES))


def _remove(path: Path) -> None:
    """A folder with all in it, or a link that stands in its place; where it leads nothing is touched."""
    with suppress(FileNotFoundError):
        path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)


def differing(there: dict, wanted: dict) -> list[str]:
    """Names of what differs between two identities; the same engine has none."""
    return sorted({name for name, _ in _leaves(there).items() ^ _leaves(wanted).items()})


def _leaves(tree: dict, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in tree.items():
        found |= _leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": str(value)}
    return found


def _private_sha256(file: Path) -> str:
    """Of a file just written; whatever the umask, it is the user's alone."""
    file.chmod(0o600)
    return private.sha256(file)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""One .db3 file, also a damaged one: messages are looked up one by one, so that a lost page costs its messages only."""

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from urllib.parse import quote

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.bags.compression import MOST_BYTES
from pose3d_ros.lab.bags.raw import Raw, Topic

FARTHEST_JUMP = 1 << 20  # messages; a gap larger than this is the end
MAGIC = b"SQLite format 3\0"
DAMAGED = "sqlite3: damaged or missing pages"


class SqliteFile:
    """See `StorageFile`. `folder` gives a place for a copy. Raises InputError for what is no rosbag2 in sqlite3."""

    def __init__(self, path: Path, folder: Callable[[], Path]) -> None:
        self.damage: Counter[str] = Counter()
        self._lost: set[int] = set()
        path, mode = _readable(path, folder)
        try:
            self._db = sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True)
            self._db.execute("PRAGMA writable_schema = ON")  # opens also a file that is shorter than it says
            self._db.execute("PRAGMA trusted_schema = OFF")
            if hasattr(self._db, "setlimit"):  # from Python 3.11 on
                self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
            self._refuse_views(path)
            names = self._db.execute("SELECT id, name, type FROM topics").fetchall()
        except sqlite3.Error as error:
            raise InputError(f"bag {path}: expected a rosbag2 in sqlite3, cannot read it: {error}") from None
        definitions = self._definitions()
        self._names = {number: name for number, name, _ in names}
        self.topics = {name: Topic(name, kind, *definitions.get(kind, ("", ""))) for _, name, kind in names}
        self._index = sorted(self._scan(), key=lambda row: (row[2], row[0]))

    def __del__(self) -> None:
        if db := getattr(self, "_db", None):
            db.close()

    def _refuse_views(self, path: Path) -> None:
        """A view in the place of a table could compute for ever. Raises InputError."""
        names = ("topics", "messages", "message_definitions")
        kinds = self._db.execute("SELECT name, type FROM sqlite_master WHERE type != 'index'").fetchall()
        if odd := [name for name, kind in kinds if kind != "table" and name in names]:
            raise InputError(f"bag {path}: expected tables, got something computed for {', '.join(odd)}")

    def span_ns(self) -> tuple[int, int] | None:
        return (self._index[0][2], self._index[-1][2]) if self._index else None

    def messages(self, topics: Collection[str]) -> Iterator[Raw]:
        for number, topic, at_ns in self._index:
            name = self._names.get(topic)
            if name not in topics:
                continue
            if data := self.read(number):
                yield Raw(name, at_ns, data, number)
            elif number not in self._lost:
                self._lost.add(number)
                self.damage["sqlite3: message in damaged or missing pages"] += 1

    def read(self, place: int) -> bytes:
        """Empty where it is lost."""
        try:
            found = self._db.execute("SELECT data FROM messages WHERE id = ?", (place,)).fetchone()
        except sqlite3.DatabaseError:
            found = None
        return bytes(found[0]) if found and found[0] else b""

    def _definitions(self) -> dict[str, tuple[str, str]]:
        """Type -> its definition and the encoding; files of Humble and before have none."""
        try:
            rows = self._db.execute("SELECT topic_type, encoded_message_definition, encoding FROM message_definitions")
            return {kind: (text, encoding) for kind, text, encoding in rows}
        except sqlite3.DatabaseError:
            return {}

    def _scan(self) -> Iterator[tuple[int, int, int]]:
        """Number, topic and arrival of every message that can be reached."""
        last, jump = -1, 1
        while jump <= FARTHEST_JUMP:
            try:
                query = "SELECT id, topic_id, timestamp FROM messages WHERE id > ? ORDER BY id"
                for row in self._db.execute(query, (last,)):
                    if not isinstance(row[0], int) or row[0] <= last:  # damaged pages may lead in circles
                        raise sqlite3.DatabaseError("numbers do not grow")
                    last, jump = row[0], 1
                    if all(isinstance(value, int) for value in row):
                        yield row
                    else:
                        self.damage[DAMAGED] += 1
                return
            except sqlite3.DatabaseError:
                self.damage[DAMAGED] += jump == 1
                last, jump = last + jump, jump * 2


def _readable(path: Path, folder: Callable[[], Path]) -> tuple[Path, str]:
    """A file that sqlite reads without writing beside it, and the mode; a copy where the recorder was interrupted."""
    log = path.with_name(path.name + "-wal")
    if log.is_file() and log.stat().st_size:
        copy = Path(shutil.copy(path, folder()))
        shutil.copy(log, folder())
        return copy, "rw"
    with path.open("rb") as file:
        head = file.read(18)
    page = int.from_bytes(head[16:18], "big") or 1
    page = 65536 if page == 1 else page  # the file format's way to write it
    rest = path.stat().st_size % page
    if head.startswith(MAGIC) and rest:  # cut inside of a page: sqlite would take the missing part for zeros
        path = Path(shutil.copy(path, folder()))
        os.truncate(path, path.stat().st_size - rest)
    return path, "ro&immutable=1"

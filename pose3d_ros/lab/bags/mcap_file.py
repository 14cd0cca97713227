"""One .mcap file, also a damaged one.

Records are walked from the start, so that neither the index at the end nor the end itself is needed; chunks without a
wanted topic are skipped over. Format: https://mcap.dev/spec
"""

import heapq
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import crc32

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.bags.compression import MOST_BYTES, RATIO, SPARE_BYTES, unpack
from pose3d_ros.lab.bags.raw import Raw, Topic

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, INDEX, CHUNK_INDEX = 1, 2, 3, 4, 5, 6, 7, 8
LAST_KNOWN, FIRST_PRIVATE = 0x0F, 0x80
RECORD = struct.Struct("<BQ")
CHUNK_HEAD = struct.Struct("<QQQII")  # start, end, uncompressed size, crc, length of the compression's name
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
FOOTER_SIZE = 9 + 20 + len(MAGIC)
DEFINITION_BYTES = 16 << 20
CUT, BROKEN = "mcap: cut off in the middle of a record", "mcap: damaged chunk"


class Chunk(NamedTuple):
    """Records that are read at once, `size` bytes at position `at`; `full_size` unpacked. `crc` 0 = not given."""

    start_ns: int
    end_ns: int
    at: int
    size: int
    compression: str
    full_size: int
    crc: int


class McapFile:
    """See `StorageFile`. Raises InputError for what is no mcap file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb")
        self._size = path.stat().st_size
        self._lost: dict[int, str] = {}  # by position, so that a second reading does not count twice
        self._schemas: dict[int, tuple[str, str, str]] = {}
        self._channels: dict[int, tuple[int, str]] = {}
        self._chunks: list[Chunk] = []
        self._inside: dict[int, set[int]] = {}  # chunk -> channels, where the file says
        self._loaded: tuple[int, bytes | memoryview] = (-1, b"")
        if self._bytes(0, len(MAGIC)) != MAGIC:
            raise InputError(f"bag {path}: expected a rosbag2 in mcap, cannot read it: it does not start like one")
        self._walk()
        whole = sum(chunk.full_size for chunk in self._chunks)
        if whole > SPARE_BYTES + RATIO * self._size:
            raise InputError(f"bag {path}: says that it unpacks to {whole} bytes, {whole // self._size} times its size")
        self._learn()
        self.topics = {topic.name: topic for topic in map(self._topic, self._channels) if topic}

    def __del__(self) -> None:
        if file := getattr(self, "_file", None):
            file.close()

    @property
    def damage(self) -> Counter[str]:
        return Counter(self._lost.values())

    def span_ns(self) -> tuple[int, int] | None:
        spans = [(chunk.start_ns, chunk.end_ns) for chunk in self._chunks if chunk.end_ns]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def messages(self, topics: Collection[str]) -> Iterator[Raw]:
        wanted = {number: topic.name for number in self._channels if (topic := self._topic(number))}
        wanted = {number: name for number, name in wanted.items() if name in topics}
        order, waiting = count(), []
        for number in sorted(range(len(self._chunks)), key=lambda n: self._chunks[n].start_ns):
            if number in self._inside and not self._inside[number] & wanted.keys():
                continue
            while waiting and waiting[0][0] <= self._chunks[number].start_ns:
                yield heapq.heappop(waiting)[2]
            for channel, at_ns, data, place in self._messages_of(number):
                if channel in wanted:
                    heapq.heappush(waiting, (at_ns, next(order), Raw(wanted[channel], at_ns, data, (number, *place))))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def read(self, place: tuple[int, int, int]) -> bytes | memoryview:
        number, start, end = place
        if self._loaded[0] != number:
            self._loaded = number, self._content(number)
        return memoryview(self._loaded[1])[start:end]

    def _topic(self, channel: int) -> Topic | None:
        schema, name = self._channels[channel]
        kind, encoding, definition = self._schemas.get(schema, ("", "", ""))
        return Topic(name, kind, definition, encoding) if kind else None

    def _walk(self) -> None:
        """Positions of all chunks, from the start of the file to its end or to where it breaks off."""
        at = len(MAGIC)
        while at is not None and at < self._size:
            head = self._bytes(at, RECORD.size)
            if len(head) < RECORD.size:
                self._lost[at] = CUT
                return
            op, length = RECORD.unpack(head)
            known = op and (op <= LAST_KNOWN or op >= FIRST_PRIVATE)
            if not known or at + RECORD.size + length > self._size:
                self._lost[at] = CUT if known else "mcap: garbage between records"
                if op == CHUNK:
                    self._add_chunk(at + RECORD.size, self._size - at - RECORD.size)
                at = self._resume(at)
                continue
            self._take(op, at, length)
            at += RECORD.size + length
            if op == FOOTER:
                if at + len(MAGIC) != self._size:
                    self._lost[at] = "mcap: bytes after the end"
                return
        self._lost[self._size] = "mcap: no end, the recorder was interrupted"

    def _take(self, op: int, at: int, length: int) -> None:
        body = at + RECORD.size
        if op in (SCHEMA, CHANNEL) and length <= DEFINITION_BYTES:
            self._define(op, self._bytes(body, length))
        elif op == CHUNK:
            self._add_chunk(body, length)
        elif op == MESSAGE and length >= MESSAGE_HEAD.size:  # outside of chunks: one of its own
            channel, _, at_ns, _ = MESSAGE_HEAD.unpack(self._bytes(body, MESSAGE_HEAD.size))
            size = RECORD.size + length
            self._inside[len(self._chunks)] = {channel}
            self._chunks.append(Chunk(at_ns, at_ns, at, size, "", size, 0))
        elif op == INDEX and self._chunks:
            channel, entries = struct.unpack("<HI", self._bytes(body, 6))
            self._inside.setdefault(len(self._chunks) - 1, set()).update([channel] if entries else [])

    def _add_chunk(self, body: int, length: int) -> None:
        head = self._bytes(body, CHUNK_HEAD.size)
        if len(head) < CHUNK_HEAD.size:
            return
        start_ns, end_ns, full_size, crc, name = CHUNK_HEAD.unpack(head)
        compression = self._bytes(body + CHUNK_HEAD.size, min(name, 16)).decode(errors="replace")
        data = body + CHUNK_HEAD.size + name + 8
        self._chunks.append(Chunk(start_ns, end_ns, data, max(body + length - data, 0), compression, full_size, crc))

    def _resume(self, at: int) -> int | None:
        """After a broken record: the next chunk that the index at the end knows, None where there is none."""
        tail = self._bytes(self._size - FOOTER_SIZE, FOOTER_SIZE)
        if len(tail) < FOOTER_SIZE or tail[0] != FOOTER or tail[-len(MAGIC) :] != MAGIC:
            return None
        place = max(struct.unpack_from("<Q", tail, RECORD.size)[0], at + 1)
        chunks = []
        summary = self._bytes(place, self._size - place)  # none where that is absurdly long
        for op, start, end in records(summary):
            if op == CHUNK_INDEX and end - start >= 24:
                chunks.append(struct.unpack_from("<QQQ", summary, start)[2])
        return min((chunk for chunk in chunks if chunk > at), default=None)

    def _learn(self) -> None:
        """Channels are repeated at the end of the file; where that is missing, they are in the chunks."""
        for number in range(len(self._chunks)):
            if number not in self._inside or not self._inside[number] <= self._channels.keys():
                content = self._content(number)
                for op, start, end in records(content):
                    if op in (SCHEMA, CHANNEL):
                        self._define(op, bytes(content[start:end]))

    def _define(self, op: int, body: bytes) -> None:
        try:
            number, rest = struct.unpack_from("<H", body)[0], body[2:]
            if op == SCHEMA:
                name, rest = _text(rest)
                encoding, rest = _text(rest)
                self._schemas[number] = name, encoding, _text(rest)[0]
            else:
                self._channels[number] = struct.unpack_from("<H", rest)[0], _text(rest[2:])[0]
        except struct.error:
            self._lost.setdefault(-op, "mcap: damaged definition of a topic")

    def _messages_of(self, number: int) -> Iterator[tuple[int, int, memoryview, tuple[int, int]]]:
        """Channel, arrival, data, and where in the chunk the data is."""
        content, read = memoryview(self._content(number)), 0
        for op, start, end in records(content):
            read = end
            if op == MESSAGE and end - start >= MESSAGE_HEAD.size:
                channel, _, at_ns, _ = MESSAGE_HEAD.unpack_from(content, start)
                start += MESSAGE_HEAD.size
                yield channel, at_ns, content[start:end], (start, end)
        if read != len(content):  # garbage between records, in a chunk without a checksum
            self._lost.setdefault(self._chunks[number].at, BROKEN)

    def _content(self, number: int) -> bytes | memoryview:
        """Records of a chunk: all of them, or those before the damage."""
        chunk = self._chunks[number]
        content = unpack(self._bytes(chunk.at, chunk.size), chunk.compression, chunk.full_size)
        whole = len(content) == chunk.full_size
        if not whole:
            self._lost.setdefault(chunk.at, BROKEN)
        elif chunk.crc and crc32(content) != chunk.crc:
            self._lost[chunk.at] = BROKEN
            return b""
        return content

    def _bytes(self, at: int, size: int) -> bytes:
        if not 0 < size <= MOST_BYTES or at >= self._size:  # a damaged position or length
            return b""
        self._file.seek(at)
        return self._file.read(size)


def records(content: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of the body of each whole record."""
    at = 0
    while at + RECORD.size <= len(content):
        op, length = RECORD.unpack_from(content, at)
        at += RECORD.size
        if at + length > len(content):
            return
        yield op, at, at + length
        at += length


def _text(data: bytes) -> tuple[str, bytes]:
    """The string in front, and what follows it."""
    length = struct.unpack_from("<I", data)[0]
    return data[4 : 4 + length].decode(errors="replace"), data[4 + length :]

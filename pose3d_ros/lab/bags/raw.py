"""What a file of a recording gives: topics, and serialised messages."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, Protocol


class Topic(NamedTuple):
    """`definition` is the text of the message type in `encoding` (ros2msg, ros2idl), "" where the bag has none."""

    name: str
    msgtype: str
    definition: str = ""
    encoding: str = ""


class Raw(NamedTuple):
    """One serialised message; `place` finds it again."""

    topic: str
    at_ns: int
    data: bytes | memoryview
    place: Any


class StorageFile(Protocol):
    """One file. `damage` counts what cannot be read, by reason; it grows while messages are read."""

    topics: dict[str, Topic]
    damage: Counter[str]

    def span_ns(self) -> tuple[int, int] | None:
        """Arrival of the first and the last message, None where there is none."""

    def messages(self, topics: Collection[str]) -> Iterator[Raw]:
        """Those of the topics, in order of arrival."""

    def read(self, place: Any) -> bytes | memoryview:
        """The message of a `Raw.place` again."""

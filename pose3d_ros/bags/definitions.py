"""Message types: those a bag carries, those handed over as .msg files, and those known here."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pose3d_ros.bags.compression import unpack_message
from pose3d_ros.bags.raw import Topic
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.paths import share_dir

RULE = "=" * 80 + "\n"


@cache
def typestore() -> Typestore:
    """Standard messages of ROS 2 and those of this package, for bags that carry no definitions and for writing."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(from_files([share_dir() / "msg"], "pose3d_ros"))
    return store


def from_files(paths: Sequence[Path], package: str = "") -> dict[str, Any]:
    """Types of .msg files, or of all those in folders: PACKAGE/msg/NAME.msg. Raises InputError."""
    types: dict[str, Any] = {}
    for path in paths:
        files = sorted(path.rglob("*.msg")) if path.is_dir() else [path]
        if not files or not files[0].is_file():
            raise InputError(f"message definitions {path}: expected a .msg file, or a folder with such files")
        for file in files:
            owner = package or (file.parent.parent.name if file.parent.name == "msg" else file.parent.name)
            try:
                types.update(get_types_from_msg(file.read_text(), f"{owner}/msg/{file.stem}"))
            except (TypesysError, UnicodeDecodeError) as error:
                raise InputError(f"message definition {file}: cannot be read: {error}") from None
    return types


class Decoder:
    """Serialised messages to objects with their fields. `skipped` counts definitions that could not be read.

    `handed` are .msg files or folders for types of which the bag has no definition.
    """

    def __init__(self, topics: Sequence[Topic], handed: Sequence[Path] = ()) -> None:
        self.skipped: Counter[str] = Counter()
        self._topics, self._handed = topics, handed
        self._store: Typestore | None = None

    def __call__(self, data: bytes | memoryview, msgtype: str) -> Any:
        """The message. Raises ValueError where the bytes are none."""
        self._check(msgtype)
        try:
            return self._types().deserialize_cdr(unpack_message(data), msgtype)
        except Exception as error:  # damaged bytes fail anywhere in the generated code
            raise ValueError(f"{msgtype}: {error}") from None

    def knows(self, msgtype: str) -> bool:
        return msgtype in self._types().fielddefs

    def _check(self, msgtype: str) -> None:
        if self.knows(msgtype):
            return
        package = msgtype.split("/")[0]
        raise InputError(
            f"{msgtype}: the bag holds no definition of this type; hand over the .msg files of package {package} "
            f"(--msgs FOLDER/{package}), or record with mcap (ros2 bag record -s mcap), which stores definitions"
        )

    def _types(self) -> Typestore:
        """Made when first needed; the bag's own definitions win, since they are what was serialised."""
        if self._store is None:
            types = {**typestore().fielddefs, **from_files(self._handed)}
            for topic in self._topics:
                if topic.definition:
                    types.update(self._parsed(topic))
            self._store = get_typestore(Stores.EMPTY)
            self._store.register(types)
        return self._store

    def _parsed(self, topic: Topic) -> dict[str, Any]:
        try:
            if topic.encoding == "ros2msg":
                return get_types_from_msg(topic.definition, topic.msgtype)
            parts = topic.definition.split(RULE)[1:] if topic.definition.startswith(RULE) else [topic.definition]
            types: dict[str, Any] = {}
            for part in parts:
                types.update(get_types_from_idl(part.split("\n", 1)[1] if part.startswith("IDL: ") else part))
            return types
        except (TypesysError, IndexError, ValueError):
            self.skipped[f"definition of {topic.msgtype} in the bag cannot be read"] += 1
            return {}

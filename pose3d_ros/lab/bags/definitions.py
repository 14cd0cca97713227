"""Message types: those a bag carries, those handed over as .msg files, and those known here."""

from collections import Counter
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.files import read_text
from pose3d_ros.core.paths import share_dir
from pose3d_ros.lab.bags.compression import unpack_message
from pose3d_ros.lab.bags.raw import Topic

TEXT_BYTES = 256 << 10  # of one type with all that it is made of; the longest standard one has a tenth
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
                types.update(get_types_from_msg(read_text(file, "message definition"), f"{owner}/msg/{file.stem}"))
            except (TypesysError, IndexError, ValueError, RecursionError) as error:
                raise InputError(f"message definition {file}: cannot be read: {error}") from None
    return types


class Decoder:
    """Serialised messages to objects with their fields. `skipped` counts definitions that could not be read.

    `handed` are .msg files or folders for types of which the bag has no definition.
    """

    def __init__(self, topics: Sequence[Topic], handed: Sequence[Path] = ()) -> None:
        self._definitions = tuple(sorted({topic[1:] for topic in topics if topic.definition}))
        self._handed = from_files(handed)

    @cached_property
    def _known(self) -> tuple[Typestore, Counter[str]]:
        make = _combined if self._handed else _of_bags
        return make(self._definitions, *([self._handed] if self._handed else []))

    @property
    def skipped(self) -> Counter[str]:
        return self._known[1]

    def __call__(self, data: bytes | memoryview, msgtype: str) -> Any:
        """The message. Raises ValueError where the bytes are none, InputError where the type is not defined."""
        store = self._known[0]
        if msgtype not in store.fielddefs:
            package = msgtype.split("/")[0]
            raise InputError(
                f"{msgtype}: the bag holds no definition of this type; hand over the .msg files of package {package} "
                f"(--topic msgs=FOLDER/{package}), or record with mcap (ros2 bag record -s mcap), which stores them"
            )
        try:
            return store.deserialize_cdr(unpack_message(data), msgtype)
        except Exception as error:  # damaged bytes fail anywhere in the generated code
            raise ValueError(f"{msgtype}: {error}") from None


Definitions = tuple[tuple[str, str, str], ...]  # type, its definition, encoding


@lru_cache(maxsize=16)
def _of_bags(definitions: Definitions) -> tuple[Typestore, Counter[str]]:
    """Kept, since making it takes longer than reading a small bag, and the bags of a robot have the same types."""
    return _combined(definitions, {})


def _combined(definitions: Definitions, handed: dict[str, Any]) -> tuple[Typestore, Counter[str]]:
    """Types by name: the bag's own win, since they are what was serialised; then those handed over, then those known
    here. And how many of the bag's could not be read."""
    skipped: Counter[str] = Counter()
    types = {**typestore().fielddefs, **handed}
    for msgtype, text, encoding in definitions:
        try:
            if len(text) > TEXT_BYTES:
                raise ValueError("too long")
            types.update(_parsed(msgtype, text, encoding))
        except (TypesysError, IndexError, ValueError, RecursionError):
            skipped[f"definition of {msgtype} in the bag cannot be read"] += 1
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return store, skipped


def _parsed(msgtype: str, text: str, encoding: str) -> dict[str, Any]:
    """A type and those that it is made of."""
    if encoding == "ros2msg":
        return get_types_from_msg(text, msgtype)
    types: dict[str, Any] = {}
    for part in text.split(RULE)[1:] if text.startswith(RULE) else [text]:
        types.update(get_types_from_idl(part.split("\n", 1)[1] if part.startswith("IDL: ") else part))
    return types

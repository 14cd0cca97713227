"""The files of a rosbag2, whatever state they are in: one by one, and merged in order of arrival."""

import re
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Collection, Iterator
from heapq import merge
from pathlib import Path
from typing import Any

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.files import read_yaml
from pose3d_ros.lab.bags.compression import unpack_file
from pose3d_ros.lab.bags.mcap_file import McapFile
from pose3d_ros.lab.bags.raw import Raw, StorageFile, Topic
from pose3d_ros.lab.bags.sqlite_file import SqliteFile


class Storage:
    """All files of one bag: a folder (with or without metadata.yaml) or one file, split or not, compressed or not.

    Raises InputError where there is nothing that could be a bag.
    """

    def __init__(self, path: Path) -> None:
        self._scratch: Path | None = None
        self.missing: Counter[str] = Counter()
        self.files = [self._open(file) for file in self._find(path)]
        self.topics: dict[str, Topic] = {}
        for file in self.files:
            for name, topic in file.topics.items():
                known = self.topics.get(name)
                if known is None or not known.definition:
                    self.topics[name] = topic

    @property
    def damage(self) -> Counter[str]:
        """Of all files."""
        return sum((file.damage for file in self.files), self.missing.copy())

    def span_ns(self) -> tuple[int, int] | None:
        """Arrival of the first and the last message, None where there is none."""
        spans = [span for file in self.files if (span := file.span_ns())]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def messages(self, topics: Collection[str]) -> Iterator[Raw]:
        """Those of the topics, in order of arrival. `place` is for `read`."""
        return merge(*(self._placed(number, topics) for number in range(len(self.files))), key=lambda raw: raw.at_ns)

    def read(self, place: tuple[int, Any]) -> bytes | memoryview:
        """The message of a `Raw.place` again."""
        number, inside = place
        return self.files[number].read(inside)

    def _placed(self, number: int, topics: Collection[str]) -> Iterator[Raw]:
        for raw in self.files[number].messages(topics):
            yield raw._replace(place=(number, raw.place))

    def _find(self, path: Path) -> list[Path]:
        if not path.exists():
            raise InputError(f"bag {path}: there is no such file or folder")
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise InputError(f"bag {path}: expected a folder or a regular file, got a device, pipe or socket")
        files = [p for p in path.iterdir() if p.is_file() and _kind(p)]
        plain = {p.name for p in files}
        files = [p for p in files if p.suffix != ".zstd" or p.stem not in plain]
        if not files:
            raise InputError(f"bag {path}: expected a rosbag2 (its folder, or one .mcap or .db3 file), found none")
        for name in self._listed(path / "metadata.yaml"):
            if name not in plain and name.removesuffix(".zstd") not in plain:
                self.missing[f"file {name} of metadata.yaml is missing"] += 1
        return sorted(files, key=lambda p: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", p.name)])

    def _listed(self, metadata: Path) -> list[str]:
        """Names of the files that metadata.yaml lists; a damaged one is as good as none."""
        if not metadata.exists():
            return []
        try:
            info = read_yaml(metadata, "description")["rosbag2_bagfile_information"]
            return [Path(name).name for name in info["relative_file_paths"]]
        except (InputError, KeyError, TypeError):
            self.missing["metadata.yaml cannot be read"] += 1
            return []

    def _open(self, file: Path) -> StorageFile:
        kind = _kind(file)
        if not kind:
            raise InputError(f"bag {file}: expected a rosbag2 (its folder, or one .mcap or .db3 file)")
        if file.suffix == ".zstd":
            lost: Counter[str] = Counter()
            file = unpack_file(file, self._folder() / file.stem, lost)
            self.missing += lost
        return McapFile(file) if kind == ".mcap" else SqliteFile(file, self._folder)

    def _folder(self) -> Path:
        """For files that have to be unpacked; removed with this object."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="pose3d_bag_"))
            weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        return self._scratch


def _kind(file: Path) -> str:
    """.mcap or .db3, "" for other files."""
    suffix = Path(file.name.removesuffix(".zstd")).suffix
    return suffix if suffix in (".mcap", ".db3") else ""

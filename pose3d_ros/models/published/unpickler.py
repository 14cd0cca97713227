"""Reads the zip files that `torch.save` writes without torch.load, and without running anything: tensors and plain
containers come back, and a `Foreign` in the place of everything else.

torch.load is not used: a zip with `constants.pkl` makes it call torch.jit.load, whose code can write files
(pytorch#143326), whatever unpickler it was given.
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose3d_ros.core.errors import CheckpointError

MOST_ENTRIES = 100_000
PICKLE_BYTES = 4 << 20  # of the settings and the list of tensors; HMR2.0's is a tenth of this
LOCAL_HEAD = 30  # bytes of a zip entry's own header before its name
DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Foreign(dict):
    """Stands for a class or function that is not called, and for what it would have made."""

    __hash__ = object.__hash__


class Storage(str):
    """Name of a storage type, where a pickle names it."""

    __slots__ = ()


def _tensor(flat: Any, offset: int, size: tuple, stride: tuple, *_: Any) -> torch.Tensor:
    """What torch._utils._rebuild_tensor_v2 gives; torch refuses what reaches out of the storage."""
    if math.prod(size) > flat.numel():  # a stride of 0 makes terabytes of a byte
        raise pickle.UnpicklingError(f"a tensor of shape {size} from {flat.numel()} values")
    return torch.as_strided(flat, size, stride, offset)


CALLABLE: dict[tuple[str, str], Callable] = {
    ("collections", "OrderedDict"): lambda *_: OrderedDict(),
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
}


class Known:
    """One of `CALLABLE` in a pickle's hands: it can be called by REDUCE, and nothing else."""

    __slots__ = ("call",)

    def __init__(self, call: Callable) -> None:
        self.call = call


class Unpickler(pickle._Unpickler):
    """Knows what tensors are made of, and nothing else. States of objects are dropped (no BUILD), and keys are plain:
    to hash tuples within tuples could take for ever."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, content: bytes, storage: Callable[[tuple], torch.Tensor]) -> None:
        super().__init__(BytesIO(content))
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in DTYPES:
            return Storage(name)
        call = CALLABLE.get((module, name))
        return Known(call) if call else Foreign

    def persistent_load(self, pid: Any) -> torch.Tensor:
        return self._storage(pid)

    def _reduce(self) -> None:
        args = self.stack.pop()
        known = self.stack[-1]
        self.stack[-1] = known.call(*args) if isinstance(known, Known) else Foreign()

    def _build(self) -> None:
        self.stack.pop()

    def _new(self) -> None:
        self.stack.pop()
        self.stack[-1] = Foreign()

    def _new_with_keywords(self) -> None:
        self.stack.pop()
        self._new()

    def _instance(self) -> None:
        self.find_class(self.readline().decode("ascii"), self.readline().decode("ascii"))
        self.pop_mark()
        self.append(Foreign())

    def _object(self) -> None:
        self.pop_mark()
        self.append(Foreign())

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put([key, value])

    def _set_items(self) -> None:
        items = self.pop_mark()
        self._put(items)

    def _put(self, items: list) -> None:
        into = self.stack[-1]
        if type(into) in (dict, OrderedDict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, str | int | float | bytes | None):
                    into[key] = value

    def _add_items(self) -> None:
        self.pop_mark()

    def _append(self) -> None:
        value = self.stack.pop()
        if type(self.stack[-1]) is list:
            self.stack[-1].append(value)

    def _appends(self) -> None:
        values = self.pop_mark()
        if type(self.stack[-1]) is list:
            self.stack[-1].extend(values)

    def _refused(self) -> None:
        raise pickle.UnpicklingError("an operation that torch does not write")

    dispatch |= {
        pickle.REDUCE[0]: _reduce, pickle.BUILD[0]: _build, pickle.NEWOBJ[0]: _new, pickle.INST[0]: _instance,
        pickle.NEWOBJ_EX[0]: _new_with_keywords, pickle.OBJ[0]: _object, pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items, pickle.ADDITEMS[0]: _add_items, pickle.FROZENSET[0]: _object,
        pickle.APPEND[0]: _append, pickle.APPENDS[0]: _appends, pickle.BYTEARRAY8[0]: _refused,
        pickle.EXT1[0]: _refused, pickle.EXT2[0]: _refused, pickle.EXT4[0]: _refused, pickle.NEXT_BUFFER[0]: _refused,
    }  # fmt: skip


class Archive:
    """The zip file of one checkpoint. Raises CheckpointError for what torch.save does not write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            entries = zip_entries(file)
            if entries > MOST_ENTRIES:
                raise CheckpointError(f"checkpoint {path}: expected at most {MOST_ENTRIES} parts, it has {entries}")
            self._entries = {entry.filename: entry for entry in zipfile.ZipFile(file).infolist()}
        pickles = [name for name in self._entries if name.endswith(".pkl")]
        if any(name.endswith("constants.pkl") or "/code/" in name for name in self._entries):
            raise CheckpointError(
                f"checkpoint {path}: a TorchScript archive, which holds code; save the network's state_dict instead"
            )
        if len(pickles) != 1 or any(entry.compress_type for entry in self._entries.values()):
            raise CheckpointError(f"checkpoint {path}: expected a file as torch.save writes it, got another zip file")
        self._folder = pickles[0].removesuffix("data.pkl")
        self._bytes = np.memmap(path, np.uint8, "c")  # private: nothing is written back

    def load(self) -> Any:
        """What was saved. Raises anything that a damaged pickle raises."""
        content = self._content(f"{self._folder}data.pkl")
        if content.size > PICKLE_BYTES:
            raise ValueError(f"expected at most {PICKLE_BYTES} bytes of settings, got {content.size}")
        return Unpickler(content.tobytes(), self._storage).load()

    def _storage(self, pid: Any) -> torch.Tensor:
        """The flat tensor of a stored array."""
        kind, type_, key, _, count = pid
        if kind != "storage" or not isinstance(type_, Storage) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"expected a storage of torch, got {type(type_).__name__}")
        dtype = DTYPES[type_]
        content = self._content(f"{self._folder}data/{key}")
        if count * dtype.itemsize != content.size:
            raise pickle.UnpicklingError(f"storage {key}: expected {count * dtype.itemsize} bytes, got {content.size}")
        return torch.frombuffer(content, dtype=dtype) if count else torch.empty(0, dtype=dtype)

    def _content(self, name: str) -> np.ndarray:
        """The bytes of an entry where they lie. Its local header says where: the directory's lengths may differ."""
        entry = self._entries[name]
        at = entry.header_offset
        name_length, extra_length = self._bytes[at + 26 : at + LOCAL_HEAD].view("<u2")
        start = at + LOCAL_HEAD + int(name_length) + int(extra_length)
        content = self._bytes[start : start + entry.file_size]
        if content.size != entry.file_size:
            raise zipfile.BadZipFile(f"{name} reaches beyond the end of the file")
        return content


def zip_entries(file: Any) -> int:
    """How many entries a zip file has, or could have by the size of its directory, before any of them is read."""
    end = zipfile._EndRecData(file)
    if not end:
        raise zipfile.BadZipFile("not a zip file")
    return max(end[4], end[5] // 46)

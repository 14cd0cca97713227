"""Decompression that gives what there is: a stream that was cut off yields its beginning."""

import sys
from collections import Counter
from pathlib import Path

import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no CDR message starts with it: those start with 0x00
BLOCK = 1 << 20
ERRORS = (zstd.ZstdError, RuntimeError, EOFError, OSError)  # lz4 raises RuntimeError


def unpack(data: bytes | memoryview, compression: str) -> bytes | memoryview:
    """A chunk of an mcap file. Empty where the compression is unknown or nothing can be recovered."""
    if not compression:
        return data
    if compression not in ("zstd", "lz4"):
        return b""
    stream = zstd.ZstdDecompressor() if compression == "zstd" else lz4.frame.LZ4FrameDecompressor()
    found = bytearray()
    try:
        for start in range(0, len(data), BLOCK):  # in blocks: an error costs what follows, not what came before
            if stream.eof:
                break
            found += stream.decompress(bytes(data[start : start + BLOCK]))
    except ERRORS:
        pass
    return bytes(found)


def unpack_message(data: bytes | memoryview) -> bytes:
    """A message as it was before rosbag2's compression by message, if it was. Raises one of `ERRORS`."""
    data = bytes(data)
    return zstd.decompress(data) if data[:4] == ZSTD_MAGIC else data


def unpack_file(file: Path, target: Path, lost: Counter[str]) -> Path:
    """A file as it was before rosbag2's compression by file; `lost` counts where the end is missing."""
    with target.open("wb") as out:
        try:
            with zstd.open(file, "rb") as source:
                while block := source.read(BLOCK):
                    out.write(block)
        except ERRORS:
            lost[f"{file.name}: compressed file is cut off or damaged"] += 1
    return target

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
MOST_BYTES = 128 << 20  # of one chunk or message: the largest image has a quarter of this
RATIO, SPARE_BYTES = 100, 1 << 30  # a whole file unpacks to no more than so many times its size, and this
ERRORS = (zstd.ZstdError, RuntimeError, EOFError, OSError)  # lz4 raises RuntimeError


def unpack(data: bytes | memoryview, compression: str, full_size: int) -> bytes | memoryview:
    """A chunk of an mcap file, `full_size` bytes as it says itself, and never more. Empty where the compression is
    unknown or nothing can be recovered."""
    if not compression:
        return data
    if compression not in ("zstd", "lz4") or full_size > MOST_BYTES:
        return b""
    stream = zstd.ZstdDecompressor() if compression == "zstd" else lz4.frame.LZ4FrameDecompressor()
    found = bytearray()
    try:
        for start in range(0, len(data), BLOCK):  # in blocks: an error costs what follows, not what came before
            block = bytes(data[start : start + BLOCK])
            while not stream.eof and len(found) <= full_size:  # one byte more than there should be shows that it lies
                found += stream.decompress(block, full_size + 1 - len(found))
                block = b""
                if stream.needs_input:
                    break
    except ERRORS:
        pass
    return memoryview(found)


def unpack_message(data: bytes | memoryview) -> bytes:
    """A message as it was before rosbag2's compression by message, if it was. Raises one of `ERRORS`."""
    data = bytes(data)
    if data[:4] != ZSTD_MAGIC:
        return data
    stream = zstd.ZstdDecompressor()
    found = stream.decompress(data, MOST_BYTES)
    if not stream.eof:
        raise EOFError(f"expected a message of at most {MOST_BYTES} bytes, and whole")
    return found


def unpack_file(file: Path, target: Path, lost: Counter[str]) -> Path:
    """A file as it was before rosbag2's compression by file; `lost` counts where the end is missing, or is left out
    since it would be absurdly large."""
    left = SPARE_BYTES + RATIO * file.stat().st_size
    with target.open("wb") as out:
        try:
            with zstd.open(file, "rb") as source:
                while block := source.read(BLOCK):
                    out.write(block)
                    left -= len(block)
                    if left < 0:
                        lost[f"{file.name}: unpacks to more than {RATIO} times its size; the rest is left out"] += 1
                        break
        except ERRORS:
            lost[f"{file.name}: compressed file is cut off or damaged"] += 1
    return target

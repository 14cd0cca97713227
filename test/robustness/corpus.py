"""Files made to hurt whoever reads them, and who reads them here: `python test/robustness/corpus.py FOLDER` tries all
and prints a JSON line for each.

None may run what lies in it (a canary file would appear), take much memory or time, or end in anything but one line.
"""

import io
import json
import os
import pickle
import sqlite3
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.models import registry

GIB = 1 << 30


class Case(NamedTuple):
    """A hostile file, and what reads it. `harmless`: it may also be read, if nothing comes of it."""

    name: str
    read: Callable[[], object]
    harmless: bool = False


class Spring:
    """Its unpickling makes a folder."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.canary),)


class Overwriter(torch.nn.Module):
    """As TorchScript, it writes to a file when it is loaded."""

    def __init__(self, canary: str) -> None:
        super().__init__()
        self.canary = canary

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.canary, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.canary, self.training = state[0], state[1]
        torch.from_file(self.canary, True, 4, dtype=torch.uint8).fill_(88)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def published(folder: Path, canary: Path) -> list[Case]:
    """Checkpoints for `pose3d convert`."""
    from pose3d_ros.models.published import files as published_files

    def zipped(name: str, content: bytes, compression: int = zipfile.ZIP_STORED, **more: bytes) -> Case:
        with zipfile.ZipFile(folder / name, "w", compression) as archive:
            archive.writestr("a/data.pkl", content)
            for entry, data in more.items():
                archive.writestr(f"a/data/{entry}", data)
        return convert(name)

    def convert(name: str) -> Case:
        return Case(name, lambda: published_files.convert(folder / name, folder / "new.safetensors"))

    torch.save({"state_dict": Spring(canary)}, folder / "reduce.ckpt")
    torch.jit.save(torch.jit.script(Overwriter(str(canary))), str(folder / "torchscript.ckpt"))
    build = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__K\x01\x85s\x86b."
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
    stretched = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage
    stretched += b"K\x00(J\x00\x00\x01\x00J\x00\x00\x01\x00tK\x00K\x00\x86\x89Nt R".replace(b" ", b"") + b"."
    doubled = b")q\x00" + b"".join(b"0(h%ch%ctq%c" % (i, i, i + 1) for i in range(60))  # a tuple of 2^60 leaves
    return [
        convert("reduce.ckpt"), convert("torchscript.ckpt"),
        zipped("build.ckpt", build), zipped("long_binput.ckpt", b"\x80\x02Nr\xff\xff\xff\x0f."),
        zipped("deep.ckpt", b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b"."),
        zipped("bytearray.ckpt", b"\x80\x05\x96" + struct.pack("<Q", 8 * GIB) + b"."),
        zipped("deflated.ckpt", b"]" * 50_000_000, zipfile.ZIP_DEFLATED),
        zipped("long.ckpt", b"\x80\x02}" + b"0}" * 30_000_000 + b"."),
        zipped("hash.ckpt", b"\x80\x02}" + doubled + b"Ns."),
        zipped("stretched.ckpt", b"\x80\x02}X\x0b\x00\x00\x00smpl_head.x" + stretched[2:-1] + b"s.", **{"0": b"abcd"}),
        zipped("extension.ckpt", b"\x80\x02\x82\x01."),
    ]  # fmt: skip


def weights(folder: Path, canary: Path) -> list[Case]:
    """Weights by path."""
    good = registry.find("body_dtf27")
    tensors = load_file(good)
    with good.open("rb") as file:
        header = json.loads(json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]["pose3d_ros"])

    def saved(name: str, text: str) -> Case:
        save_file({k: v.clone() for k, v in tensors.items()}, folder / name, metadata={"pose3d_ros": text})
        return Case(name, lambda: registry.load_lifter(folder / name))

    def other(name: str, **config: object) -> Case:
        return saved(name, json.dumps({**header, "config": {**header["config"], **config}}))

    def raw(name: str, content: bytes) -> Case:
        (folder / name).write_bytes(content)
        return Case(name, lambda: registry.load_lifter(folder / name))

    return [
        saved("deep.safetensors", "[" * 100_000), saved("digits.safetensors", "1" * 100_000),
        other("layers.safetensors", layers=1_000_000), other("wide.safetensors", channels=1 << 40, heads=1),
        other("zero.safetensors", heads=0), other("text.safetensors", channels="many"),
        raw("header.safetensors", struct.pack("<Q", 50 << 20) + b"[" * (50 << 20) + b" "),
        raw("pickle.safetensors", pickle.dumps(Spring(canary))),
    ]  # fmt: skip


def bags(folder: Path, canary: Path) -> list[Case]:
    """Recordings."""
    from pose3d_ros.lab.bags.mcap_file import CHUNK, CHUNK_HEAD, MAGIC, RECORD
    from pose3d_ros.lab.bags.reader import Bag

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    def read(path: Path) -> None:
        bag = Bag(path)
        list(bag.inputs())
        assert bag.skipped, "nothing was said"

    def chunked(name: str, data: bytes, declared: int) -> Case:
        body = CHUNK_HEAD.pack(0, 1, declared, 0, 4) + b"zstd" + struct.pack("<Q", len(data)) + data
        (folder / name).write_bytes(MAGIC + RECORD.pack(CHUNK, len(body)) + body)
        return Case(name, lambda: read(folder / name), harmless=True)

    stream = zstd.ZstdCompressor(3)
    bomb = b"".join(stream.compress(bytes(1 << 26)) for _ in range(64)) + stream.flush()  # 4 GiB of nothing
    view = folder / "view.db3"
    with sqlite3.connect(view) as db:
        db.execute("CREATE TABLE topics(id, name, type, serialization_format)")
        db.execute(
            "CREATE VIEW messages AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
            "SELECT x AS id, 1 AS topic_id, x AS timestamp, zeroblob(1000000000) AS data FROM c"
        )
    db.close()

    def described(name: str, text: bytes) -> Case:
        place = folder / name
        place.mkdir()
        (place / "a.mcap").write_bytes(MAGIC)
        (place / "metadata.yaml").write_bytes(text)
        return Case(name, lambda: read(place), harmless=True)

    os.mkfifo(folder / "pipe.mcap")
    (folder / "huge.mcap.zstd").write_bytes(bomb)
    return [
        chunked("honest_bomb.mcap", bomb, 4 * GIB), chunked("lying_bomb.mcap", bomb, 1000),
        chunked("endless.mcap", bomb, 1 << 63), Case("view.db3", lambda: read(view)),
        Case("pipe.mcap", lambda: read(folder / "pipe.mcap")),
        described("deep_yaml", b"a: " + b"[" * 5000), described("date_yaml", b"a: 2020-99-99"),
        described("digits_yaml", b"a: " + b"1" * 100_000), described("large_yaml", b"- a\n" * (25 << 20)),
        described("alias_yaml", b"a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]"),
    ]  # fmt: skip


def tables(folder: Path, canary: Path) -> list[Case]:
    """Truth, joint maps and parameters."""
    from pose3d_ros.adapters.joints import read_joint_map
    from pose3d_ros.cli.parameters import pipeline_config
    from pose3d_ros.lab.bags.truth_files import read_file
    from pose3d_ros.lab.evaluation.bags.run import load_run

    def truth(name: str, content: bytes) -> Case:
        (folder / name).write_bytes(content)
        return Case(name, lambda: read_file(folder / name, None, "h36m17", 0))

    def yaml(name: str, text: str) -> list[Case]:
        path = folder / name
        path.write_text(text)
        return [Case(name, lambda: read_joint_map(path)), Case(f"{name} as parameters", lambda: pipeline_config(path))]

    def npz(name: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> Case:
        with zipfile.ZipFile(folder / name, "w", compression) as archive:
            for key in ("xyz_m", "joints", "stamps_ns"):
                archive.writestr(f"{key}.npy", content)
        return truth(name, (folder / name).read_bytes())

    vast = io.BytesIO()
    np.lib.format.write_array_header_1_0(vast, {"descr": "<f8", "fortran_order": False, "shape": (1 << 45, 3)})
    np.savez(folder / "objects.npz", xyz_m=np.array([Spring(canary)], object), joints=["a"], stamps_ns=[1])
    (folder / "run").mkdir()
    (folder / "run" / "run.json").write_text("[" * 200_000)
    points = b"".join(b"%d,j%d,0,0,0\n" % (i, i) for i in range(20_000))
    return [
        truth("objects.npz", (folder / "objects.npz").read_bytes()), truth("pickle.npz", pickle.dumps(Spring(canary))),
        npz("vast.npz", vast.getvalue()), npz("zeros.npz", bytes(50 << 20), zipfile.ZIP_DEFLATED),
        truth("text.npz", b"hello"), truth("infinite.csv", b"time_s,pelvis_x,pelvis_y,pelvis_z\ninf,1,2,3\n"),
        truth("field.csv", b"time_s,pelvis_x,pelvis_y,pelvis_z\n" + b"1" * 200_000 + b",1,2,3\n"),
        truth("latin.csv", b"time_s,pelvis_x,pelvis_y,pelvis_z\n\xff\xfe,1,2,3\n"),
        truth("square.csv", b"stamp_ns,joint,x,y,z\n" + points),
        truth("short.c3d", struct.pack("<BBHHHHHfHH", 2, 0x50, 60000, 0, 1, 65535, 0, -1.0, 20, 0) + bytes(500)),
        truth("zero.c3d", bytes(2000)),
        *yaml("deep.yaml", "a: " + "[" * 5000), *yaml("date.yaml", "a: 2020-99-99"),
        *yaml("digits.yaml", "a: " + "1" * 100_000), *yaml("tag.yaml", "a: !!python/object/apply:os.system ['ls']"),
        *yaml("alias.yaml", "a: &a [1]\nb: [*a, *a]"), Case("run.json", lambda: load_run(folder / "run")),
    ]  # fmt: skip


def peak_bytes(reset: bool = False) -> int:
    """The largest resident memory of this process since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def attempt(case: Case) -> dict:
    """What came of one file."""
    before, begin = peak_bytes(reset=True), time.process_time()
    try:
        case.read()
        outcome = "read" if case.harmless else "READ WITHOUT A WORD"
    except (Pose3DError, OSError) as error:
        outcome = f"{type(error).__name__}: {error}"
    except BaseException as error:
        outcome = f"TRACEBACK {type(error).__name__}: {error}"
    seconds = time.process_time() - begin
    return {"name": case.name, "outcome": outcome, "mb": (peak_bytes() - before) / 1e6, "seconds": seconds}


def main(folder: Path) -> None:
    """Make all, try all."""
    canary = folder / "canary"
    for make in (published, weights, bags, tables):
        place = folder / make.__name__
        place.mkdir()
        for case in make(place, canary):
            print(json.dumps({"group": make.__name__, **attempt(case), "canary": canary.exists()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

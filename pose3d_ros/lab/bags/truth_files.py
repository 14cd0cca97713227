"""Files of motion capture as truth: npz, CSV (wide or long) and C3D."""

import csv
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pose3d_ros.adapters.joints import UNITS_M, JointMap, by_name
from pose3d_ros.core import files
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import MAX_STAMP_NS, Skeletons3D
from pose3d_ros.lab.bags.types import Timeline

NS_PER_S = 1_000_000_000
AXES = ("x", "y", "z")
MOST_POINTS = 20_000_000  # half a gigabyte
MOST_RATE_HZ = 100_000.0
C3D_MARK = 0x50


class Capture(NamedTuple):
    """`stamps_ns` (F,); `xyz` (F, P, 3) points, NaN where hidden, metres unless the joint map says; `names` (P,).

    A name is the joint's, or PERSON/JOINT where there are several `people`.
    """

    stamps_ns: np.ndarray
    xyz: np.ndarray
    names: tuple[str, ...]
    frame_id: str = ""


def read_file(path: Path, joints: JointMap | None, skeleton: str, offset_ns: int) -> Timeline:
    """The file's skeletons in the frame that the joint map (or the npz) names, else in the camera's.

    Without a map, points must bear our names (PERSON/JOINT where there are several people). Raises InputError.
    """
    if path.suffix.lower() not in READERS:
        raise InputError(f"truth file {path}: expected one of {', '.join(READERS)}")
    if not path.is_file():
        raise InputError(f"truth file {path}: there is no such file")
    capture = READERS[path.suffix.lower()](path)
    people = _people_of(capture.names)
    if joints is None:
        joints = by_name(skeleton) if people == ("",) else by_name(skeleton, "{person}/")
        joints = replace(joints, people=people)
    row = {name: i for i, name in enumerate(capture.names)}
    wanted = {n for person in joints.people for names in joints.names(person).values() for n in names}
    if not wanted & row.keys():
        raise InputError(
            f"truth file {path}: none of its points bears a joint's name of {joints.skeleton}; give a joint map. "
            f"It has {', '.join(capture.names[:40])}"
        )
    frames = {}
    for stamp_ns, xyz in zip(capture.stamps_ns, capture.xyz, strict=True):
        points = {name: xyz[row[name]] for name in wanted & row.keys() if np.isfinite(xyz[row[name]]).all()}
        found = (joints.person(points, name, number) for number, name in enumerate(joints.people, start=1))
        stamp = int(stamp_ns) + offset_ns
        frames.setdefault(stamp, Skeletons3D(stamp, joints.frame_id or capture.frame_id, tuple(p for p in found if p)))
    return Timeline(tuple(frames[stamp] for stamp in sorted(frames)), {}, f"file:{path.name}")


def _people_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Of names PERSON/JOINT; ("",) where there are none."""
    return tuple(dict.fromkeys(name.rpartition("/")[0] for name in names)) or ("",)


def read_npz(path: Path) -> Capture:
    """Keys: `stamps_ns` (F,) int or `times_s` (F,); `xyz_m` (F, J, 3) or (F, N, J, 3); `joints` (J,) names; optional
    `people` (N,) names, `frame_id`. Raises InputError."""
    data = files.read_npz(path, "truth file")
    if not {"xyz_m", "joints"} <= data.keys() or not {"stamps_ns", "times_s"} & data.keys():
        raise InputError(
            f"truth file {path}: expected the keys xyz_m, joints and stamps_ns (or times_s), got {list(data)}"
        )
    stamps = data["stamps_ns"] if "stamps_ns" in data else np.rint(data["times_s"] * NS_PER_S)
    xyz, joints = data["xyz_m"], [str(name) for name in np.atleast_1d(data["joints"])]
    frame_id = str(data["frame_id"]) if "frame_id" in data else ""
    people = [str(name) for name in np.atleast_1d(data["people"])] if "people" in data else None
    if stamps.ndim != 1 or stamps.dtype.kind not in "iuf" or not (np.abs(stamps.astype(float)) < MAX_STAMP_NS).all():
        raise InputError(f"truth file {path}: expected stamps (F,) of this time, got {stamps.dtype} {stamps.shape}")
    if xyz.ndim == 4:
        people = people or [str(number) for number in range(xyz.shape[1])]
    names = [f"{person}/{joint}" for person in people for joint in joints] if people else joints
    if xyz.ndim not in (3, 4) or xyz.shape[-1] != 3 or len(stamps) != len(xyz) or xyz.size != 3 * len(xyz) * len(names):
        raise InputError(f"truth file {path}: expected xyz_m ({len(stamps)}, {len(names)} points, 3), got {xyz.shape}")
    return Capture(stamps.astype(np.int64), xyz.reshape(len(xyz), -1, 3).astype(np.float64), tuple(names), frame_id)


def read_csv(path: Path) -> Capture:
    """Metres. Wide: columns `stamp_ns` or `time_s`, then NAME_x, NAME_y, NAME_z. Long: `stamp_ns` or `time_s`,
    `joint`, `x`, `y`, `z` and optionally `person`. An empty cell is a hidden joint. Raises InputError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            clock = next((name for name in ("stamp_ns", "time_s") if name in columns), None)
            if clock is None:
                got = ", ".join(columns[:20])
                raise InputError(f"truth file {path}: expected a column stamp_ns or time_s, got {got:.200}")
            return _long(reader, clock) if {"joint", *AXES} <= set(columns) else _wide(path, reader, columns, clock)
    except (ValueError, OverflowError, TypeError, csv.Error) as error:
        raise error if isinstance(error, InputError) else InputError(f"truth file {path}: {error}") from None


def _long(rows: Iterable[dict[str, str]], clock: str) -> Capture:
    found = [(_stamp(row[clock], clock), _point(row), [_number(row[axis]) for axis in AXES]) for row in rows]
    stamps = sorted({stamp for stamp, _, _ in found})
    names = list(dict.fromkeys(name for _, name, _ in found))
    if len(stamps) * len(names) > MOST_POINTS:
        raise ValueError(f"{len(stamps)} stamps of {len(names)} points: expected at most {MOST_POINTS} together")
    at, column = {stamp: i for i, stamp in enumerate(stamps)}, {name: i for i, name in enumerate(names)}
    xyz = np.full((len(stamps), len(names), 3), np.nan)
    for stamp, name, numbers in found:
        xyz[at[stamp], column[name]] = numbers
    return Capture(np.array(stamps, np.int64), xyz, tuple(names))


def _wide(path: Path, rows: Iterable[dict[str, str]], columns: list[str], clock: str) -> Capture:
    names = [name[:-2] for name in columns if name.endswith("_x")]
    lacking = [f"{name}_{axis}" for name in names for axis in AXES if f"{name}_{axis}" not in columns]
    if not names or lacking:
        raise InputError(
            f"truth file {path}: expected columns NAME_x, NAME_y, NAME_z; it lacks {lacking or 'them all'}"
        )
    stamps, xyz = [], []
    for row in rows:  # one by one: a file as dicts takes ten times its size
        stamps.append(_stamp(row[clock], clock))
        xyz.append(np.array([[_number(row[f"{name}_{axis}"]) for axis in AXES] for name in names]))
    whole = np.array(xyz, np.float64).reshape(len(stamps), len(names), 3)
    return Capture(np.array(stamps, np.int64), whole, tuple(names))


def read_c3d(path: Path) -> Capture:
    """Points of the file in its own unit; its first frame is at time 0: give the start of the recording as the offset.
    Hidden points are those with a negative residual. Raises InputError where ezc3d is missing."""
    try:
        import ezc3d
    except ImportError:
        raise InputError(f"truth file {path}: C3D needs ezc3d: pip install 'pose3d_ros[c3d]'") from None
    _check_c3d(path)
    try:
        content = ezc3d.c3d(str(path))
        point = content["parameters"]["POINT"]
        if not 0 < float(point["RATE"]["value"][0]) < MOST_RATE_HZ:
            raise ValueError(f"a rate of {point['RATE']['value'][0]} Hz")
    except Exception as error:  # of a library in C++, and of files that lack what every one has
        raise InputError(f"truth file {path}: cannot be read: {error}") from None
    xyz = np.moveaxis(content["data"]["points"][:3], 0, -1).swapaxes(0, 1).copy()
    xyz[(content["data"]["meta_points"]["residuals"][0] < 0).T] = np.nan
    unit = (point["UNITS"]["value"] or ["mm"])[0]
    rate_hz, first = float(point["RATE"]["value"][0]), content["header"]["points"]["first_frame"]
    stamps = np.rint((np.arange(len(xyz)) + first) * NS_PER_S / rate_hz).astype(np.int64)
    names = tuple(name.replace(":", "/") for name in point["LABELS"]["value"])
    return Capture(stamps, xyz * UNITS_M.get(unit, 1.0), names)


def _check_c3d(path: Path) -> None:
    """The header, before a library believes it. Raises InputError where the file is shorter than it says."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[1] != C3D_MARK:
        raise InputError(f"truth file {path}: cannot be read: it does not start like a C3D file")
    points, analog, first, last, _, scale, block, _ = struct.unpack_from("<HHHHHfHH", head, 2)
    frames, width = max(last - first + 1, 1), 4 if scale < 0 else 2
    if width * (points * 4 + analog) * frames + 512 * max(block - 1, 0) > path.stat().st_size:
        raise InputError(f"truth file {path}: cannot be read: shorter than its {frames} frames of {points} points")


def _point(row: dict[str, str]) -> str:
    return f"{row['person']}/{row['joint']}" if row.get("person") else row["joint"]


def _stamp(text: str, clock: str) -> int:
    return int(text) if clock == "stamp_ns" else round(float(text) * NS_PER_S)


def _number(text: str | None) -> float:
    return float(text) if text and text.strip() else np.nan


READERS: dict[str, Callable[[Path], Capture]] = {".npz": read_npz, ".csv": read_csv, ".c3d": read_c3d}

"""Files of motion capture as truth: npz, CSV (wide or long) and C3D."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.lab.bags.joints import UNITS_M, JointMap, by_name
from pose3d_ros.lab.bags.types import Timeline

NS_PER_S = 1_000_000_000
AXES = ("x", "y", "z")


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
    with np.load(path) as data:
        missing = [key for key in ("xyz_m", "joints") if key not in data.files]
        if missing or not {"stamps_ns", "times_s"} & set(data.files):
            raise InputError(
                f"truth file {path}: expected the keys xyz_m, joints and stamps_ns (or times_s), got {data.files}"
            )
        stamps = data["stamps_ns"] if "stamps_ns" in data.files else np.rint(data["times_s"] * NS_PER_S)
        xyz, joints = data["xyz_m"], [str(name) for name in data["joints"]]
        frame_id = str(data["frame_id"]) if "frame_id" in data.files else ""
        people = [str(name) for name in data["people"]] if "people" in data.files else None
    if xyz.ndim == 4:
        people = people or [str(number) for number in range(xyz.shape[1])]
    names = [f"{person}/{joint}" for person in people for joint in joints] if people else joints
    if xyz.ndim not in (3, 4) or xyz.shape[-1] != 3 or len(stamps) != len(xyz) or xyz[0].size != 3 * len(names):
        raise InputError(f"truth file {path}: expected xyz_m ({len(stamps)}, {len(names)} points, 3), got {xyz.shape}")
    return Capture(stamps.astype(np.int64), xyz.reshape(len(xyz), -1, 3).astype(np.float64), tuple(names), frame_id)


def read_csv(path: Path) -> Capture:
    """Metres. Wide: columns `stamp_ns` or `time_s`, then NAME_x, NAME_y, NAME_z. Long: `stamp_ns` or `time_s`,
    `joint`, `x`, `y`, `z` and optionally `person`. An empty cell is a hidden joint. Raises InputError."""
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        rows = list(reader)
    clock = next((name for name in ("stamp_ns", "time_s") if name in columns), None)
    if clock is None:
        raise InputError(f"truth file {path}: expected a column stamp_ns or time_s, got {', '.join(columns[:20])}")
    try:
        return _long(rows, clock) if {"joint", *AXES} <= set(columns) else _wide(path, rows, columns, clock)
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(f"truth file {path}: {error}") from None


def _long(rows: list[dict[str, str]], clock: str) -> Capture:
    stamps = sorted({_stamp(row[clock], clock) for row in rows})
    names = list(dict.fromkeys(_point(row) for row in rows))
    at, column = {stamp: i for i, stamp in enumerate(stamps)}, {name: i for i, name in enumerate(names)}
    xyz = np.full((len(stamps), len(names), 3), np.nan)
    for row in rows:
        xyz[at[_stamp(row[clock], clock)], column[_point(row)]] = [_number(row[axis]) for axis in AXES]
    return Capture(np.array(stamps, np.int64), xyz, tuple(names))


def _wide(path: Path, rows: list[dict[str, str]], columns: list[str], clock: str) -> Capture:
    names = [name[:-2] for name in columns if name.endswith("_x")]
    lacking = [f"{name}_{axis}" for name in names for axis in AXES if f"{name}_{axis}" not in columns]
    if not names or lacking:
        raise InputError(
            f"truth file {path}: expected columns NAME_x, NAME_y, NAME_z; it lacks {lacking or 'them all'}"
        )
    stamps = np.array([_stamp(row[clock], clock) for row in rows], np.int64)
    xyz = [[[_number(row[f"{name}_{axis}"]) for axis in AXES] for name in names] for row in rows]
    return Capture(stamps, np.array(xyz, np.float64).reshape(len(rows), len(names), 3), tuple(names))


def read_c3d(path: Path) -> Capture:
    """Points of the file in its own unit; its first frame is at time 0: give the start of the recording as the offset.
    Hidden points are those with a negative residual. Raises InputError where ezc3d is missing."""
    try:
        import ezc3d
    except ImportError:
        raise InputError(f"truth file {path}: C3D needs ezc3d: pip install 'pose3d_ros[c3d]'") from None
    try:
        content = ezc3d.c3d(str(path))
    except OSError as error:
        raise InputError(f"truth file {path}: cannot be read: {error}") from None
    point = content["parameters"]["POINT"]
    xyz = np.moveaxis(content["data"]["points"][:3], 0, -1).swapaxes(0, 1).copy()
    xyz[(content["data"]["meta_points"]["residuals"][0] < 0).T] = np.nan
    unit = (point["UNITS"]["value"] or ["mm"])[0]
    rate_hz, first = float(point["RATE"]["value"][0]), content["header"]["points"]["first_frame"]
    stamps = np.rint((np.arange(len(xyz)) + first) * NS_PER_S / rate_hz).astype(np.int64)
    names = tuple(name.replace(":", "/") for name in point["LABELS"]["value"])
    return Capture(stamps, xyz * UNITS_M.get(unit, 1.0), names)


def _point(row: dict[str, str]) -> str:
    return f"{row['person']}/{row['joint']}" if row.get("person") else row["joint"]


def _stamp(text: str, clock: str) -> int:
    return int(text) if clock == "stamp_ns" else round(float(text) * NS_PER_S)


def _number(text: str | None) -> float:
    return float(text) if text and text.strip() else np.nan


READERS: dict[str, Callable[[Path], Capture]] = {".npz": read_npz, ".csv": read_csv, ".c3d": read_c3d}

"""Recorded hands: files (npz) of 21 joints, resampled to one rate, without the stretches in which a hand was lost."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.core.errors import InputError

# The test set of the hand lifter: the longest recording of free two-handed motion, and one of pinching, since a pinch
# is what a robot must tell from an open hand. The detected poses of the other file are no truth to test against.
LEFT_OUT = ("confidence-74fps", "pinch")
MAX_GAP_S = 0.1


@dataclass(frozen=True)
class Recording:
    """One hand without interruption: `xyz_m` float64 (F, 21, 3), z up, at one rate. `in_palm_frame`: the recording
    holds the pose of the fingers only, neither place nor direction."""

    name: str
    xyz_m: np.ndarray
    left: bool
    in_palm_frame: bool = False


def load(path: str | Path, rate_hz: float) -> list[Recording]:
    """All hands of a file, in pieces. Raises InputError where the file lacks a key or holds something else."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"hand motion {path}: there is no such file")
    with np.load(path) as data:
        missing = {"joints", "clip_offset", "clip_fps", "clip_name"} - set(data.files)
        if missing or data["joints"].shape[-2:] != (21, 3):
            raise InputError(
                f"hand motion {path}: expected joints (F, [2,] 21, 3) and clips; missing {sorted(missing)}"
            )
        table = {name: data[name] for name in data.files}
    return [rec for clip in range(len(table["clip_name"])) for rec in _clip(table, clip, rate_hz)]


def _clip(table: dict[str, np.ndarray], clip: int, rate_hz: float) -> list[Recording]:
    rows = slice(*table["clip_offset"][clip : clip + 2])
    name, joints = str(table["clip_name"][clip]), table["joints"][rows].astype(np.float64)
    if joints.ndim == 3:  # one right hand, every frame valid
        seconds = np.arange(len(joints)) / float(table["clip_fps"][clip])
        return [Recording(name, _resample(seconds, joints, rate_hz), False, True)]
    found = []
    for slot in (0, 1):
        valid, number = table["valid"][rows, slot], table["hand_id"][rows, slot]
        seconds = table["time"][rows]
        for piece in _pieces(seconds, valid, number):
            found.append(Recording(name, _resample(seconds[piece], joints[piece, slot], rate_hz), slot == 0))
    return found


def _pieces(seconds: np.ndarray, valid: np.ndarray, number: np.ndarray) -> list[np.ndarray]:
    """Rows in which one and the same hand is seen, of at least a fifth of a second."""
    rows = np.flatnonzero(valid)
    breaks = np.flatnonzero((np.diff(seconds[rows]) > MAX_GAP_S) | (np.diff(number[rows]) != 0)) + 1
    return [piece for piece in np.split(rows, breaks) if len(piece) > 1 and np.ptp(seconds[piece]) >= 0.2]


def _resample(seconds: np.ndarray, joints: np.ndarray, rate_hz: float) -> np.ndarray:
    """Linear in time; bones shorten by less than 0.1 % between frames that are 10 ms apart."""
    wanted = np.arange(seconds[0], seconds[-1], 1 / rate_hz)
    high = np.clip(np.searchsorted(seconds, wanted, side="right"), 1, len(seconds) - 1)
    part = (wanted - seconds[high - 1]) / np.maximum(seconds[high] - seconds[high - 1], 1e-9)
    return joints[high - 1] + part[:, None, None] * (joints[high] - joints[high - 1])

"""Two people recorded together, and how one hides the other."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.synthesis.body import BODY

KEYS = ("a_joints", "a_root", "b_joints", "b_root", "clip_offset", "clip_fps", "clip_name")
TRUNK = BODY.indices(("left_hip", "right_hip", "left_shoulder", "right_shoulder"))


class PairClip(NamedTuple):
    """`world_m` float32 (2, F, J, 3), z up, at `fps`."""

    name: str
    fps: float
    world_m: np.ndarray


def load_pairs(file: Path) -> list[PairClip]:
    """All clips of a file of pairs (npz, keys `KEYS`). Raises InputError."""
    if not file.is_file():
        raise InputError(f"file of pairs {file}: expected a file, there is none")
    with np.load(file) as data:
        missing = [key for key in KEYS if key not in data.files]
        if missing:
            raise InputError(f"file of pairs {file}: expected the keys {KEYS}, it lacks {missing}")
        arrays = {key: data[key] for key in KEYS}
    clips = []
    for clip, (start, end) in enumerate(zip(arrays["clip_offset"][:-1], arrays["clip_offset"][1:], strict=True)):
        rows = slice(start, end)
        world = [arrays[f"{who}_joints"][rows] + arrays[f"{who}_root"][rows, None] for who in "ab"]
        fps = float(arrays["clip_fps"][clip])
        clips.append(PairClip(str(arrays["clip_name"][clip]), fps, np.stack(world).astype(np.float32)))
    return clips


def behind(xyz_m: np.ndarray) -> np.ndarray:
    """bool (N, F, J): joints of (N, F, J, 3), camera frame, that lie behind the box around another one's trunk."""
    rays = xyz_m[..., :2] / xyz_m[..., 2:]
    trunk = rays[:, :, TRUNK]
    low, high = trunk.min(2), trunk.max(2)
    hidden = np.zeros(xyz_m.shape[:3], bool)
    for who in range(len(xyz_m)):
        for other in set(range(len(xyz_m))) - {who}:
            inside = (rays[who] > low[other][:, None]) & (rays[who] < high[other][:, None])
            hidden[who] |= inside.all(-1) & (xyz_m[who, ..., 2] > xyz_m[other, :, :1, 2])
    return hidden

"""Recorded motion of single people: joints in metres, z up, in clips of their own frame rate."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.synthesis import bvh
from pose3d_ros.lab.synthesis.rng import Rng


@dataclass
class MotionSet:
    """Clips joined end to end. `joints` (F, J, 3) relative to the pelvis, `root` (F, 3); world frame, z up, metres; J
    of h36m17 or body19.

    `start`, `length` (C,) rows, `fps` (C,), `weight` (C,) chance of a frame of the clip to be drawn.
    """

    joints: Tensor
    root: Tensor
    start: Tensor
    length: Tensor
    fps: Tensor
    weight: Tensor
    names: list[str]
    subjects: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> "MotionSet":
        moved = {
            name: getattr(self, name).to(device) for name in ("joints", "root", "start", "length", "fps", "weight")
        }
        return MotionSet(**moved, names=self.names, subjects=self.subjects)

    def subset(self, keep: list[bool]) -> "MotionSet":
        """The clips for which `keep` is true; rows stay where they are."""
        mask = torch.tensor(keep)
        if not mask.any():
            raise InputError("motion: the selection leaves no clip")
        picked = {name: getattr(self, name)[mask] for name in ("start", "length", "fps", "weight")}
        names = [name for name, use in zip(self.names, keep, strict=True) if use]
        subjects = [subject for subject, use in zip(self.subjects, keep, strict=True) if use]
        return MotionSet(self.joints, self.root, **picked, names=names, subjects=subjects)

    def joined(self, other: "MotionSet") -> "MotionSet":
        """These clips and the others."""
        parts = {
            name: torch.cat((getattr(self, name), getattr(other, name)))
            for name in ("joints", "root", "length", "fps", "weight")
        }
        start = torch.cat((self.start, other.start + len(self.root)))
        return MotionSet(**parts, start=start, names=self.names + other.names, subjects=self.subjects + other.subjects)

    def sample(self, rng: Rng, count: int, frames: int, rate_hz: float, speed: Tensor) -> tuple[Tensor, Tensor]:
        """`count` windows at `rate_hz`, played at `speed` (count,): joints (N, T, J, 3), root (N, T, 3)."""
        clip = rng.choice(self.weight * self.length, count)
        step = self.fps[clip] * speed / rate_hz
        room = (self.length[clip] - 1 - step * (frames - 1)).clamp(min=0)
        first = rng.uniform(count) * room
        rows = first[:, None] + step[:, None] * torch.arange(frames, device=first.device)
        return self._at(clip, rows)

    def clip(self, index: int, rate_hz: float) -> tuple[Tensor, Tensor]:
        """One whole clip resampled: joints (T, J, 3), root (T, 3)."""
        step = float(self.fps[index]) / rate_hz
        count = int((int(self.length[index]) - 1) / step) + 1
        rows = torch.arange(count, device=self.root.device)[None] * step
        joints, root = self._at(torch.tensor([index], device=self.root.device), rows)
        return joints[0], root[0]

    def _at(self, clip: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Linear interpolation at fractional rows (N, T) of the clips (N,)."""
        last = (self.length[clip] - 1)[:, None]
        rows = rows.clamp(min=0).minimum(last.to(rows.dtype))
        low = rows.floor().long().minimum((last - 1).clamp(min=0))
        part = rows - low
        low = low + self.start[clip][:, None]
        high = (low + 1).clamp(max=self.root.shape[0] - 1)
        joints = torch.lerp(self.joints[low], self.joints[high], part[..., None, None])
        return joints, torch.lerp(self.root[low], self.root[high], part[..., None])


def load(
    paths: list[str | Path], source_weights: dict[str, float] | None = None, skeleton: str = "h36m17"
) -> MotionSet:
    """Motion files (npz: joints, root, clip_offset, clip_fps, clip_name, clip_subject, clip_source; toes for body19)
    and folders of BVH files as one set.

    `skeleton`: h36m17, or body19, for which every file must hold toes. `source_weights`: factor on the chance of clips
    by their source, 1 where not named; the source of a BVH file is the name of the folder that was given. Raises
    InputError for a file that lacks a key or holds another skeleton.
    """
    parts = [_load_one(Path(path), skeleton) for path in paths]
    offset = np.cumsum([0] + [len(part["root"]) for part in parts])
    starts = np.concatenate([part["clip_offset"][:-1] + base for part, base in zip(parts, offset[:-1], strict=True)])
    sources = np.concatenate([part["clip_source"] for part in parts])
    weights = source_weights or {}
    return MotionSet(
        joints=torch.from_numpy(np.concatenate([part["joints"] for part in parts]).astype(np.float32)),
        root=torch.from_numpy(np.concatenate([part["root"] for part in parts]).astype(np.float32)),
        start=torch.from_numpy(starts.astype(np.int64)),
        length=torch.from_numpy(np.concatenate([np.diff(part["clip_offset"]) for part in parts]).astype(np.int64)),
        fps=torch.from_numpy(np.concatenate([part["clip_fps"] for part in parts]).astype(np.float32)),
        weight=torch.tensor([weights.get(str(source), 1.0) for source in sources]),
        names=[str(name) for part in parts for name in part["clip_name"]],
        subjects=[str(name) for part in parts for name in part["clip_subject"]],
    )


KEYS = ("joints", "root", "clip_offset", "clip_fps", "clip_name", "clip_subject", "clip_source")


def _load_one(path: Path, skeleton: str) -> dict[str, np.ndarray]:
    toes = skeleton == "body19"
    if path.is_dir() and toes:
        raise InputError(f"motion {path}: BVH files are read without toes; expected an npz file for body19, or h36m17")
    if path.is_dir():
        return bvh.load_folder(path)
    if not path.is_file():
        raise InputError(f"motion file {path}: expected a file, there is none")
    with np.load(path) as data:
        wanted = (*KEYS, "toes") if toes else KEYS
        missing = [key for key in wanted if key not in data.files]
        if missing:
            raise InputError(f"motion file {path}: expected the keys {wanted}, it lacks {missing}")
        part = {key: data[key] for key in wanted}
    if part["joints"].shape[1:] != (17, 3):
        raise InputError(f"motion file {path}: expected joints (F, 17, 3), got {part['joints'].shape}")
    if toes:
        part["joints"] = np.concatenate((part["joints"], part.pop("toes")), 1)
    return part

"""Two people who dance with each other, through the whole pipeline without ids: exchanged identities, and errors."""

from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from pose3d_ros.core import formats
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.motion.recordings import FIRST_STAMP_NS, seeded, standard_cameras
from pose3d_ros.lab.synthesis import detector
from pose3d_ros.lab.synthesis.cameras import Views
from pose3d_ros.lab.synthesis.pairs import behind, load_pairs
from pose3d_ros.models import Lifter
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import PipelineConfig

SKELETON = formats.get("h36m17")
RAYS_AS_PIXELS = Camera(np.eye(3))
MATCH_M = 1.0  # an output farther from everybody is nobody's
LASTING_S = 0.3


@dataclass
class Pair:
    """Two people, one camera: `rays` (2, F, J, 2), `score` (2, F, J), 0 where hidden; `truth_m` (2, F, J, 3)."""

    rays: np.ndarray
    score: np.ndarray
    truth_m: np.ndarray


def record_pairs(file: Path, rate_hz: float, cameras: int, seed: int) -> list[Pair]:
    """Every clip from standard cameras; the nearer one's trunk hides joints of the other. Raises InputError."""
    found = []
    for name, fps, world_m in load_pairs(file):
        both = torch.from_numpy(np.concatenate(world_m[:, :: max(1, round(fps / rate_hz))], 1))
        middle = both[:, [0, len(SKELETON)]].mean(1)
        views = standard_cameras(seeded(seed, name, "cameras"), both - middle[:, None], middle, cameras)
        found += _seen(views, name, rate_hz, seed)
    return found


def _seen(views: Views, name: str, rate_hz: float, seed: int) -> list[Pair]:
    rays, score, truth_m = [], [], []
    for who, joints in enumerate(views.xyz.split(len(SKELETON), dim=2)):
        own = replace(views, xyz=joints)
        seen = detector.detect(seeded(seed, name, f"detector {who}"), own, detector.STANDARD, rate_hz)
        rays.append(seen[0].numpy())
        score.append(seen[1].numpy())
        truth_m.append(joints.numpy())
    pairs = []
    for camera in range(len(views.xyz)):
        xyz = np.stack([part[camera] for part in truth_m])
        hidden = behind(xyz)
        pairs.append(Pair(np.stack([r[camera] for r in rays]), np.where(hidden, 0, [s[camera] for s in score]), xyz))
    return pairs


def evaluate_pairs(
    lifter: Lifter, pairs: list[Pair], rate_hz: float, seed: int = 1, config: PipelineConfig | None = None
) -> dict[str, Any]:
    """Identities and errors over all pairs: `switches` of a person's track, `frames` of a person, `missed` of them."""
    rng = np.random.default_rng(seed)
    switches = missed = frames = 0
    errors_mm: list[float] = []
    for pair in pairs:
        pipeline = Pipeline(config, lifter)
        tracks: tuple[list[int], list[int]] = ([], [])
        for i in range(pair.score.shape[1]):
            people = [Person2D(SKELETON.name, pair.rays[who, i], pair.score[who, i]) for who in rng.permutation(2)]
            stamp_ns = FIRST_STAMP_NS + round(i * 1e9 / rate_hz)
            out = pipeline.push(Keypoints2D(stamp_ns, tuple(people)), RAYS_AS_PIXELS).people
            owners = assigned(np.array([p.xyz_m for p in out]).reshape(-1, len(SKELETON), 3), pair.truth_m[:, i])
            frames += 2
            missed += 2 - len(owners)
            for who, row in owners.items():
                tracks[who].append(out[row].track)
                off = (out[row].xyz_m - out[row].xyz_m[0]) - (pair.truth_m[who, i] - pair.truth_m[who, i, 0])
                errors_mm.append(1e3 * float(np.linalg.norm(off, axis=-1).mean()))
        switches += sum(changes(numbers, round(LASTING_S * rate_hz)) for numbers in tracks)
    return {
        "switches": switches,
        "frames": frames,
        "missed": missed,
        "hidden_share": float(np.mean(np.concatenate([pair.score.ravel() for pair in pairs]) == 0)),
        "mpjpe_mm": float(np.mean(errors_mm)) if errors_mm else None,
    }


def assigned(found_m: np.ndarray, truth_m: np.ndarray) -> dict[int, int]:
    """Person -> row of `found_m` (N, J, 3), by where the joints are seen; the distance may err."""
    if not len(found_m):
        return {}
    rays = [xyz[..., :2] / np.maximum(xyz[..., 2:], 0.1) for xyz in (truth_m, found_m)]
    apart_m = np.linalg.norm(rays[0][:, None] - rays[1][None], axis=-1).mean(-1) * truth_m[:, :1, 2]
    rows, columns = linear_sum_assignment(apart_m)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if apart_m[r, c] < MATCH_M}


def changes(numbers: list[int], lasting: int) -> int:
    """How often a person's track number changes for good: runs shorter than `lasting` frames do not count.

    While one stands exactly behind the other, who is whose cannot be told from the outputs.
    """
    runs = [(number, len(list(frames))) for number, frames in groupby(numbers)]
    kept = [number for number, length in runs if length >= lasting]
    return sum(a != b for a, b in pairwise(kept))

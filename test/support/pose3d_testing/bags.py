"""A bag that lies in memory, and people for it."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.types import Input, Timeline
from pose3d_ros.lab.evaluation.bags.bag import Material

SAMPLE = Path(__file__).parents[2] / "data" / "motion_sample.npz"
RAYS_AS_PIXELS = Camera(np.eye(3))
LATE_NS = 7_000_000  # from stamp to arrival


@dataclass
class MemoryBag:
    """What the evaluation asks of `Bag`."""

    path: Path
    recorded: Timeline | None = None
    skipped: Counter = field(default_factory=Counter)
    duration_s: float = 1.0
    topics: dict = field(default_factory=dict)

    def estimates(self):
        return self.recorded


def person(xyz_m, name="anna", track=1, state=JointState.MEASURED, skeleton="h36m17"):
    count = len(xyz_m)
    return Person3D(name, track, skeleton, xyz_m, np.full(count, 0.05), np.full(count, state, np.uint8))


def timeline(stamps_ns, people, source="topic:/truth"):
    """`people` (P, F, J, 3): a track for each."""
    frames = [
        Skeletons3D(int(stamp), "camera", tuple(person(xyz[i], f"person{k}", k + 1) for k, xyz in enumerate(people)))
        for i, stamp in enumerate(stamps_ns)
    ]
    return Timeline(tuple(frames), {int(stamp): int(stamp) + LATE_NS for stamp in stamps_ns}, source)


def inputs(stamps_ns, rays, score, ids=("anna", "ben")):
    """`rays` (P, F, J, 2), `score` (P, F, J)."""
    return [
        Input(
            int(stamp) + LATE_NS,
            Keypoints2D(
                int(stamp),
                tuple(Person2D("h36m17", xy[i], s[i], name) for xy, s, name in zip(rays, score, ids, strict=False)),
            ),
            RAYS_AS_PIXELS,
        )
        for i, stamp in enumerate(stamps_ns)
    ]


def shifted(truth, offset_ns):
    """With this added to all stamps."""
    frames = tuple(replace(frame, stamp_ns=frame.stamp_ns + offset_ns) for frame in truth.frames)
    return Timeline(frames, {}, truth.source)


def material(folder, given, truth=None, recorded=None):
    """A bag of one small file."""
    file = Path(folder) / "memory.mcap"
    file.write_bytes(b"for its checksum")
    return Material(MemoryBag(file, recorded), given, (lambda offset_ns: shifted(truth, offset_ns)) if truth else None)

"""Joints of other sources by name: into our skeletons, directly or through a joint map file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError, FormatError
from pose3d_ros.core.files import read_yaml
from pose3d_ros.core.mapping import RULES
from pose3d_ros.core.types import JointState, Person2D, Person3D

UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001}
KEYS = ("skeleton", "unit", "frame_id", "namespace", "people", "points_per_person", "joints")
# what h36m17 defines as the middle of two joints; other joints are never made up where truth is concerned
DEFINED = {joint: RULES[joint][0] for joint in ("pelvis", "thorax")}


@dataclass(frozen=True)
class JointMap:
    """Where the joints of our skeleton are found in a source.

    `sources`: our joint -> names in the source, several = their mean; `{person}` in a name stands for each of
    `people`. `scale_m` metres per unit. `frame_id`: frame of the points, where the source does not say.
    """

    skeleton: str = "h36m17"
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    scale_m: float = 1.0
    frame_id: str = ""
    namespace: str = ""
    people: tuple[str, ...] = ("",)
    points_per_person: int = 0

    def names(self, person: str) -> dict[str, tuple[str, ...]]:
        """Our joint -> names in the source, of one person."""
        return {ours: tuple(n.replace("{person}", person) for n in names) for ours, names in self.sources.items()}

    def person(self, points: Mapping[str, np.ndarray], name: str = "", track: int = 1, id: str = "") -> Person3D | None:
        """The person `name` of points (3,) in the source's unit, None where none of the joints is there."""
        joints = {}
        for ours, names in self.names(name).items():
            if all(n in points for n in names):
                joints[ours] = np.mean([points[n] for n in names], axis=0) * self.scale_m
        return person_of(joints, self.skeleton, id or name, track)


def by_name(skeleton: str, prefix: str = "") -> JointMap:
    """The map of a source that uses our names, after `prefix`."""
    return JointMap(skeleton, {joint: (prefix + joint,) for joint in formats.get(skeleton).joints})


def read_joint_map(path: Path, skeleton: str = "h36m17") -> JointMap:
    """A joint map file (YAML, see docs/bags.md). Raises ConfigError naming what is wrong."""
    raw = read_yaml(path, "joint map", ConfigError)
    if not isinstance(raw, dict) or not isinstance(raw.get("joints"), dict):
        raise ConfigError(f"joint map {path}: expected a key `joints` with OUR_JOINT: NAME lines; see docs/bags.md")
    if unknown := sorted(set(raw) - set(KEYS)):
        raise ConfigError(f"joint map {path}: unknown keys {', '.join(unknown)}; known are {', '.join(KEYS)}")
    skeleton = raw.get("skeleton", skeleton)
    try:
        for joint in raw["joints"]:
            formats.get(skeleton).index(joint)
    except (FormatError, TypeError) as error:
        raise ConfigError(f"joint map {path}: {error}") from None
    if raw.get("unit", "m") not in UNITS_M:
        raise ConfigError(f"joint map {path}: unit: expected one of {', '.join(UNITS_M)}, got {raw['unit']!r}")
    return JointMap(
        skeleton=skeleton,
        sources={joint: _names(value) for joint, value in raw["joints"].items()},
        scale_m=UNITS_M[raw.get("unit", "m")],
        frame_id=raw.get("frame_id", ""),
        namespace=raw.get("namespace", ""),
        people=tuple(str(name) for name in raw.get("people") or ("",)),
        points_per_person=int(raw.get("points_per_person", 0)),
    )


def person_of(joints: Mapping[str, Any], skeleton: str, id: str = "", track: int = 1) -> Person3D | None:
    """Joints (3,) in metres by name as `skeleton`; INVALID where absent or not finite, None where none is there.

    Pelvis and thorax are built from hips and shoulders, which is their definition; nothing else is made up.
    """
    names = formats.get(skeleton).joints
    xyz_m = np.full((len(names), 3), np.nan)
    for row, joint in enumerate(names):
        if joint in joints:
            xyz_m[row] = joints[joint]
        elif joint in DEFINED and all(part in joints for part in DEFINED[joint]):
            xyz_m[row] = sum(share * np.asarray(joints[part]) for part, share in DEFINED[joint].items())
    known = np.isfinite(xyz_m).all(axis=1)
    if not known.any():
        return None
    xyz_m[~known] = np.nan
    state = np.where(known, JointState.MEASURED, JointState.INVALID)
    return Person3D(id, track, skeleton, xyz_m, np.where(known, 0.0, np.nan), state)


def keypoints_of(joints: Mapping[str, tuple[float, float, float]], format: str, id: str = "") -> Person2D:
    """x, y in pixels and score by joint name as a `format`; what it lacks is absent."""
    names = formats.get(format).joints
    rows = np.array([joints.get(joint, (np.nan, np.nan, 0.0)) for joint in names], np.float32)
    rows[~(rows[:, 2] > 0), :2] = np.nan
    return Person2D(format, rows[:, :2], rows[:, 2], id)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in (value if isinstance(value, list) else [value]))

"""BVH motion files to h36m17 joints: any channel order, units found by the stature, whatever axis is up.

Which joint of a file is which is found by names: figures of CMU, Daz, Mixamo, Reallusion and generic ones.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.core.errors import InputError

SKELETON = formats.get("h36m17")
UNITS_M = {"m": 1.0, "cm": 0.01, "inch": 0.0254, "mm": 0.001, "cmu": 0.0254 / 0.45}  # the CMU database has its own
SETTINGS = "joints.yaml"
MIN_SECONDS = 0.5
SKULL_TO_TOP_M, SKULL_TO_NOSE_M = 0.18, (0.04, 0.04)  # up; up and forward of the skull's base
SPINE_SHARE = 0.59  # of the way from pelvis to thorax, where a figure has no such joint

_SIDE = {"left": r"(?:left|l)", "right": r"(?:right|r)"}
# Names in lower case, side first, without prefixes ("mixamorig:", "CC_Base_") and underscores. First match wins.
_LIMBS = {
    "hip": (r"{s}(?:upleg|thigh|thighbend|upperleg|femur)$", r"{s}hip$"),
    "knee": (r"{s}(?:leg|calf|shin|lowerleg|knee|tibia|lowleg)$", r"{s}shin(?:bend)?"),
    "ankle": (r"{s}(?:foot|ankle)$",),
    "shoulder": (r"{s}(?:arm|upperarm|shldr|uparm|humerus|shldrbend)$", r"{s}shoulder$"),
    "elbow": (r"{s}(?:forearm|lowerarm|lowarm|elbow|radius|forearmbend)$",),
    "wrist": (r"{s}(?:hand|wrist)$",),
}
_TRUNK = {
    "spine": (r"spine0?1$", r"chest$", r"abdomen2?$", r"upperback$", r"spine0?2$", r"spine$"),
    "skull": (r"head$", r"skull$"),
}


@dataclass
class Joint:
    """A joint of the file: `parent` row or -1, `offset` (3,), `channels` as named in the file."""

    name: str
    parent: int
    offset: np.ndarray
    channels: list[str] = field(default_factory=list)


def load_folder(folder: Path) -> dict[str, np.ndarray]:
    """All BVH files in and below `folder` in the layout of the motion files; its subfolders are the subjects.

    A file `joints.yaml` in it may hold `unit` and `joints` (a joint map), see `load`. Raises InputError where there is
    no BVH file, or one cannot be read.
    """
    settings = folder / SETTINGS
    given = (yaml.safe_load(settings.read_text()) or {}) if settings.is_file() else {}
    if not isinstance(given, dict) or set(given) - {"unit", "joints"}:
        raise InputError(f"{settings}: expected only `unit` and `joints`, got {given!r:.60}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".bvh")
    if not paths:
        raise InputError(f"motion folder {folder}: expected BVH files in it, there are none")
    clips = [(path, *load(path, given.get("unit", "auto"), given.get("joints"))) for path in paths]
    clips = [(path, xyz, fps) for path, xyz, fps in clips if len(xyz) >= MIN_SECONDS * fps]
    if not clips:
        raise InputError(f"motion folder {folder}: all its files are shorter than {MIN_SECONDS} s")
    xyz = np.concatenate([clip for _, clip, _ in clips])
    subjects = [path.parent.name if path.parent != folder else f"{folder.name}/{path.stem}" for path, _, _ in clips]
    return {
        "joints": xyz - xyz[:, :1],
        "root": xyz[:, 0],
        "clip_offset": np.cumsum([0, *(len(clip) for _, clip, _ in clips)]),
        "clip_fps": np.array([fps for _, _, fps in clips]),
        "clip_name": np.array([path.stem for path, _, _ in clips]),
        "clip_subject": np.array(subjects),
        "clip_source": np.array([folder.name] * len(clips)),
    }


def load(path: Path, unit: str = "auto", joint_map: dict[str, str] | None = None) -> tuple[np.ndarray, float]:
    """One file: joints (F, 17, 3) in metres, z up, feet of the recording's lowest frames near z = 0, and its rate.

    `unit`: m, cm, inch, mm, cmu, or auto. `joint_map`: the file's joint for limb joints ("left_knee"), "spine" and
    "skull", where the names do not tell. Raises InputError.
    """
    if unit != "auto" and unit not in UNITS_M:
        raise InputError(f"BVH unit: expected auto, {', '.join(UNITS_M)}, got {unit!r}")
    joints, values, fps = parse(path)
    rows = find_joints([joint.name for joint in joints], joint_map or {}, path)
    xyz, turns = world(joints, values)
    body = _h36m(xyz, turns, rows, _rest_pose(joints))
    body = _z_up(body)
    body = body * (UNITS_M[unit] if unit != "auto" else UNITS_M[guess_unit(_stature(body))])
    body[..., 2] -= np.quantile(body[..., 2].min(1), 0.05) - 0.08
    return body.astype(np.float32), fps


def parse(path: Path) -> tuple[list[Joint], np.ndarray, float]:
    """Joints (end sites too, without channels), values (F, channels) and frames per second. Raises InputError."""
    try:
        head, _, tail = path.read_text(errors="replace").partition("MOTION")
        joints = _hierarchy(head)
        count = int(re.search(r"Frames:\s*(\d+)", tail)[1])
        seconds = float(re.search(r"Frame Time:\s*(\S+)", tail)[1])
        width = sum(len(joint.channels) for joint in joints)
        numbers = np.array(re.split(r"Frame Time:\s*\S+", tail)[1].split(), dtype=np.float64)
        values = numbers[: count * width].reshape(count, width)
    except (OSError, TypeError, ValueError, IndexError, StopIteration) as error:
        raise InputError(f"{path}: expected a BVH file, it cannot be read as one ({error})") from None
    if not count or not seconds > 0 or not np.isfinite(values).all():
        raise InputError(f"{path}: expected frames of finite numbers at a positive frame time")
    return joints, values, 1.0 / seconds


def _hierarchy(text: str) -> list[Joint]:
    joints: list[Joint] = []
    open_rows: list[int] = []
    name = ""
    tokens = iter(text.split())
    for token in tokens:
        if token in ("ROOT", "JOINT"):
            name = next(tokens)
        elif token == "End":
            name = f"{joints[open_rows[-1]].name}_end"
            next(tokens)
        elif token == "{":
            joints.append(Joint(name, open_rows[-1] if open_rows else -1, np.zeros(3)))
            open_rows.append(len(joints) - 1)
        elif token == "}":
            open_rows.pop()
        elif token == "OFFSET":
            joints[open_rows[-1]].offset = np.array([float(next(tokens)) for _ in range(3)])
        elif token == "CHANNELS":
            joints[open_rows[-1]].channels = [next(tokens) for _ in range(int(next(tokens)))]
    if not joints or open_rows:
        raise ValueError("its hierarchy is empty or not closed")
    return joints


def world(joints: list[Joint], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (F, J, 3) and turns (F, J, 3, 3) of all joints, in the file's units and axes."""
    frames = len(values)
    xyz = np.zeros((frames, len(joints), 3))
    turns = np.tile(np.eye(3), (frames, len(joints), 1, 1))
    column = 0
    for row, joint in enumerate(joints):
        mine = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        place = np.tile(joint.offset, (frames, 1))
        moved = {name[0]: i for i, name in enumerate(joint.channels) if name.endswith("position")}
        for axis, i in moved.items():  # positions replace the offset
            place[:, "XYZ".index(axis)] = mine[:, i]
        turned = [i for i, name in enumerate(joint.channels) if name.endswith("rotation")]
        own = np.tile(np.eye(3), (frames, 1, 1))
        if turned:
            order = "".join(joint.channels[i][0] for i in turned)  # upper case: about the axes as they turn along
            own = Rotation.from_euler(order, mine[:, turned], degrees=True).as_matrix()
        if joint.parent >= 0:
            place = xyz[:, joint.parent] + np.einsum("fij,fj->fi", turns[:, joint.parent], place)
            own = turns[:, joint.parent] @ own
        xyz[:, row], turns[:, row] = place, own
    return xyz, turns


def find_joints(names: list[str], joint_map: dict[str, str], path: Path) -> dict[str, int]:
    """Rows of the limb joints, spine (optional) and skull by name. Raises InputError listing what was not found."""
    plain = [_plain(name) for name in names]
    rows = {}
    for wanted, patterns in _wanted().items():
        if wanted in joint_map:
            if joint_map[wanted] not in names:
                raise InputError(f"{path}: the joint map's {joint_map[wanted]!r} is not among {names}")
            rows[wanted] = names.index(joint_map[wanted])
            continue
        found = next((i for p in patterns for i, name in enumerate(plain) if re.match(p, name)), None)
        if found is not None:
            rows[wanted] = found
    missing = [name for name in _wanted() if name not in rows and name != "spine"]
    if missing:
        raise InputError(f"{path}: no joints found for {missing} among {names}; give a joint map for them")
    return rows


def _wanted() -> dict[str, list[str]]:
    limbs = {
        f"{side}_{part}": [pattern.replace("{s}", letters) for pattern in patterns]
        for side, letters in _SIDE.items()
        for part, patterns in _LIMBS.items()
    }
    return {**limbs, **{name: list(patterns) for name, patterns in _TRUNK.items()}}


def _plain(name: str) -> str:
    name = re.sub(r"^(?:cc_base_|bip0?1_?|mixamorig\d*_?|def-)", "", name.rsplit(":", 1)[-1].lower())
    name = re.sub(r"^(.+)[._\-](l|r|left|right)$", r"\2\1", name)
    return re.sub(r"[_.\-]", "", name)


def _rest_pose(joints: list[Joint]) -> np.ndarray:
    rest = np.zeros((len(joints), 3))
    for row, joint in enumerate(joints):
        rest[row] = joint.offset + (rest[joint.parent] if joint.parent >= 0 else 0)
    return rest


def _h36m(xyz: np.ndarray, turns: np.ndarray, rows: dict[str, int], rest: np.ndarray) -> np.ndarray:
    """(F, 17, 3) in the file's units: limbs as they are, trunk and head as the motion files define them."""
    out = np.zeros((len(xyz), len(SKELETON), 3))
    for name, row in rows.items():
        if name in SKELETON and name != "spine":
            out[:, SKELETON.index(name)] = xyz[:, row]
    pelvis = (xyz[:, rows["left_hip"]] + xyz[:, rows["right_hip"]]) / 2
    thorax = (xyz[:, rows["left_shoulder"]] + xyz[:, rows["right_shoulder"]]) / 2
    out[:, SKELETON.index("pelvis")], out[:, SKELETON.index("thorax")] = pelvis, thorax
    spine = xyz[:, rows["spine"]] if "spine" in rows else pelvis + SPINE_SHARE * (thorax - pelvis)
    out[:, SKELETON.index("spine")] = spine
    # the head turns with its joint, from the rest pose, in which everybody looks ahead
    up, left = rest[rows["skull"]] - rest[rows["left_hip"]], rest[rows["left_hip"]] - rest[rows["right_hip"]]
    up = np.eye(3)[np.abs(up).argmax()] * np.sign(up[np.abs(up).argmax()])
    left = left / np.linalg.norm(left)
    ahead = np.cross(left, up)
    metre = 1 / UNITS_M[guess_unit(_stature(out, with_head=False))]
    skull, turn = xyz[:, rows["skull"]], turns[:, rows["skull"]]
    out[:, SKELETON.index("head_top")] = skull + turn @ (SKULL_TO_TOP_M * metre * up)
    out[:, SKELETON.index("nose")] = skull + turn @ (metre * (SKULL_TO_NOSE_M[0] * up + SKULL_TO_NOSE_M[1] * ahead))
    return out


def _stature(body: np.ndarray, with_head: bool = True) -> float:
    """Median height along the bones, in the unit of `body`; without the head, from typical proportions."""

    def length(*names: str) -> float:
        points = body[:, SKELETON.indices(names)]
        return float(np.median(np.linalg.norm(np.diff(points, axis=1), axis=-1).sum(1)))

    trunk = length("left_ankle", "left_knee", "left_hip") + length("pelvis", "spine", "thorax")
    return trunk + length("thorax", "head_top") if with_head else trunk * 1.3


def guess_unit(stature: float) -> str:
    """The unit in which a body of this size would be nearest to 1.65 m tall."""
    return min(UNITS_M, key=lambda unit: abs(np.log(max(stature, 1e-9) * UNITS_M[unit] / 1.65)))


def _z_up(body: np.ndarray) -> np.ndarray:
    """Turned so that z points up. Up is the axis along which heads are above feet, over the whole recording."""
    above = body[:, SKELETON.index("thorax")] - body[:, SKELETON.indices(("left_ankle", "right_ankle"))].mean(1)
    mean = np.median(above, axis=0)
    axis = int(np.abs(mean).argmax())
    if axis == 2:
        return body if mean[2] > 0 else body * (1, -1, -1)
    x, y, z = np.moveaxis(body, -1, 0)
    turned = np.stack((x, -z, y), -1) if axis == 1 else np.stack((-z, y, x), -1)
    return turned if mean[axis] > 0 else turned * (1, -1, -1)

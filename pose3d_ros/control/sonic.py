"""People as SONIC's protocol v3 streams them (GR00T-WholeBodyControl): a topic, a JSON header, little-endian arrays.

Its root axes are x ahead, y left, z up, which are ours at rest; joints are given in those of the pelvis.
"""

import json
from functools import cache

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import Person3D
from pose3d_ros.geometry.body24 import BODY24
from pose3d_ros.geometry.rotations import cross, dot, matrix_of, product, quat_of, rotate, unit

TOPIC, VERSION, HEADER_BYTES = "pose", 3, 1280
G1_JOINTS = 29
# Of the G1's joints in the order of Isaac Lab, the wrists: roll, pitch, yaw, of each the left one before the right one
WRISTS = slice(23, 29)
_DTYPES = {"<f4": "f32", "<i8": "i64"}
_BODY = slice(1, 22)  # joints whose turn against their parent is SMPL's pose: all but pelvis and hands


def packed(arrays: dict[str, np.ndarray], topic: str = TOPIC, version: int = VERSION) -> bytes:
    """One message of named arrays, float32 or int64, in this order."""
    little = {name: array.astype(array.dtype.newbyteorder("<"), copy=False) for name, array in arrays.items()}
    header = _header(tuple((name, array.dtype.str, array.shape) for name, array in little.items()), version)
    return b"".join((topic.encode(), header, *(array.tobytes() for array in little.values())))


@cache
def _header(arrays: tuple[tuple[str, str, tuple[int, ...]], ...], version: int) -> bytes:
    fields = [{"name": name, "dtype": _DTYPES[dtype], "shape": list(shape)} for name, dtype, shape in arrays]
    header = {"v": version, "endian": "le", "count": 1, "fields": fields}
    return json.dumps(header, separators=(",", ":")).encode().ljust(HEADER_BYTES, b"\0")


def unpacked(message: bytes, topic: str = TOPIC) -> dict[str, np.ndarray]:
    """Inverse of `packed`."""
    start = len(topic.encode())
    header = json.loads(message[start : start + HEADER_BYTES].rstrip(b"\0"))
    arrays, at = {}, start + HEADER_BYTES
    for field in header["fields"]:
        dtype = np.dtype({short: full for full, short in _DTYPES.items()}[field["dtype"]])
        count = int(np.prod(field["shape"]))
        arrays[field["name"]] = np.frombuffer(message, dtype, count, at).reshape(field["shape"])
        at += count * dtype.itemsize
    return arrays


def fields(person: Person3D, level: np.ndarray, number: int) -> dict[str, np.ndarray]:
    """The arrays of a person of body24; `level` (4,) turns its frame into one whose z is up. Only the wrists of
    `joint_pos` mean anything in v3."""
    quat = person.quat_xyzw.astype(np.float64)
    root = quat[0] * (-1, -1, -1, 1)
    joint_pos = np.zeros((1, G1_JOINTS), np.float32)
    joint_pos[0, WRISTS] = np.stack([wrist_angles(quat, side) for side in ("left", "right")], 1).ravel()
    return {
        "smpl_joints": rotate(root, person.xyz_m - person.xyz_m[0])[None].astype(np.float32),
        "smpl_pose": _pose(quat)[None].astype(np.float32),
        "joint_pos": joint_pos,
        "joint_vel": np.zeros((1, G1_JOINTS), np.float32),
        "body_quat": product(level, quat[0])[[3, 0, 1, 2]][None].astype(np.float32),
        "frame_index": np.array([number], np.int64),
    }


def wrist_angles(quat: np.ndarray, side: str, skeleton: Skeleton = BODY24) -> np.ndarray:
    """Roll, pitch and yaw in radians of a wrist beyond the elbow's hinge, as a G1 turns its own: x along the forearm,
    y the elbow's hinge, of rotations (24, 4)."""
    upper, forearm, hand = matrix_of(quat[skeleton.indices([f"{side}_{j}" for j in ("shoulder", "elbow", "wrist")])])
    sign = 1.0 if side == "left" else -1.0
    x = sign * forearm[:, 1]
    y = sign * unit(upper[:, 2] - x * dot(x, upper[:, 2]))
    hinge = np.stack((x, y, cross(x, y)), -1)
    at_rest = np.array([[0, 0, 1], [sign, 0, 0], [0, sign, 0.0]])  # those axes in a hand's at rest
    turned = hinge.T @ hand @ at_rest
    roll, yaw = np.arctan2(-turned[1, 2], turned[2, 2]), np.arctan2(-turned[0, 1], turned[0, 0])
    return np.array([roll, np.arcsin(np.clip(turned[0, 2], -1, 1)), yaw])


def _pose(quat: np.ndarray) -> np.ndarray:
    """(21, 3): rotation vectors of the joints against their parents, in SMPL's axes (x left, y up, z ahead)."""
    parents = quat[BODY24.parent_index[_BODY]] * (-1, -1, -1, 1)
    turn = product(parents, quat[_BODY])
    turn = np.where(turn[:, 3:] < 0, -turn, turn)
    sine = np.sqrt(dot(turn[:, :3], turn[:, :3]))
    vector = turn[:, :3] * (2 * np.arctan2(sine, turn[:, 3:]) / np.maximum(sine, 1e-9))
    return vector[:, (1, 2, 0)]


def level_of(up: np.ndarray) -> np.ndarray:
    """Quaternion (4,) from a camera's optical frame, in which `up` points against gravity, to x ahead, z up."""
    z = unit(np.asarray(up, np.float64))
    ahead = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.9 else np.array([0.0, -1.0, 0.0])
    x = unit(ahead - z * dot(z, ahead))
    return quat_of(np.stack((x, cross(z, x), z)))

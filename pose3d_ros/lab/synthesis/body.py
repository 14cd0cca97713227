"""The body tree as tensors: bones out of joints and back, turns of limbs, stature."""

from functools import cache

import torch
from torch import Tensor

from pose3d_ros.core import formats
from pose3d_ros.core.skeleton import Skeleton

SKELETON = formats.get("body19")
BODY = formats.get("h36m17")  # the same without toes, in the same order: what files and older lifters hold
J = {name: SKELETON.index(name) for name in SKELETON.joints}
SIDES = ("left", "right")
ARM = {side: [J[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist")] for side in SIDES}
LEG = {side: [J[f"{side}_{part}"] for part in ("hip", "knee", "ankle")] for side in SIDES}
TOE = {side: J[f"{side}_toe"] for side in SIDES}
UPPER = [J[name] for name in BODY.joints if J[name] >= J["spine"]]
UP = (0.0, 0.0, 1.0)


def skeleton_of(joints: Tensor) -> Skeleton:
    """Of (..., J, 3), by the number of its joints: with toes or without."""
    return SKELETON if joints.shape[-2] == len(SKELETON) else BODY


def with_feet(rows: list[int], joints: Tensor) -> list[int]:
    """Rows of a leg, and the toes that hang on it where `joints` (..., J, 3) have any."""
    if skeleton_of(joints) is BODY:
        return rows
    return rows + [TOE[side] for side in SIDES if LEG[side][-1] in rows]


@cache
def _ancestry(count: int) -> Tensor:
    """(J, J): 1 where the column's bone lies on the way from the root to the row's joint."""
    matrix = torch.zeros(count, count)
    for joint in range(count):
        at = joint
        while at > 0:
            matrix[joint, at] = 1
            at = int(SKELETON.parent_index[at])
    return matrix


def bones(joints: Tensor) -> Tensor:
    """(..., J, 3) joints to the vectors (..., J, 3) from each joint's parent; the root's is zero."""
    parent = torch.as_tensor(skeleton_of(joints).parent_index, device=joints.device).clamp(min=0)
    return joints - joints[..., parent, :]


def joints_of(bone_vectors: Tensor) -> Tensor:
    """Inverse of `bones` with the root at the origin."""
    return torch.einsum("ij,...jc->...ic", _ancestry(bone_vectors.shape[-2]).to(bone_vectors), bone_vectors)


def turn(vectors: Tensor, rotvec: Tensor) -> Tensor:
    """Vectors (..., 3) turned by rotation vectors (..., 3) in radians (Rodrigues)."""
    angle = rotvec.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    axis = (rotvec / angle).expand_as(vectors)
    cos, sin = angle.cos(), angle.sin()
    along = (axis * vectors).sum(-1, keepdim=True)
    return vectors * cos + torch.linalg.cross(axis, vectors) * sin + axis * along * (1 - cos)


def turn_about_up(vectors: Tensor, angle: Tensor) -> Tensor:
    """Vectors (..., 3) turned by `angle` (...) about the vertical."""
    cos, sin = angle.cos(), angle.sin()
    x, y, z = vectors.unbind(-1)
    return torch.stack((cos * x - sin * y, sin * x + cos * y, z), -1)


def heading(joints: Tensor, line: str = "hip") -> Tensor:
    """Angle (...) about the vertical of the person's left, from the hips (or shoulders) of (..., J, 3)."""
    left = joints[..., J[f"left_{line}"], :] - joints[..., J[f"right_{line}"], :]
    return torch.atan2(left[..., 1], left[..., 0])


def axes(joints: Tensor, line: str = "hip") -> tuple[Tensor, Tensor, Tensor]:
    """Horizontal unit vectors left and forward of the hips (or shoulders), and up, each (..., 3)."""
    angle = heading(joints, line)
    zero = torch.zeros_like(angle)
    left = torch.stack((angle.cos(), angle.sin(), zero), -1)
    forward = torch.stack((angle.sin(), -angle.cos(), zero), -1)
    return left, forward, torch.stack((zero, zero, zero + 1), -1)


def stature(joints: Tensor) -> Tensor:
    """Body height (...,) in metres of (..., J, 3): bone lengths from ankle to head top, and 8 cm of foot."""
    length = bones(joints).norm(dim=-1)
    trunk = length[..., [J["spine"], J["thorax"]]].sum(-1)
    head = (joints[..., J["head_top"], :] - joints[..., J["thorax"], :]).norm(dim=-1)
    legs = sum(length[..., LEG[side][1:]].sum(-1) for side in SIDES) / 2
    return trunk + head + legs + 0.08

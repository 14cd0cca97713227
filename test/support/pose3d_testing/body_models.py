"""Body models that stand for the licensed ones, which are nowhere in this repository."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.models.parametric import MESH, ROTATIONS, VERTICES, BodyModel

# The trees of the models' joints, as their papers give them
PARENTS = {
    "smpl": [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21],
    "mano": [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14],
}


def arrays(kind: str) -> dict[str, np.ndarray]:
    """What a model's file holds, made up: each vertex is bound to one joint, joint i lies at vertex i."""
    rng = np.random.default_rng(0)
    joints, vertices = ROTATIONS[kind], MESH[kind]
    weights = np.zeros((vertices, joints))
    owner = rng.integers(0, joints, vertices)
    owner[:joints] = np.arange(joints)
    weights[np.arange(vertices), owner] = 1
    parents = np.array([PARENTS[kind], range(joints)], np.int64)
    parents[0, 0] = 2**32 - 1
    template = rng.normal(0, 0.2, (vertices, 3))
    if kind == "mano":  # a right hand's tips
        template[list(VERTICES[kind]), 0] -= 1
    return {
        "v_template": template,
        "shapedirs": rng.normal(0, 0.01, (vertices, 3, 10)),
        "posedirs": np.zeros((vertices, 3, 9 * (joints - 1))),
        "J_regressor": np.eye(joints, vertices),
        "kintree_table": parents,
        "weights": weights,
        "f": np.zeros((1, 3), np.int64),
        "hands_components": np.eye(45),
        "hands_mean": np.zeros(45),
    }


def write(path: Path, kind: str, **changed: np.ndarray) -> str:
    """A model's file as .npz."""
    np.savez(path, **arrays(kind) | changed)
    return str(path)


class Statue(BodyModel):
    """Knows one pose, which it turns as a whole; needs neither a file nor smplx."""

    def __init__(self, kind: str, path: str | Path = "statue.pkl", xyz_m: np.ndarray | None = None):
        torch.nn.Module.__init__(self)
        self.kind, self.file = kind, Path(path).name
        joints = {"smpl": 17, "mano": 21}[kind]
        pose = np.random.default_rng(0).normal(0, 0.3, (joints, 3)) if xyz_m is None else xyz_m
        self.pose = torch.tensor(pose, dtype=torch.float32)

    def forward(self, rotations: Tensor, shape: Tensor) -> Tensor:
        return self.pose @ rotations[..., 0, :, :].transpose(-1, -2) + 0.01 * shape[..., :1, None]

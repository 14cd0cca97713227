"""Other people's bones, and other data sets' definitions, for recorded motion (N, T, J, 3), root-relative, z up."""

import torch
from torch import Tensor

from pose3d_ros.lab.synthesis.body import LEG, SIDES, J, bones, joints_of, skeleton_of, stature
from pose3d_ros.lab.synthesis.rng import Rng

# Lengths of a person's bones as shares of the stature: mean and relative spread. Means: Drillis and Contini (1966),
# hips and shoulders between joint centres (Harrington 2007; de Leva 1996). Spreads are wider than those of people,
# since data sets disagree about where a joint is by as much: clavicles of 128 to 200 mm, hips 70 to 120 mm from the
# middle.
_PROPORTIONS = (
    ("hip", 0.056, 0.18),
    ("knee", 0.240, 0.08),
    ("ankle", 0.246, 0.08),
    ("spine", 0.185, 0.16),
    ("thorax", 0.115, 0.18),
    ("nose", 0.103, 0.22),
    ("head_top", 0.083, 0.16),
    ("shoulder", 0.102, 0.15),
    ("elbow", 0.174, 0.10),
    ("wrist", 0.153, 0.12),
    ("toe", 0.081, 0.17),
)


def other_body(rng: Rng, joints: Tensor) -> Tensor:
    """Another person's bones: each length drawn on its own, half of it kept from the recording; stature as of adults
    (mean 1.69 m), nearly symmetrical."""
    count, skeleton = joints.shape[0], skeleton_of(joints)
    recorded = bones(joints)
    length = recorded.norm(dim=-1).mean(1) / stature(joints).mean(1)[:, None]
    factor = torch.ones_like(length)
    kept = rng.uniform(count, low=0.0, high=1.0)
    for part, mean, spread in _PROPORTIONS:
        rows = [row for name, row in J.items() if name.removeprefix("left_").removeprefix("right_") == part]
        rows = [row for row in rows if row < len(skeleton)]
        if rows:
            wanted = mean * (1 + rng.normal(count, std=spread).clamp(-2.2 * spread, 2.2 * spread))
            own = length[:, rows].mean(1).clamp(min=1e-4)
            factor[:, rows] = (wanted / own)[:, None] ** (1 - 0.5 * kept[:, None])
    factor *= 1 + rng.normal(count, len(skeleton), std=0.01)
    changed = joints_of(recorded * factor[:, None, :, None])
    wanted = (1.69 + rng.normal(count, std=0.10)).clamp(1.35, 2.02)
    return changed * (wanted / stature(changed[:, 0]))[:, None, None, None]


def other_definitions(rng: Rng, joints: Tensor) -> Tensor:
    """The same person with spine, nose and head top where another data set puts them: farther down, before or above."""
    count, moved = joints.shape[0], joints.clone()
    thorax, nose, head = (joints[:, :, J[name]] for name in ("thorax", "nose", "head_top"))
    moved[:, :, J["spine"]] = joints[:, :, J["spine"]] * rng.uniform(count, 1, 1, low=0.72, high=1.06)
    along = head - thorax
    along = along / along.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    ahead = nose - thorax
    ahead = ahead - (ahead * along).sum(-1, keepdim=True) * along
    ahead = ahead / ahead.norm(dim=-1, keepdim=True).clamp(min=1e-2)
    up, forward, top = (
        rng.uniform(count, 1, 1, low=low, high=high) for low, high in ((-0.07, 0.06), (-0.03, 0.07), (-0.04, 0.05))
    )
    moved[:, :, J["nose"]] = nose + up * along + forward * ahead
    moved[:, :, J["head_top"]] = head + top * along
    return moved


def leg_length(joints: Tensor) -> Tensor:
    """(N,): thigh and shin, mean of both sides: what a pelvis' height above the floor goes with."""
    length = bones(joints[:, :1]).norm(dim=-1)[:, 0]
    return sum(length[:, LEG[side][1:]].sum(-1) for side in SIDES) / len(SIDES)

"""Our own body and hand as kinematic trees: rotations and bone lengths to joints. Open; needs no licensed model.

Every bone has a rotation of its own, in the axes of the bone before it, so that shoulders and knuckles move against the
trunk and the palm; the root's rotation turns the whole. Rest pose: facing the camera, upright, palm open; camera axes.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pose3d_ros.core import formats

# mm from the root. Hand: between the measured and the recorded proportions of `synthesis.hand_shape`, a right hand.
# Body: mean lengths of Human3.6M's subjects, arms lowered by 60 degrees.
REST_MM = {
    "hand21": (
        (0, 0, 0),
        (26, -20, -15), (50, -56, -21), (67, -82, -25), (78, -102, -28),
        (24, -87, -4), (19, -127, -4), (16, -150, -4), (14, -169, -4),
        (0, -90, 0), (-9, -133, 0), (-15, -159, 0), (-19, -178, 0),
        (-21, -85, 2), (-30, -125, 2), (-37, -149, 2), (-41, -168, 2),
        (-38, -76, -4), (-51, -105, -4), (-59, -121, -4), (-66, -138, -4),
    ),
    "h36m17": (
        (0, 0, 0),
        (-132, 0, 0), (-132, 447, 0), (-132, 892, 0),
        (132, 0, 0), (132, 447, 0), (132, 892, 0),
        (0, -236, 0), (0, -491, 0), (0, -600, -50), (0, -709, 0),
        (150, -481, 0), (289, -240, 0), (414, -23, 0),
        (-150, -481, 0), (-289, -240, 0), (-414, -23, 0),
    ),
}  # fmt: skip
# Of the weak-perspective camera at the start, 1/m: a hand of 0.2 m fills 0.8 of the crop's height, a body likewise
REST_SCALE = {"hand21": 8.0, "h36m17": 1.0}
LENGTH_SPAN, SCALE_SPAN = 0.7, 2.0  # largest logarithm of a bone's factor, and of the camera's


class Mean(NamedTuple):
    """What a decoder's outputs are added to: `pose` (1, 6 R), `shape` (1, S), `camera` (1, 3)."""

    pose: Tensor
    shape: Tensor
    camera: Tensor


class Kinematics(nn.Module):
    """Forward kinematics of one skeleton. `forward`: rotations (..., J, 3, 3), of each bone by the row of its outer
    joint, and shape (..., J), the logarithms of the bones' factors (the root's is not used), to joints (..., J, 3),
    metres from the root."""

    def __init__(self, skeleton: str):
        super().__init__()
        tree = formats.get(skeleton)
        self.skeleton = skeleton
        self.parents = tree.parent_index.tolist()
        rest = torch.tensor(REST_MM[skeleton]) / 1e3
        offset = rest - rest[[max(parent, 0) for parent in self.parents]]
        self.register_buffer("offset", offset, persistent=False)
        self.levels = _levels(self.parents)
        order = [joint for level in self.levels for joint in level]
        # Index tensors on the device: a Python list would be copied there in every step, which a CUDA graph forbids.
        self._keep("back", [order.index(joint) for joint in range(len(order))])
        for number, level in enumerate(self.levels):
            self._keep(f"level{number}", level)
            if number:
                self._keep(f"parent{number}", [self.levels[number - 1].index(self.parents[joint]) for joint in level])

    def _keep(self, name: str, index: list[int]) -> None:
        self.register_buffer(name, torch.tensor(index), persistent=False)

    def mean(self) -> Mean:
        """The rest pose before the camera's middle."""
        joints = len(self.parents)
        return Mean(torch.tensor([[1.0, 0, 0, 0, 1, 0]]).repeat(1, joints), torch.zeros(1, joints), torch.zeros(1, 3))

    def forward(self, rotations: Tensor, shape: Tensor) -> Tensor:
        bones = self.offset * bounded(shape, LENGTH_SPAN).exp()[..., None]
        turned = [rotations.index_select(-3, self.level0)]
        places = [torch.zeros_like(bones.index_select(-2, self.level0))]
        for number in range(1, len(self.levels)):
            level, parent = getattr(self, f"level{number}"), getattr(self, f"parent{number}")
            turned.append(turned[-1].index_select(-3, parent) @ rotations.index_select(-3, level))
            step = (turned[-1] @ bones.index_select(-2, level)[..., None])[..., 0]
            places.append(places[-1].index_select(-2, parent) + step)
        return torch.cat(places, -2).index_select(-2, self.back)

    def camera(self, raw: Tensor) -> Tensor:
        """Decoder's three numbers (..., 3) to scale (1/m, positive) and x, y (m) of the weak-perspective camera."""
        scale = REST_SCALE[self.skeleton] * bounded(raw[..., :1], SCALE_SPAN).exp()
        return torch.cat((scale, raw[..., 1:] / scale), -1)

    def shape_of(self, xyz: Tensor) -> Tensor:
        """Inverse of `forward` for the shape: joints (..., J, 3) to (..., J); cut to what the head can give."""
        parents = [max(parent, 0) for parent in self.parents]
        length = (xyz - xyz[..., parents, :]).norm(dim=-1)
        ratio = (length / self.offset.norm(dim=-1).clamp(min=1e-9)).clamp(min=1e-6).log() / LENGTH_SPAN
        shape = LENGTH_SPAN * ratio.clamp(-0.99, 0.99).atanh()
        root = [self.parents.index(-1)]
        return shape.index_fill(-1, torch.tensor(root, device=xyz.device), 0.0)

    def rotations_of(self, xyz: Tensor) -> Tensor:
        """Inverse of `forward` for the rotations: joints (..., J, 3) to (..., J, 3, 3), for training's targets.

        Joints leave the turn of a bone about itself open: the root takes the best fit of its bones, every other bone
        turns the shortest way. Not differentiable.
        """
        rest = _unit(self.offset)
        bones = _unit(xyz - xyz[..., [max(parent, 0) for parent in self.parents], :])
        (root,), first = self.levels[0], self.levels[1]
        total, own = [None] * len(self.parents), [None] * len(self.parents)
        total[root] = own[root] = _fit(rest[first], bones[..., first, :])
        for level in self.levels[1:]:
            for joint in level:
                before = total[self.parents[joint]]
                seen = (before.transpose(-1, -2) @ bones[..., joint, :, None])[..., 0]
                own[joint] = _swing(rest[joint].expand_as(seen), seen)
                total[joint] = before @ own[joint]
        return torch.stack(own, -3)


def rotation_6d(pose: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of their first two columns (..., 6), made square (Zhou et al., CVPR 2019). Gradients stay
    finite everywhere; columns that are zero or parallel give no rotation."""
    first = _unit(pose[..., :3])
    second = pose[..., 3:]
    second = _unit(second - (first * second).sum(-1, keepdim=True) * first)
    return torch.stack((first, second, _cross(first, second)), -1)


def bounded(x: Tensor, span: float) -> Tensor:
    """`x` near zero, never beyond +-`span`."""
    return span * (x / span).tanh()


def _levels(parents: list[int]) -> list[list[int]]:
    """Joints by their distance from the root, so that a level is worked out at once."""
    depth: list[int] = []
    for joint in range(len(parents)):
        at, steps = joint, 0
        while parents[at] >= 0:
            at, steps = parents[at], steps + 1
        depth.append(steps)
    return [[joint for joint, steps in enumerate(depth) if steps == level] for level in range(max(depth) + 1)]


def _fit(rest: Tensor, seen: Tensor) -> Tensor:
    """Rotations (..., 3, 3) that turn directions (K, 3) best onto (..., K, 3) (Kabsch)."""
    u, _, vt = torch.linalg.svd(torch.einsum("...ki,kj->...ij", seen, rest))
    sign = torch.linalg.det(u @ vt)
    u = torch.cat((u[..., :2], u[..., 2:] * sign[..., None, None]), -1)
    return u @ vt


def _swing(a: Tensor, b: Tensor) -> Tensor:
    """Rotations (..., 3, 3) that turn unit vectors a (..., 3) the shortest way onto b: half a turn about a, then half a
    turn about the middle of both. Opposite vectors turn about any axis square to a."""
    middle = a + b
    other = torch.eye(3).to(a)[a.abs().argmin(-1)]
    middle = torch.where(middle.norm(dim=-1, keepdim=True) < 1e-4, _cross(a, other), middle)
    return _half_turn(_unit(middle)) @ _half_turn(_unit(a))


def _half_turn(axis: Tensor) -> Tensor:
    return 2 * axis[..., :, None] * axis[..., None, :] - torch.eye(3).to(axis)


def _unit(vector: Tensor) -> Tensor:
    return vector * ((vector**2).sum(-1, keepdim=True) + 1e-12).rsqrt()


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Written out: not every exporter has a cross product."""
    return torch.stack([a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))], -1)

"""The solid of a clothed person: capsules around bones, trunk, head and feet, from the 17 joints of h36m17.

Radii and offsets are those of an adult of 1.70 m (breadths, depths and circumferences: Gordon et al., 2012
Anthropometric Survey of U.S. Army Personnel, rounded), scaled with the stature.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pose3d_ros.lab.synthesis.body import SIDES, J, stature

STATURE_M = 1.7
MATERIALS = ("skin", "shirt", "trousers", "shoes", "hair", "hand", "dark")
SKIN, SHIRT, TROUSERS, SHOES, HAIR, HAND, DARK = range(len(MATERIALS))
ALL = 2.0  # a cut beyond the end


class Build(NamedTuple):
    """Shapes and clothes of B people, one number each unless said: factors on the `girth` of limbs and `trunk`; `belly`
    and `bust`, `hair` (how far it stands off), `tail` (length of hair behind) in metres, 0 = none; `sleeve` and `leg`:
    how many segments of arm and leg the clothes cover, 0..2; `skirt`: metres below the hips, 0 = none; `grip` (B, 2, 3)
    how the hands are turned off their forearms; `toes` how far the feet are stretched."""

    girth: Tensor
    trunk: Tensor
    belly: Tensor
    bust: Tensor
    hair: Tensor
    tail: Tensor
    sleeve: Tensor
    leg: Tensor
    skirt: Tensor
    grip: Tensor
    toes: Tensor


class Solid(NamedTuple):
    """K capsules of B people: `a`, `b` (B, K, 3) metres, `radius` (B, K), 0 = none; of material `first` (K,) up to
    `cut` (B, K), 0..1 from a to b, and `second` (K,) after it."""

    a: Tensor
    b: Tensor
    radius: Tensor
    first: Tensor
    second: Tensor
    cut: Tensor


class _Parts:
    """Collects capsules; lengths are for the stature of 1.70 m."""

    def __init__(self, size: Tensor):
        self.size = size
        self.rows: list[tuple] = []

    def add(
        self, a: Tensor, b: Tensor, radius: float | Tensor, first: int, second: int | None = None,
        cut: Tensor | None = None,
    ) -> None:  # fmt: skip
        ones = torch.ones_like(self.size)
        cut = ALL * ones if cut is None else cut
        self.rows.append((a, b, radius * self.size * ones, cut, first, first if second is None else second))

    def solid(self) -> Solid:
        a, b, radius, cut = (torch.stack([row[k] for row in self.rows], 1) for k in range(4))
        first, second = (torch.tensor([row[k] for row in self.rows], device=a.device) for k in (4, 5))
        return Solid(a, b, radius, first, second, cut)


class LimbFrame(NamedTuple):
    """Unit vectors (B, 3) of the trunk: to the person's left at the hips, at the shoulders, up, forward; `size` (B,)
    against 1.70 m."""

    hips: Tensor
    shoulders: Tensor
    up: Tensor
    forward: Tensor
    size: Tensor


def frame(xyz: Tensor) -> LimbFrame:
    """Of joints (B, 17, 3)."""
    up = _unit(xyz[:, J["thorax"]] - xyz[:, J["pelvis"]])
    hips, shoulders = (xyz[:, J[f"left_{part}"]] - xyz[:, J[f"right_{part}"]] for part in ("hip", "shoulder"))
    forward = _unit(torch.linalg.cross(_unit(hips) + _unit(shoulders), up))
    return LimbFrame(_unit(hips), _unit(shoulders), up, forward, stature(xyz) / STATURE_M)


def solid(xyz: Tensor, build: Build) -> Solid:
    """Of people (B, 17, 3)."""
    axes = frame(xyz)
    parts = _Parts(axes.size)
    _head(parts, xyz, axes, build)
    _trunk(parts, xyz, axes, build)
    for number, side in enumerate(SIDES):
        _arm(parts, xyz, side, build, build.grip[:, number])
        _leg(parts, xyz, side, axes, build)
    return parts.solid()


def _head(parts: _Parts, xyz: Tensor, axes: LimbFrame, build: Build) -> None:
    thorax, top = xyz[:, J["thorax"]], xyz[:, J["head_top"]]
    up = _unit(top - thorax)
    face = xyz[:, J["nose"]] - thorax
    face = face - (face * up).sum(-1, keepdim=True) * up
    forward = axes.forward - (axes.forward * up).sum(-1, keepdim=True) * up
    # joints put the nose just before the line from neck to crown; near to it, the trunk tells where the face is
    forward = _unit(face / 0.03 + 0.5 * _unit(forward))
    left = torch.linalg.cross(up, forward)

    def at(ahead: float, above: float, aside: float = 0.0) -> Tensor:
        """From the crown; the head's line leans forward, so its middle is a little behind it."""
        return top + axes.size[:, None] * (ahead * forward + above * up + aside * left)

    parts.add(at(0.015, -0.095), at(-0.03, -0.09), 0.080, SKIN)
    parts.add(at(0.02, -0.14), at(0.035, -0.17), 0.055, SKIN)
    parts.add(at(0.092, -0.125), at(0.108, -0.145), 0.013, SKIN)
    for aside in (-0.034, 0.034):
        parts.add(at(0.084, -0.105, aside), at(0.084, -0.105, 1.3 * aside), 0.012, DARK)
    there = build.hair > 0
    parts.add(at(-0.005, -0.082), at(-0.042, -0.10), (0.082 + build.hair) * there, HAIR)
    tail = at(-0.05, -0.12)
    parts.add(tail, tail - (axes.size * build.tail)[:, None] * axes.up, 0.062 * (build.tail > 0), HAIR)
    parts.add(thorax - 0.03 * axes.up, at(-0.02, -0.16), 0.052 * build.girth, SHIRT, SKIN, 0.25 + 0 * build.girth)


def _trunk(parts: _Parts, xyz: Tensor, axes: LimbFrame, build: Build) -> None:
    pelvis, spine, thorax = (xyz[:, J[name]] for name in ("pelvis", "spine", "thorax"))
    size, wide = axes.size[:, None], build.trunk[:, None]

    def at(joint: Tensor, across: Tensor, aside: float, above: float, ahead: float | Tensor = 0.0) -> Tensor:
        ahead = ahead[:, None] if isinstance(ahead, Tensor) else ahead
        return joint + size * (aside * wide * across + above * axes.up + ahead * axes.forward)

    waist = torch.lerp(pelvis, spine, 0.55)
    for sign in (-1, 1):
        side = "left" if sign > 0 else "right"
        shoulder = xyz[:, J[f"{side}_shoulder"]]
        inner = torch.lerp(thorax, shoulder, 0.25)
        parts.add(inner, shoulder, 0.058 * build.girth, SHIRT)
        chest = at(torch.lerp(thorax, shoulder, 0.42), axes.shoulders, 0, -0.09)
        parts.add(chest, at(spine, axes.shoulders, 0.06 * sign, -0.02), 0.093 * build.trunk, SHIRT)
        parts.add(
            at(spine, axes.shoulders, 0.055 * sign, 0.0), at(waist, axes.hips, 0.058 * sign, -0.06),
            0.093 * build.trunk, SHIRT,
        )  # fmt: skip
        parts.add(
            at(waist, axes.hips, 0.05 * sign, -0.07), at(pelvis, axes.hips, 0.07 * sign, -0.03),
            0.100 * build.trunk, TROUSERS,
        )  # fmt: skip
    # the back is flat between both sides
    parts.add(at(thorax, axes.shoulders, 0, -0.08), waist, 0.09 * build.trunk, SHIRT)
    chest = at(thorax, axes.shoulders, 0, -0.14, 0.01 + build.bust)
    across = 0.07 * size * axes.shoulders
    parts.add(chest - across, chest + across, 0.088 * build.trunk * (build.bust > 0), SHIRT)
    belly = at(waist, axes.hips, 0, 0.0, build.belly)
    parts.add(belly - 0.4 * across, belly + 0.4 * across, 0.105 * build.trunk * (build.belly > 0), SHIRT)
    knees = (xyz[:, J["left_knee"]] + xyz[:, J["right_knee"]]) / 2
    low = pelvis + _unit(knees - pelvis) * (axes.size * build.skirt.clamp(min=0.05))[:, None]
    parts.add(pelvis, low, 0.17 * build.trunk * (build.skirt > 0), TROUSERS)


def _arm(parts: _Parts, xyz: Tensor, side: str, build: Build, grip: Tensor) -> None:
    shoulder, elbow, wrist = (xyz[:, J[f"{side}_{part}"]] for part in ("shoulder", "elbow", "wrist"))
    loose = build.girth
    parts.add(shoulder, elbow, 0.046 * loose, SHIRT, SKIN, build.sleeve)
    lower = build.sleeve - 1
    parts.add(elbow, torch.lerp(elbow, wrist, 0.6), 0.041 * loose, SHIRT, SKIN, lower / 0.6)
    parts.add(torch.lerp(elbow, wrist, 0.5), wrist, 0.032 * loose, SHIRT, SKIN, (lower - 0.5) / 0.5)
    along = _unit(_unit(wrist - elbow) + grip)
    size = parts.size[:, None]
    palm = wrist + 0.075 * size * along
    parts.add(wrist + 0.025 * size * along, palm, 0.034, HAND)
    bent = _unit(along + 0.7 * grip)
    parts.add(palm, palm + 0.06 * size * bent, 0.026, HAND)


def _leg(parts: _Parts, xyz: Tensor, side: str, axes: LimbFrame, build: Build) -> None:
    hip, knee, ankle = (xyz[:, J[f"{side}_{part}"]] for part in ("hip", "knee", "ankle"))
    thick, size = build.girth, parts.size[:, None]
    worn = TROUSERS, SKIN
    parts.add(hip, torch.lerp(hip, knee, 0.55), 0.083 * thick, *worn, build.leg / 0.55)
    parts.add(torch.lerp(hip, knee, 0.45), knee, 0.066 * thick, *worn, (build.leg - 0.45) / 0.55)
    lower = build.leg - 1
    parts.add(knee, torch.lerp(knee, ankle, 0.6), 0.055 * thick, *worn, lower / 0.6)
    parts.add(torch.lerp(knee, ankle, 0.5), ankle, 0.042 * thick, *worn, (lower - 0.5) / 0.5)
    # the foot stands forward of the shin, square to the knee's axis
    down = _unit(ankle - knee)
    ahead = _unit(_unit(torch.linalg.cross(down, axes.hips)) + build.toes[:, None] * down)
    heel = ankle + size * (0.04 * down - 0.03 * ahead)
    parts.add(heel, ankle + size * (0.05 * down + 0.15 * ahead), 0.036, SHOES)
    parts.add(ankle + 0.01 * size * down, ankle + size * (0.035 * down + 0.06 * ahead), 0.040, SHOES)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp(min=1e-6)

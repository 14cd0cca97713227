"""The solid of a hand: capsules around the bones, palm, thumb's ball and forearm, from its 21 joints.

Radii are those of adult fingers (breadths at the joints: Greiner, Hand Anthropometry of US Army Personnel, 1991, about
20 mm at the index finger's middle joint and 17 mm at its outer one, halved), scaled with the palm.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pose3d_ros.geometry.hand import CHAINS, THUMB_PLANE_RAD, J, palm_axes

PALM_M = 0.09  # wrist to middle knuckle at which the radii hold
# first, middle and outer bone; the thumb's first is inside of its ball
FINGER_RADII_MM = ((12.5, 10.0, 8.8), (9.6, 8.4, 7.4), (9.7, 8.5, 7.6), (9.2, 8.0, 7.1), (8.2, 7.1, 6.4))
BASES_MM = ((8, -15), (8, -5), (8, 6), (8, 15))  # forward and to the little finger's side of the wrist
PALM_RADII_MM = (11.5, 11.5, 11.0, 10.5)
FOREARM_M = 0.30
SKIN, CLOTH, OBJECT = 0, 1, 2


class Solid(NamedTuple):
    """K capsules of B hands: `a`, `b` (B, K, 3) metres, `radius` (B, K); `kind` (K,) what they are made of, `finger`
    (K,) 0..4 of an outer bone (with a nail), else -1; `joint` (K,) whether the skin folds at the start."""

    a: Tensor
    b: Tensor
    radius: Tensor
    kind: Tensor
    finger: Tensor
    fold: Tensor


def solid(xyz: Tensor, left: Tensor, thick: Tensor, forearm: Tensor, sleeve: Tensor) -> Solid:
    """Of hands (B, 21, 3) with `left` (B,): `thick` (B,) a factor on all radii, `forearm` (B, 3) its direction from the
    wrist on in the palm's frame, `sleeve` (B,) metres from the wrist to where the sleeve begins (beyond 0.3: none)."""
    axes, _ = palm_axes(xyz, left)
    size = (xyz[:, J["middle_mcp"]] - xyz[:, J["wrist"]]).norm(dim=-1) / PALM_M
    side = torch.where(left, -1.0, 1.0)
    parts: list[tuple[Tensor, Tensor, float | Tensor, int, int, bool]] = []
    for finger, (chain, radii) in enumerate(zip(CHAINS, FINGER_RADII_MM, strict=True)):
        for bone, radius in enumerate(radii):
            a, b = xyz[:, chain[bone]], xyz[:, chain[bone + 1]]
            if bone == 2:  # the cap's end, not its centre, is at the tip
                b = (
                    a
                    + (b - a)
                    * (1 - 0.8e-3 * radius * size / (b - a).norm(dim=-1).clamp(min=1e-3)).clamp(min=0.2)[:, None]
                )
            parts.append((a, b, radius, SKIN, finger if bone == 2 else -1, bone > 0))
    parts += _palm(xyz, axes, size, side)
    wrist = xyz[:, J["wrist"]]
    back = torch.einsum("bij,bj->bi", axes, forearm)
    lateral = axes[:, :, 1] * size[:, None] * 0.008
    ends = wrist + back * FOREARM_M
    for sign in (-1, 1):
        parts.append((wrist + sign * lateral, ends + 2 * sign * lateral, 20.0, SKIN, -1, False))
    begin = wrist + back * sleeve[:, None].clamp(max=FOREARM_M - 0.01)
    worn = torch.where(sleeve < FOREARM_M, 36.0, 0.0)
    parts.append((begin, ends + 0.1 * back, worn, CLOTH, -1, False))
    a, b = (torch.stack([part[k] for part in parts], 1) for k in (0, 1))
    millimetres = [part[2] if isinstance(part[2], Tensor) else torch.full_like(size, part[2]) for part in parts]
    radius = torch.stack(millimetres, 1) * 1e-3 * (size * thick)[:, None]
    kind, finger, fold = (torch.tensor([part[k] for part in parts], device=xyz.device) for k in (3, 4, 5))
    return Solid(a, b, radius, kind, finger, fold)


def _palm(xyz: Tensor, axes: Tensor, size: Tensor, side: Tensor) -> list[tuple]:
    knuckles = [xyz[:, chain[0]] for chain in CHAINS[1:]]
    wrist, thumb = xyz[:, J["wrist"]], CHAINS[0]
    bases = [
        wrist + 1e-3 * size[:, None] * (forward * axes[:, :, 0] + aside * side[:, None] * axes[:, :, 1])
        for forward, aside in BASES_MM
    ]
    parts = [
        (base, knuckle, radius, SKIN, -1, False)
        for base, knuckle, radius in zip(bases, knuckles, PALM_RADII_MM, strict=True)
    ]
    between = [((bases[k] + bases[k + 1]) / 2, (knuckles[k] + knuckles[k + 1]) / 2) for k in range(3)]
    parts += [(a, b, 11.0, SKIN, -1, False) for a, b in between]
    parts += [(knuckles[k], knuckles[k + 1], 9.5, SKIN, -1, False) for k in range(3)]
    cmc, mcp = xyz[:, thumb[0]], xyz[:, thumb[1]]
    web = cmc + 0.75 * (mcp - cmc)
    return [
        *parts,
        (bases[0], cmc, 13.0, SKIN, -1, False),
        (bases[3], bases[0], 13.0, SKIN, -1, False),
        (cmc, bases[1] + 0.6 * (knuckles[1] - bases[1]), 11.0, SKIN, -1, False),
        (web, bases[0] + 0.75 * (knuckles[0] - bases[0]), 8.5, SKIN, -1, False),
    ]


def backs(xyz: Tensor, left: Tensor) -> Tensor:
    """Unit vectors (B, 5, 3) out of the fingers' outer bones on the nails' side."""
    axes, _ = palm_axes(xyz, left)
    lateral = axes[:, :, 1]
    along = torch.stack([xyz[:, chain[3]] - xyz[:, chain[2]] for chain in CHAINS], 1)
    back = torch.linalg.cross(lateral[:, None].expand_as(along), along)
    back[:, 0] = _thumb_back(xyz, axes, left, along[:, 0])
    return back / back.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def _thumb_back(xyz: Tensor, axes: Tensor, left: Tensor, along: Tensor) -> Tensor:
    """Away from where the thumb bends: across the palm, turned out of its plane (see `geometry.hand`)."""
    side = torch.where(left, -1.0, 1.0)[:, None]
    first = xyz[:, CHAINS[0][1]] - xyz[:, CHAINS[0][0]]
    first = first / first.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    little = side * axes[:, :, 1]
    across = little - (little * first).sum(-1, keepdim=True) * first
    across = across / across.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    up = side * torch.linalg.cross(first, across)
    turn = torch.tensor(THUMB_PLANE_RAD, device=xyz.device, dtype=xyz.dtype)
    bend = turn.cos() * across + turn.sin() * up
    along = along / along.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return (bend * along).sum(-1, keepdim=True) * along - bend

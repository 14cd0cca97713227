"""Occlusions as robots meet them. Each function gives a mask, bool (N, T, J): true = hidden, at `rate_hz`.

`random` is the protocol of DTF (arXiv 2410.04574); it amounts to sampling each joint at some Hz, so that bursts, limbs,
truncated images and lost frames stand beside it.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.synthesis.body import ARM, BODY, LEG, SIDES, SKELETON, J
from pose3d_ros.lab.synthesis.rng import Rng

LIMBS = [
    *(ARM[side] for side in SIDES),
    *(LEG[side] for side in SIDES),
    LEG["left"] + LEG["right"],
    [J["nose"], J["head_top"]],
]


def one_kind(rng: Rng, rays: Tensor, chances: Any, kinds: dict[str, Callable[[Tensor], Tensor]]) -> Tensor:
    """Every window gets one kind, with the chance `chances.<name>`, or none; each is computed for its own windows."""
    hidden = torch.zeros(rays.shape[:3], dtype=torch.bool, device=rays.device)
    pick, low = rng.uniform(rays.shape[0]), 0.0
    for name, make in kinds.items():
        high = low + getattr(chances, name)
        rows = ((pick >= low) & (pick < high)).nonzero()[:, 0]
        if len(rows):
            hidden[rows] = make(rays[rows])
        low = high
    return hidden


def random(rng: Rng, rays: Tensor, hidden: Tensor | int) -> Tensor:
    """`hidden` joints (one number, or one per window) in every frame, drawn again each frame."""
    count, frames, joints = rays.shape[:3]
    order = rng.uniform(count, frames, joints).argsort(-1).argsort(-1)
    hidden = torch.as_tensor(hidden, device=rays.device).reshape(-1, 1, 1)
    return order < hidden


def spans(rng: Rng, count: int, frames: int, rate_hz: float, every_s: float, seconds: tuple[float, float]) -> Tensor:
    """bool (N, T, K): K spans a row, each of a length in `seconds`, about one per `every_s`, at random places."""
    low, high = (limit * rate_hz for limit in seconds)
    number = max(1, math.ceil((frames + high) / (every_s * rate_hz)))
    start = rng.uniform(count, 1, number, low=-high, high=float(frames))
    length = rng.uniform(count, 1, number, low=low, high=high)
    slot = torch.arange(frames, device=rng.device)[None, :, None]
    return (slot >= start) & (slot < start + length)


def burst(rng: Rng, rays: Tensor, rate_hz: float, every_s: float = 0.35) -> Tensor:
    """Groups of 1 to 8 joints hidden for 0.3 to 2 s, several at a time."""
    count, frames, joints = rays.shape[:3]
    chosen = spans(rng, count, frames, rate_hz, every_s, (0.3, 2.0))
    size = rng.integers(count, chosen.shape[-1], 1, low=1, high=min(8, joints))
    member = rng.uniform(count, chosen.shape[-1], joints).argsort(-1).argsort(-1) < size
    return torch.einsum("ntk,nkj->ntj", chosen.float(), member.float()) > 0


def limb(rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """A whole limb, both legs or the head hidden for 0.5 to 3 s, at most of the time one of them."""
    count, frames, joints = rays.shape[:3]
    chosen = spans(rng, count, frames, rate_hz, 0.8, (0.5, 3.0))
    table = torch.zeros(len(LIMBS), joints, device=rays.device)
    for i, rows in enumerate(LIMBS):
        table[i, rows] = 1
    member = table[rng.integers(count, chosen.shape[-1], low=0, high=len(LIMBS) - 1)]
    return torch.einsum("ntk,nkj->ntj", chosen.float(), member) > 0


def truncated(rng: Rng, rays: Tensor) -> Tensor:
    """One side of the image cuts the person all the time: mostly the legs, else left, right or the top."""
    count = rays.shape[0]
    finite = torch.nan_to_num(rays)
    low, high = finite.flatten(1, 2).quantile(0.02, dim=1), finite.flatten(1, 2).quantile(0.98, dim=1)
    keep = rng.uniform(count, low=0.35, high=0.8)
    line_low, line_high = low + keep[:, None] * (high - low), high - keep[:, None] * (high - low)
    x, y = finite.unbind(-1)
    side = rng.uniform(count, 1, 1)
    masks = [y > line_low[:, None, None, 1], x > line_low[:, None, None, 0], x < line_high[:, None, None, 0]]
    mask = torch.where(side < 0.6, masks[0], torch.where(side < 0.8, masks[1], masks[2]))
    return torch.where(side > 0.95, y < line_high[:, None, None, 1], mask)


def passer(rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """Somebody walks through between camera and person: an upright band sweeps over the image, again and again."""
    count, frames = rays.shape[:2]
    x = torch.nan_to_num(rays[..., 0])
    centre = x.mean((1, 2), keepdim=True)
    spread = (x - centre).abs().amax((1, 2), keepdim=True).clamp(min=1e-3)
    width = rng.uniform(count, 1, 1, low=0.3, high=0.9) * spread
    speed = (
        rng.uniform(count, 1, 1, low=0.8, high=4.0) * spread * torch.where(rng.chance(count, 1, 1, p=0.5), 1.0, -1.0)
    )
    seconds = torch.arange(frames, device=rays.device)[None, :, None] / rate_hz
    # wraps around: the next passer comes after the band left the person
    travelled = (rng.uniform(count, 1, 1, high=6.0) * spread + speed * seconds) % (6 * spread) - 3 * spread
    return (x - centre - travelled).abs() < width


def lost_frames(rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """Whole frames without the person, alone or up to 0.4 s in a row; about a third of the time."""
    count, frames = rays.shape[:2]
    chosen = spans(rng, count, frames, rate_hz, 0.5, (1 / rate_hz, 0.4)).any(-1, keepdim=True)
    return (chosen | rng.chance(count, frames, 1, p=0.05)).expand(rays.shape[:3])


def slower(rng: Rng, rays: Tensor, share: Tensor) -> Tensor:
    """A camera of `share` (N,) of the model's rate: the slots between its frames stay empty; the last slot is seen."""
    frames = rays.shape[1]
    step = (1 / share)[:, None]
    back = torch.arange(frames, device=rays.device).flip(0)[None]
    jitter = rng.uniform(rays.shape[0], 1, low=-0.3, high=0.3) * (step > 1.01)
    nearest = (torch.round(torch.round((back - jitter) / step) * step + jitter) - back).abs()
    return ((nearest > 0.5) & (back > 0))[..., None].expand(rays.shape[:3])


def with_toes(hidden: Tensor, joints: int) -> Tensor:
    """Masks (N, T, 17) for skeletons of `joints`: toes, which no protocol knows, are hidden with their ankles."""
    if joints != len(SKELETON):
        return hidden
    return torch.cat((hidden, hidden[..., [LEG[side][-1] for side in SIDES]]), -1)


def mask(name: str, rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """The mask of an evaluation protocol by name: clean, random:M, burst, limb, truncated, lostframes, passer.

    Drawn for the joints of h36m17, also where there are toes.
    """
    if rays.shape[2] == len(SKELETON):
        return with_toes(mask(name, rng, rays[:, :, : len(BODY)], rate_hz), len(SKELETON))
    if name == "clean":
        return torch.zeros(rays.shape[:3], dtype=torch.bool, device=rays.device)
    if name.startswith("random:") and name[7:].isdigit() and int(name[7:]) < len(BODY):
        return random(rng, rays, int(name[7:]))
    makers = {"burst": burst, "limb": limb, "lostframes": lost_frames, "passer": passer}
    if name == "truncated":
        return truncated(rng, rays)
    if name not in makers:
        raise ConfigError(f"unknown protocol {name!r}; known are {', '.join(PROTOCOLS)} and random:M with M below 17")
    return makers[name](rng, rays, rate_hz)


PROTOCOLS = ("clean", "random:8", "random:12", "random:16", "burst", "limb", "truncated", "lostframes")

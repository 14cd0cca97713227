"""Occlusions as they happen to hands. Each function gives a mask, bool (N, T, 21): true = hidden."""

import torch
from torch import Tensor

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.geometry.hand import CHAINS
from pose3d_ros.lab.synthesis import occlusion
from pose3d_ros.lab.synthesis.rng import Rng

PROTOCOLS = ("clean", "random:10", "fingers:2", "object", "whole", "lostframes")


def fingers(rng: Rng, rays: Tensor, rate_hz: float, most: int = 3, seconds: tuple[float, float] = (0.3, 1.2)) -> Tensor:
    """Some whole fingers, 1 to `most`, again and again: behind an object, the palm, the other hand."""
    count = rays.shape[0]
    spans = occlusion.spans(rng, count, rays.shape[1], rate_hz, 0.7, seconds)
    order = rng.uniform(count, spans.shape[-1], 5).argsort(-1).argsort(-1)
    member = (order < rng.integers(count, spans.shape[-1], 1, low=1, high=most)).float()
    return torch.einsum("ntk,nkf,fj->ntj", spans.float(), member, _members(rays.device)) > 0


def newest_fingers(rng: Rng, rays: Tensor, rate_hz: float, hidden: int = 2, every_s: float = 1.0) -> Tensor:
    """`hidden` fingers for half a second out of every `every_s`, others each time: the protocol of the evaluation."""
    count, frames = rays.shape[:2]
    period = round(every_s * rate_hz)
    slot = torch.arange(frames, device=rays.device) + rng.integers(count, 1, low=0, high=period - 1)
    turn = slot // period
    order = rng.uniform(count, int(turn.max()) + 1, 5).argsort(-1).argsort(-1) < hidden
    member = order.float()[torch.arange(count)[:, None], turn]
    return (torch.einsum("ntf,fj->ntj", member, _members(rays.device)) > 0) & ((slot % period) < period / 2)[..., None]


def whole(rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """The whole hand for 0.2 to 1 s, about a third of the time."""
    spans = occlusion.spans(rng, rays.shape[0], rays.shape[1], rate_hz, 1.8, (0.2, 1.0)).any(-1, keepdim=True)
    return spans.expand(rays.shape[:3])


def behind_object(rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """A straight edge in any direction, which comes and goes slowly, covers a part of the hand."""
    count, frames = rays.shape[:2]
    finite = rays.nan_to_num()
    middle = finite.mean(2, keepdim=True)
    angle = rng.uniform(count, 1, 1, high=6.2832)
    along = ((finite - middle) * torch.stack((angle.cos(), angle.sin()), -1)).sum(-1)
    spread = along.std(-1, keepdim=True).clamp(min=1e-6)
    seconds = torch.arange(frames, device=rays.device)[None, :, None] / rate_hz
    edge = rng.uniform(count, 1, 1, low=-0.6, high=1.6) + rng.normal(count, 1, 1, std=1.5) * (seconds - seconds.mean())
    return along > edge * spread


def mask(name: str, rng: Rng, rays: Tensor, rate_hz: float) -> Tensor:
    """The mask of an evaluation protocol. Raises ConfigError naming the known ones."""
    kind, _, number = name.partition(":")
    amount = int(number) if number.isdigit() else None
    if kind == "clean":
        return torch.zeros(rays.shape[:3], dtype=torch.bool, device=rays.device)
    if kind == "random" and amount is not None and amount < rays.shape[2]:
        return occlusion.random(rng, rays, amount)
    if kind == "fingers" and amount in (1, 2, 3, 4):
        return newest_fingers(rng, rays, rate_hz, amount)
    makers = {"object": behind_object, "whole": whole, "lostframes": occlusion.lost_frames}
    if name in makers:
        return makers[name](rng, rays, rate_hz)
    raise ConfigError(f"unknown protocol of hands {name!r}; known are {', '.join(PROTOCOLS)}")


def _members(device: torch.device) -> Tensor:
    """(5, 21): the joints of each finger."""
    table = torch.zeros(5, 21, device=device)
    for number, chain in enumerate(CHAINS):
        table[number, chain] = 1
    return table

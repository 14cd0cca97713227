"""Images of hands from their joints: in many skins and lights, with sleeves, things held and things in front."""

from typing import NamedTuple

import torch
from torch import Tensor

from pose3d_ros.geometry.hand import J, palm_axes
from pose3d_ros.lab.synthesis.capsules import Capsules, Hits, View, trace
from pose3d_ros.lab.synthesis.hand_solid import CLOTH, OBJECT, Solid, backs, solid
from pose3d_ros.lab.synthesis.render import (
    THINGS,
    Drawn,
    Images,
    RenderConfig,
    Scale,
    drawn,
    each_frame,
    image,
    kept_away,
    lamp,
    lit,
    normals,
    skin,
    wide,
)
from pose3d_ros.lab.synthesis.rng import Rng

SCALE = Scale(blend=0.004, deep=0.012, shade=0.02, reach=0.12, far=10.0)


class Appearance(NamedTuple):
    """What stays the same in a window, one row each: see `_look`."""

    thick: Tensor
    forearm: Tensor
    sleeve: Tensor
    dorsal: Tensor
    palmar: Tensor
    nail: Tensor
    cloth: Tensor
    things: Tensor  # colours
    light: Tensor
    ambient: Tensor
    gloss: Tensor
    fold: Tensor


def render(rng: Rng, xyz: Tensor, left: Tensor, view: View, config: RenderConfig) -> Images:
    """Hands (N, T, 21, 3) in the camera's frame as seen in the crops `view` of N * T images; `left` bool (N,)."""
    frames = xyz.shape[1]
    look = _look(rng, len(xyz), config)
    things = _things(rng, xyz, left, config)
    near = Capsules(*(part.flatten(0, 1) for part in things))
    shown = _draw(xyz.flatten(0, 1), left.repeat_interleave(frames), each_frame(look, frames), near, view, config)
    return image(rng, xyz, shown, view, config, SCALE, config.second)


def _look(rng: Rng, count: int, config: RenderConfig) -> Appearance:
    dorsal = skin(rng, count)
    odd = rng.chance(count, 1, p=0.06)  # gloves, and lamps of any colour
    dorsal = torch.where(odd, rng.uniform(count, 3, low=0.05), dorsal.clamp(0.03, 1.0))
    pale = dorsal.sqrt() * torch.tensor((0.93, 0.72, 0.62), device=rng.device)
    palmar = torch.where(odd, dorsal, torch.lerp(dorsal, pale, rng.uniform(count, 1, low=0.2, high=0.7)))
    nail = torch.lerp(dorsal, torch.tensor((0.98, 0.80, 0.76), device=rng.device), rng.uniform(count, 1, high=0.6))
    nail = torch.where(rng.chance(count, 1, p=0.1), rng.uniform(count, 3), nail)
    forearm = torch.cat((-torch.ones(count, 1, device=rng.device), rng.normal(count, 2, std=0.35)), 1)
    begin = torch.where(rng.chance(count, p=config.sleeve), rng.uniform(count, low=0.01, high=0.2), 1.0)
    light = lamp(rng, count)
    return Appearance(
        1 + rng.normal(count, std=0.09).clamp(-0.2, 0.25),
        forearm / forearm.norm(dim=-1, keepdim=True),
        begin,
        dorsal,
        palmar,
        torch.where(odd, dorsal, nail),
        rng.uniform(count, 3),
        rng.uniform(count, THINGS, 3),
        light,
        rng.uniform(count, 1, low=0.15, high=0.7),
        rng.uniform(count, 1, high=0.35) * rng.chance(count, 1, p=0.7),
        rng.uniform(count, 1, high=0.35),
    )


def _things(rng: Rng, xyz: Tensor, left: Tensor, config: RenderConfig) -> Capsules:
    """Capsules (N, T, THINGS, .): the first one held across the palm, the others between hand and camera."""
    count, frames = xyz.shape[:2]
    axes, _ = palm_axes(xyz, left[:, None].expand(count, frames))
    palm = (xyz[:, :, J["wrist"]] + xyz[:, :, [J["middle_mcp"], J["ring_mcp"]]].sum(2)) / 3
    thick = rng.log_uniform(count, 1, low=0.004, high=0.035)
    held = (
        palm + axes[..., 2] * (0.012 + thick[..., None]) + axes[..., 0] * rng.uniform(count, 1, 1, low=0.0, high=0.05)
    )
    across = axes[..., 1] + rng.normal(count, 1, 3, std=0.35)
    reach = rng.log_uniform(count, 2, 1, 1, low=0.03, high=0.25)
    a, b = [held - across * reach[:, 0]], [held + across * reach[:, 1]]
    radius = [thick * rng.chance(count, 1, p=config.held)]
    middle = xyz.mean(2)
    there = rng.chance(count, 1, p=config.before)
    for _ in range(THINGS - 1):
        place = middle * (1 - rng.uniform(count, 1, 1, low=0.08, high=0.3)) + rng.normal(count, 1, 3, std=0.05)
        along = rng.normal(count, 1, 3) * rng.log_uniform(count, 1, 1, low=0.01, high=0.2)
        a.append(place - along)
        b.append(place + along)
        radius.append(rng.log_uniform(count, 1, low=0.005, high=0.03) * there)
    return kept_away(a, b, radius, xyz, 0.12)


def _draw(xyz: Tensor, left: Tensor, look: Appearance, things: Capsules, view: View, config: RenderConfig) -> Drawn:
    """B hands (B, 21, 3), each with a row of the look and of the things."""
    body = solid(xyz, left, look.thick, look.forearm, look.sleeve)
    capsules = Capsules(*(torch.cat(parts, 1) for parts in zip(body[:3], things, strict=True)))
    hits = trace(capsules, view, config.samples * config.height, config.samples * config.width)
    rgb, is_thing = _shade(hits, body, xyz, left, look)
    return drawn(rgb, hits, is_thing, config.samples)


def _shade(hits: Hits, body: Solid, joints: Tensor, left: Tensor, look: Appearance) -> tuple[Tensor, Tensor]:
    """Colour (B, 3, h, w), and bool (B, h, w): a thing that is not the hand."""
    device, mine = joints.device, len(body.kind)
    kind = torch.cat((body.kind, torch.full((THINGS,), OBJECT, device=device)))
    finger = torch.cat((body.finger, torch.full((THINGS,), -1, device=device)))
    nailed, finger = finger >= 0, torch.where(finger < 0, 5, finger)
    folds = torch.cat((body.fold, torch.zeros(THINGS, dtype=torch.bool, device=device)))
    owner, place = hits.owner[:, 0], hits.place[:, 0]
    normal = normals(hits, kind, SCALE.blend)
    axes, _ = palm_axes(joints, left)
    # skin: the inside of the hand is paler; nails; folds over the joints
    inner = torch.einsum("bhwc,bc->bhw", normal, axes[:, :, 2])[..., None]
    albedo = torch.lerp(wide(look.dorsal), wide(look.palmar), (0.5 + 1.5 * inner).clamp(0, 1))
    albedo = albedo * (1 - wide(look.fold) * (folds[owner] & (place < 0.1))[..., None])
    back = torch.cat((backs(joints, left), torch.zeros(len(joints), 1, 3, device=device)), 1)
    rows = finger[owner].flatten(1)[..., None].expand(-1, -1, 3)
    facing = (normal * back.gather(1, rows).view_as(normal)).sum(-1)
    nail = nailed[owner] & (facing > 0.72) & (place > 0.45)
    albedo = torch.where(nail[..., None], wide(look.nail), albedo)
    albedo = torch.where((kind[owner] == CLOTH)[..., None], wide(look.cloth), albedo)
    number = (owner - mine).clamp(min=0).flatten(1)[..., None].expand(-1, -1, 3)
    is_thing = kind[owner] == OBJECT
    albedo = torch.where(is_thing[..., None], look.things.gather(1, number).view_as(normal), albedo)
    light = look.light, look.ambient, look.gloss
    return lit(albedo, normal, hits.depth[:, 0], light, SCALE, 1 + 2 * nail[..., None]), is_thing

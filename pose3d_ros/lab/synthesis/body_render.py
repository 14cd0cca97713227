"""Images of people from their joints: in many clothes and lights, with things held, things and others in front."""

from typing import NamedTuple

import torch
from torch import Tensor

from pose3d_ros.lab.synthesis.body import J
from pose3d_ros.lab.synthesis.body_solid import DARK, HAIR, HAND, MATERIALS, SHIRT, SHOES, SKIN, TROUSERS, Build, solid
from pose3d_ros.lab.synthesis.capsules import Capsules, Hits, View, trace
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
)
from pose3d_ros.lab.synthesis.rng import Rng

SCALE = Scale(blend=0.03, deep=0.06, shade=0.1, reach=0.7, far=40.0)
NEAREST_M = 0.25
HAIRS = ((0.05, 0.04, 0.04), (0.20, 0.12, 0.08), (0.45, 0.28, 0.15), (0.80, 0.65, 0.40), (0.75, 0.75, 0.75))


class Appearance(NamedTuple):
    """What stays the same in a window, one row each. `colours` (N, materials, 3); `stripes` (N, 2): how many along a
    part of the shirt, and how strong; the rest as in `Build` and `render.lit`."""

    colours: Tensor
    stripes: Tensor
    light: Tensor
    ambient: Tensor
    gloss: Tensor


def render(rng: Rng, xyz: Tensor, view: View, config: RenderConfig) -> Images:
    """People (N, T, 17, 3) in the camera's frame as seen in the crops `view` of N * T images."""
    count, frames = xyz.shape[:2]
    builds = [_build(rng, count, config) for _ in range(2)]
    looks = [_look(rng, count) for _ in range(2)]
    there, others = _others(rng, xyz, config)
    things, paint = _things(rng, xyz, config), rng.uniform(count, THINGS, 3)

    people = [
        solid(each.flatten(0, 1), each_frame(build, frames)) for each, build in zip((xyz, others), builds, strict=True)
    ]
    seen = there.repeat_interleave(frames)[:, None]
    near = Capsules(*(part.flatten(0, 1) for part in things))
    one, two = people
    capsules = Capsules(
        torch.cat((one.a, two.a, near.a), 1),
        torch.cat((one.b, two.b, near.b), 1),
        torch.cat((one.radius, two.radius * seen, near.radius), 1),
    )
    hits = trace(capsules, view, config.samples * config.height, config.samples * config.width)
    clothes = [each_frame(look, frames) for look in looks]
    colours = torch.cat((*(look.colours for look in clothes), paint.repeat_interleave(frames, 0)), 1)
    return image(rng, xyz, _shade(hits, people, clothes[0], colours, config), view, config, SCALE)


def _build(rng: Rng, count: int, config: RenderConfig) -> Build:
    def some(p: float) -> Tensor:
        return rng.chance(count, p=p)

    girth = (1.05 + rng.normal(count, std=0.12)).clamp(0.8, 1.4)
    trunk = (girth + rng.normal(count, std=0.06)).clamp(0.85, 1.35)
    woman = some(0.5)
    sleeve = torch.where(some(config.sleeve), rng.uniform(count, low=1.7, high=2.0), rng.uniform(count, high=1.3))
    leg = torch.where(some(0.75), rng.uniform(count, low=1.8, high=2.1), rng.uniform(count, low=0.2, high=1.3))
    return Build(
        girth,
        trunk,
        rng.uniform(count, low=0.01, high=0.09) * some(0.6),
        rng.uniform(count, low=0.005, high=0.05) * (woman | some(0.3)),
        rng.log_uniform(count, low=0.004, high=0.035) * some(0.88),
        rng.uniform(count, low=0.05, high=0.3) * (some(0.6) & woman),
        sleeve,
        leg,
        rng.uniform(count, low=0.2, high=0.5) * (some(0.2) & woman),
        rng.normal(count, 2, 3, std=0.35),
        rng.uniform(count, low=-0.1, high=0.8),
    )


def _look(rng: Rng, count: int) -> Appearance:
    colours = rng.uniform(count, len(MATERIALS), 3) ** rng.log_uniform(count, len(MATERIALS), 1, low=0.5, high=2.5)
    gray = colours.mean(-1, keepdim=True)
    colours = torch.lerp(gray, colours, rng.uniform(count, len(MATERIALS), 1))
    own = skin(rng, count).clamp(0.03, 1.0)
    colours[:, SKIN] = own
    gloved, bare = rng.chance(count, 1, p=0.08), rng.chance(count, 1, p=0.08)
    colours[:, HAND] = torch.where(gloved, colours[:, HAND], own)
    colours[:, SHOES] = torch.where(bare, own, colours[:, SHOES] * rng.uniform(count, 1, low=0.2))
    suit = rng.chance(count, 1, p=0.15)
    colours[:, TROUSERS] = torch.where(suit, colours[:, SHIRT], colours[:, TROUSERS])
    hairs = torch.tensor(HAIRS, device=rng.device)[rng.integers(count, low=0, high=len(HAIRS) - 1)]
    hairs = (hairs * (1 + rng.normal(count, 1, std=0.2))).clamp(0.02, 1.0)
    hat = rng.chance(count, 1, p=0.12)
    colours[:, HAIR] = torch.where(hat, colours[:, HAIR], hairs)
    colours[:, DARK] = 0.5 * own * rng.uniform(count, 1)
    stripes = torch.stack((rng.uniform(count, low=1.0, high=9.0), rng.uniform(count) * rng.chance(count, p=0.3)), -1)
    return Appearance(
        colours,
        stripes,
        lamp(rng, count),
        rng.uniform(count, 1, low=0.15, high=0.7),
        rng.uniform(count, 1, high=0.15) * rng.chance(count, 1, p=0.7),
    )


def _others(rng: Rng, xyz: Tensor, config: RenderConfig) -> tuple[Tensor, Tensor]:
    """bool (N,): there is another person; and these (N, T, 17, 3): others of the batch, beside, behind or in front."""
    count = len(xyz)
    there = rng.chance(count, p=config.second)
    side = torch.where(rng.chance(count, p=0.5), 1.0, -1.0) * rng.uniform(count, low=0.3, high=0.9)
    # who stands near to the camera would be all there is to see
    ahead = rng.normal(count, std=0.7).maximum(-0.45 * xyz[:, :, 0, 2].amin(1))
    aside = torch.stack((side, rng.normal(count, std=0.1), ahead), -1)
    other = xyz.roll(1, 0)
    placed = other - other[:, :, :1] + xyz[:, :, :1] + aside[:, None, None]
    lacking = (NEAREST_M - placed[..., 2].amin((1, 2))).clamp(min=0)
    return there, placed + lacking[:, None, None, None] * placed.new_tensor((0.0, 0.0, 1.0))


def _things(rng: Rng, xyz: Tensor, config: RenderConfig) -> Capsules:
    """Capsules (N, T, THINGS, .): the first one held in a hand, the others between person and camera."""
    count, frames = xyz.shape[:2]
    right = rng.chance(count, 1, 1, p=0.5)
    wrist, elbow = (
        torch.where(right, xyz[:, :, J[f"right_{part}"]], xyz[:, :, J[f"left_{part}"]]) for part in ("wrist", "elbow")
    )
    held = wrist + 0.35 * (wrist - elbow)
    along = rng.normal(count, 1, 3) * rng.log_uniform(count, 1, 1, low=0.03, high=0.3)
    shift = rng.uniform(count, 1, 1, low=-1.0, high=1.0) * along
    a, b = [held + shift - along], [held + shift + along]
    radius = [rng.log_uniform(count, 1, low=0.01, high=0.12) * rng.chance(count, 1, p=config.held)]
    there = rng.chance(count, 1, p=config.before)
    for _ in range(THINGS - 1):
        # rather before the legs, as furniture is
        joint = xyz.gather(2, rng.integers(count, 1, 1, 1, low=0, high=16).expand(-1, frames, 1, 3))[:, :, 0]
        place = joint * (1 - rng.uniform(count, 1, 1, low=0.06, high=0.35)) + rng.normal(count, 1, 3, std=0.15)
        along = rng.normal(count, 1, 3) * rng.log_uniform(count, 1, 1, low=0.05, high=0.7)
        a.append(place - along)
        b.append(place + along)
        radius.append(rng.log_uniform(count, 1, low=0.02, high=0.22) * there)
    return kept_away(a, b, radius, xyz, NEAREST_M)


def _shade(hits: Hits, people: list, look: Appearance, colours: Tensor, config: RenderConfig) -> Drawn:
    """`colours` (B, all materials, 3): of the person, the other one, the things."""
    device, count, kinds = colours.device, len(people), len(MATERIALS)
    things = count * kinds + torch.arange(THINGS, device=device)
    first = torch.cat([each.first + kinds * k for k, each in enumerate(people)] + [things])
    second = torch.cat([each.second + kinds * k for k, each in enumerate(people)] + [things])
    cut = torch.cat([*(each.cut for each in people), torch.ones(len(colours), THINGS, device=device)], 1)
    owner, place = hits.owner[:, 0], hits.place[:, 0]
    ends = cut.gather(1, owner.flatten(1)).view_as(place)
    material = torch.where(place < ends, first[owner], second[owner])
    rows = material.flatten(1)[..., None].expand(-1, -1, 3)
    albedo = colours.gather(1, rows).unflatten(1, place.shape[1:])
    number, strength = (part[:, None, None] for part in look.stripes.unbind(-1))
    striped = strength * (6.2832 * number * place).sin() * (material == SHIRT)
    albedo = (albedo * (1 + 0.6 * striped[..., None])).clamp(0, 1)
    normal = normals(hits, first, SCALE.blend)
    rgb = lit(albedo, normal, hits.depth[:, 0], (look.light, look.ambient, look.gloss), SCALE)
    return drawn(rgb, hits, owner >= len(people[0].first), config.samples)

"""Pictures of hands from their joints: shaded, in many skins and lights, with sleeves, things held and things in front.

Nothing is taken from photographs: everything in the pictures is drawn from random numbers.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.hand import J, palm_axes
from pose3d_ros.synthesis import photograph
from pose3d_ros.synthesis.capsules import NOTHING, Capsules, Hits, View, trace
from pose3d_ros.synthesis.hand_solid import CLOTH, OBJECT, Solid, backs, solid
from pose3d_ros.synthesis.rng import Rng

BLEND_M = 0.004  # surfaces that are nearer to each other than this run into one another
COVER_M = 0.012  # a joint lies this deep below its own skin
THINGS = 3  # capsules that are held or in the way
# Skin from dark to light: sRGB of the Monk scale's range, Google 2022
SKINS = (
    (0.16, 0.10, 0.08),
    (0.36, 0.22, 0.15),
    (0.55, 0.37, 0.26),
    (0.76, 0.57, 0.43),
    (0.90, 0.74, 0.63),
    (0.96, 0.85, 0.78),
)


@dataclass(frozen=True)
class RenderConfig:
    """Size and chances per window."""

    width: int = param(48, "of the pictures, a multiple of 4", unit="px", low=16, high=512)
    height: int = param(64, "of the pictures, a multiple of 4", unit="px", low=16, high=512)
    samples: int = param(2, "rays per pixel and axis", low=1, high=4)
    sleeve: float = param(0.5, "chance of a sleeve", low=0, high=1)
    held: float = param(0.25, "chance of a thing in the hand", low=0, high=1)
    before: float = param(0.2, "chance of things between hand and camera", low=0, high=1)
    pasted: float = param(0.2, "chance of a flat shape over a part of the picture", low=0, high=1)
    blurred: float = param(0.2, "chance of motion blur", low=0, high=1)

    __post_init__ = validate


class Look(NamedTuple):
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


class Pictures(NamedTuple):
    """`rgb` (N, T, 3, H, W) in 0..1; `covered` bool (N, T, 21): a thing hides it; `inside`: it is in the crop."""

    rgb: Tensor
    covered: Tensor
    inside: Tensor


def render(rng: Rng, xyz: Tensor, left: Tensor, view: View, config: RenderConfig) -> Pictures:
    """Hands (N, T, 21, 3) in the camera's frame as seen in the crops `view` of N * T pictures; `left` bool (N,)."""
    count, frames = xyz.shape[:2]
    look = _look(rng, count, config)
    things = _things(rng, xyz, left, config)
    rgb, alpha, depth = _frames(rng, xyz, left, look, things, view, config)
    rgb, alpha = _blur(rng, xyz, left, look, things, view, config, rgb, alpha)
    behind = _behind(rng, count, frames, view, config)
    picture = torch.lerp(behind, rgb, alpha)
    size = config.height, config.width
    sticker = photograph.shape(rng, count, *size, 0.15, 0.6) * rng.chance(count, 1, 1, 1, p=config.pasted)
    paint = rng.uniform(count, 3, 1, 1) + 0.15 * photograph.fractal(rng, count, *size)
    sticker, paint = (part.repeat_interleave(frames, 0) for part in (sticker, paint.clamp(0, 1)))
    picture = photograph.taken(rng, torch.lerp(picture, paint, sticker), frames)
    covered, inside = _visibility(xyz.flatten(0, 1), view, depth, sticker, config)
    shape = count, frames
    return Pictures(picture.unflatten(0, shape), covered.unflatten(0, shape), inside.unflatten(0, shape))


def _look(rng: Rng, count: int, config: RenderConfig) -> Look:
    table = torch.tensor(SKINS, device=rng.device)
    at = rng.uniform(count, high=len(SKINS) - 1.001)
    row = at.long()
    dorsal = torch.lerp(table[row], table[row + 1], (at - row)[:, None]) * (1 + rng.normal(count, 3, std=0.06))
    odd = rng.chance(count, 1, p=0.06)  # gloves, and lamps of any colour
    dorsal = torch.where(odd, rng.uniform(count, 3, low=0.05), dorsal.clamp(0.03, 1.0))
    pale = dorsal.sqrt() * torch.tensor((0.93, 0.72, 0.62), device=rng.device)
    palmar = torch.where(odd, dorsal, torch.lerp(dorsal, pale, rng.uniform(count, 1, low=0.2, high=0.7)))
    nail = torch.lerp(dorsal, torch.tensor((0.98, 0.80, 0.76), device=rng.device), rng.uniform(count, 1, high=0.6))
    nail = torch.where(rng.chance(count, 1, p=0.1), rng.uniform(count, 3), nail)
    forearm = torch.cat((-torch.ones(count, 1, device=rng.device), rng.normal(count, 2, std=0.35)), 1)
    begin = torch.where(rng.chance(count, p=config.sleeve), rng.uniform(count, low=0.01, high=0.2), 1.0)
    light = rng.normal(count, 3)
    light[:, 2] = -light[:, 2].abs() - 0.2  # from the camera's side
    light[:, 1] -= 0.5  # and rather from above
    return Look(
        1 + rng.normal(count, std=0.09).clamp(-0.2, 0.25),
        forearm / forearm.norm(dim=-1, keepdim=True),
        begin,
        dorsal,
        palmar,
        torch.where(odd, dorsal, nail),
        rng.uniform(count, 3),
        rng.uniform(count, THINGS, 3),
        light / light.norm(dim=-1, keepdim=True),
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
    nearest = xyz[..., 2].amin(2)
    stack = [torch.stack(part, 2) for part in (a, b)]
    for part in stack:
        part[..., 2] = part[..., 2].maximum(0.4 * nearest[..., None]).clamp(min=0.12)
    return Capsules(*stack, torch.stack(radius, 2).expand(count, frames, THINGS))


def _frames(
    rng: Rng, xyz: Tensor, left: Tensor, look: Look, things: Capsules, view: View, config: RenderConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Colours (B, 3, H, W), opacity (B, 1, H, W), and the depth (B, h, w) of things alone, for B = N * T pictures."""
    frames = xyz.shape[1]
    one = Look(*(part.repeat_interleave(frames, 0) for part in look))
    joints, side = xyz.flatten(0, 1), left.repeat_interleave(frames)
    body = solid(joints, side, one.thick, one.forearm, one.sleeve)
    capsules = Capsules(
        *(torch.cat((mine, thing.flatten(0, 1)), 1) for mine, thing in zip(body[:3], things, strict=True))
    )
    hits = trace(capsules, view, config.samples * config.height, config.samples * config.width)
    rgb, alpha, is_thing = _shade(hits, body, joints, side, one)
    depth = torch.where(is_thing, hits.depth[:, 0], NOTHING)
    opaque = functional.avg_pool2d(alpha, config.samples)
    rgb = functional.avg_pool2d(rgb * alpha, config.samples) / opaque.clamp(min=1e-4)
    return rgb, opaque, depth


def _shade(hits: Hits, body: Solid, joints: Tensor, left: Tensor, look: Look) -> tuple[Tensor, Tensor, Tensor]:
    """Colour (B, 3, h, w), opacity (B, 1, h, w), and bool (B, h, w): a thing that is not the hand."""
    device, mine = joints.device, len(body.kind)
    kind = torch.cat((body.kind, torch.full((THINGS,), OBJECT, device=device)))
    finger = torch.cat((body.finger, torch.full((THINGS,), -1, device=device)))
    nailed, finger = finger >= 0, torch.where(finger < 0, 5, finger)
    folds = torch.cat((body.fold, torch.zeros(THINGS, dtype=torch.bool, device=device)))
    owner, place = hits.owner[:, 0], hits.place[:, 0]
    same = kind[hits.owner[:, 0]] == kind[hits.owner[:, 1]]
    gap = (hits.depth[:, 1] - hits.depth[:, 0]) / BLEND_M
    share = (0.5 * (1 - gap).clamp(0, 1) ** 2 * same)[..., None]
    normal = torch.lerp(hits.normal[:, 0], hits.normal[:, 1], share)
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    axes, _ = palm_axes(joints, left)
    # skin: the inside of the hand is paler; nails; folds over the joints
    inner = torch.einsum("bhwc,bc->bhw", normal, axes[:, :, 2])[..., None]
    albedo = torch.lerp(_wide(look.dorsal), _wide(look.palmar), (0.5 + 1.5 * inner).clamp(0, 1))
    albedo = albedo * (1 - _wide(look.fold) * (folds[owner] & (place < 0.1))[..., None])
    back = torch.cat((backs(joints, left), torch.zeros(len(joints), 1, 3, device=device)), 1)
    rows = finger[owner].flatten(1)[..., None].expand(-1, -1, 3)
    facing = (normal * back.gather(1, rows).view_as(normal)).sum(-1)
    nail = nailed[owner] & (facing > 0.72) & (place > 0.45)
    albedo = torch.where(nail[..., None], _wide(look.nail), albedo)
    albedo = torch.where((kind[owner] == CLOTH)[..., None], _wide(look.cloth), albedo)
    number = (owner - mine).clamp(min=0).flatten(1)[..., None].expand(-1, -1, 3)
    is_thing = kind[owner] == OBJECT
    albedo = torch.where(is_thing[..., None], look.things.gather(1, number).view_as(normal), albedo)
    lambert = torch.einsum("bhwc,bc->bhw", normal, look.light)
    bright = _wide(look.ambient) * (1 - 0.25 * normal[..., 1:2]) + (0.25 + 0.75 * lambert)[..., None].clamp(min=0)
    half = look.light - torch.tensor((0.0, 0.0, 1.0), device=device)
    half = half / half.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    shine = torch.einsum("bhwc,bc->bhw", normal, half).clamp(min=0) ** 24
    bright = bright * (1 - 0.55 * _shadow(hits.depth[:, 0]))[..., None]
    rgb = albedo * bright + (_wide(look.gloss) * (1 + 2 * nail[..., None])) * shine[..., None]
    solid_here = hits.depth[:, :1] < NOTHING / 2
    return rgb.clamp(0, 1).permute(0, 3, 1, 2), solid_here.float(), is_thing & solid_here[:, 0]


def _shadow(depth: Tensor) -> Tensor:
    """0..1: something nearby in the picture is nearer, but not by much: it takes light away."""
    coarse = depth.shape[1] // 32
    near = -functional.max_pool2d(-depth[:, None], coarse)
    near = -functional.max_pool2d(-near, 3, 1, 1)
    near = functional.avg_pool2d(near.clamp(max=10.0), 3, 1, 1, count_include_pad=False)
    near = functional.interpolate(near, depth.shape[1:], mode="bilinear", align_corners=False)
    step = depth - near[:, 0]
    return (step / 0.02).clamp(0, 1) * (1 - step / 0.12).clamp(0, 1)


def _blur(
    rng: Rng, xyz: Tensor, left: Tensor, look: Look, things: Capsules, view: View, config: RenderConfig,
    rgb: Tensor, alpha: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Some windows, if their hands move: the mean of the shutter's beginning, middle and end."""
    count, frames = xyz.shape[:2]
    chosen = torch.where(rng.chance(count, p=config.blurred))[0]
    if not len(chosen) or frames < 2:
        return rgb, alpha
    rows = (chosen[:, None] * frames + torch.arange(frames, device=xyz.device)).flatten()
    part = Look(*(value[chosen] for value in look))
    step = torch.gradient(xyz[chosen], dim=1)[0] * rng.uniform(len(chosen), 1, 1, 1, low=0.05, high=0.35)
    inner = View(view.centre[rows], view.half[rows])
    held = Capsules(*(value[chosen] for value in things))
    colour, opaque = rgb[rows] * alpha[rows], alpha[rows]
    for sign in (-1, 1):
        moved, solid_here, _ = _frames(rng, xyz[chosen] + sign * step, left[chosen], part, held, inner, config)
        colour, opaque = colour + moved * solid_here, opaque + solid_here
    rgb, alpha = rgb.clone(), alpha.clone()
    rgb[rows], alpha[rows] = colour / opaque.clamp(min=1e-4), opaque / 3
    return rgb, alpha


def _behind(rng: Rng, count: int, frames: int, view: View, config: RenderConfig) -> Tensor:
    """(N * T, 3, H, W): one background for a window, which moves through the crops as the crops move."""
    large = photograph.background(rng, count, config.height * 3 // 2, config.width * 3 // 2)
    centre, half = view.centre.unflatten(0, (count, frames)), view.half.unflatten(0, (count, frames))
    start = half[:, :1]
    offset = (centre - centre[:, frames // 2 : frames // 2 + 1]) / start[..., None]
    large = large.repeat_interleave(frames, 0)
    return photograph.shifted(large, offset.flatten(0, 1), (half / start).flatten(), config.height, config.width)


def _visibility(
    joints: Tensor, view: View, depth: Tensor, sticker: Tensor, config: RenderConfig
) -> tuple[Tensor, Tensor]:
    """bool (B, 21) twice: hidden by a thing or a pasted shape; inside of the crop."""
    uv = view.project(joints)
    wide = torch.tensor((config.width / config.height, 1.0), device=joints.device)
    places = (uv / wide)[:, :, None]
    inside = (places.abs() < 1).all(-1)[..., 0]
    thing = functional.grid_sample(depth[:, None], places, mode="nearest", align_corners=False)[:, 0, :, 0]
    pasted = functional.grid_sample(sticker, places, mode="nearest", align_corners=False)[:, 0, :, 0]
    return inside & ((thing < joints[..., 2] - COVER_M / 2) & (thing > 0) | (pasted > 0.5)), inside


def _wide(colour: Tensor) -> Tensor:
    return colour[:, None, None]

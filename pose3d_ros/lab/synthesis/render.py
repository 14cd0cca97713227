"""What images of hands and of bodies have in common: light, things in front, blur, backgrounds, what hides a joint.

Nothing is taken from photographs: everything in the images is drawn from random numbers.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.core.config import param, validate
from pose3d_ros.lab.synthesis import camera_effects
from pose3d_ros.lab.synthesis.capsules import NOTHING, Capsules, Hits, View
from pose3d_ros.lab.synthesis.rng import Rng

THINGS = 3  # capsules that are held or in the way
SHUTTER = 0.35  # farthest that something moves while an image is taken, in halves of the crop's height
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

    width: int = param(48, "of the images, a multiple of 4", unit="px", low=16, high=512)
    height: int = param(64, "of the images, a multiple of 4", unit="px", low=16, high=512)
    samples: int = param(2, "rays per pixel and axis", low=1, high=4)
    sleeve: float = param(0.5, "chance of a sleeve, of bodies: of long ones", low=0, high=1)
    held: float = param(0.25, "chance of a thing in the hand", low=0, high=1)
    before: float = param(0.2, "chance of things between hand or person and camera", low=0, high=1)
    pasted: float = param(0.2, "chance of a flat shape over a part of the image", low=0, high=1)
    blurred: float = param(0.3, "chance of motion blur", low=0, high=1)
    second: float = param(
        0.2, "chance of another one: of bodies beside, behind or in front, of hands behind", low=0, high=1
    )
    alike: float = param(0.3, "chance of a background of the same colours", low=0, high=1)

    __post_init__ = validate


class Images(NamedTuple):
    """`rgb` (N, T, 3, H, W) in 0..1; `covered` bool (N, T, J): a thing hides it; `inside`: it is in the crop."""

    rgb: Tensor
    covered: Tensor
    inside: Tensor


class Drawn(NamedTuple):
    """B images without their backgrounds: colours (B, 3, H, W), opacity (B, 1, H, W), depth (B, h, w) of the nearest
    surface where it is a thing, else far."""

    rgb: Tensor
    alpha: Tensor
    depth: Tensor


class Scale(NamedTuple):
    """Lengths that go with what is drawn, metres: surfaces nearer to each other than `blend` run into one another; a
    joint lies `deep` below its own skin; shadows fall from `shade` to `reach` behind what is in front."""

    blend: float
    deep: float
    shade: float
    reach: float
    far: float


def image(
    rng: Rng, xyz: Tensor, drawn: Drawn, view: View, config: RenderConfig, scale: Scale, second: float = 0.0
) -> Images:
    """What is `drawn` of joints (N, T, J, 3) in N * T images, as taken by a camera before a background. `second`:
    chance that the one of another window is behind."""
    count, frames = xyz.shape[:2]
    rgb, alpha = moved(rng, drawn, xyz, view, config)
    mean = ((drawn.rgb * drawn.alpha).sum((2, 3)) / drawn.alpha.sum((2, 3)).clamp(min=1.0)).unflatten(
        0, (count, frames)
    )
    behind = _behind(rng, mean[:, 0], view, config, frames)
    if second:
        behind = another(rng, behind, rgb, alpha, mean, second)
    taken = torch.lerp(behind, rgb, alpha)
    size = config.height, config.width
    sticker = camera_effects.shape(rng, count, *size, 0.15, 0.6) * rng.chance(count, 1, 1, 1, p=config.pasted)
    paint = rng.uniform(count, 3, 1, 1) + 0.15 * camera_effects.fractal(rng, count, *size)
    sticker, paint = (part.repeat_interleave(frames, 0) for part in (sticker, paint.clamp(0, 1)))
    taken = camera_effects.taken(rng, torch.lerp(taken, paint, sticker), frames)
    covered, inside = _visibility(xyz.flatten(0, 1), view, drawn.depth, sticker, config, scale.deep)
    shape = count, frames
    return Images(taken.unflatten(0, shape), covered.unflatten(0, shape), inside.unflatten(0, shape))


def each_frame(look: Any, frames: int) -> Any:
    """The tensors (N, ...) of a named tuple, once for each frame of their windows: (N * T, ...)."""
    return type(look)(*(value.repeat_interleave(frames, 0) for value in look))


def kept_away(a: list[Tensor], b: list[Tensor], radius: list[Tensor], xyz: Tensor, nearest_m: float) -> Capsules:
    """Things with ends `a`, `b` (N, T, 3) and `radius` (N, 1), an entry each, as capsules (N, T, things, .): no nearer
    to the camera than `nearest_m`, nor than 0.4 of the nearest joint of `xyz` (N, T, J, 3)."""
    nearest = 0.4 * xyz[..., 2].amin(2)[..., None]
    ends = [torch.stack(part, 2) for part in (a, b)]
    for part in ends:
        part[..., 2] = part[..., 2].maximum(nearest).clamp(min=nearest_m)
    return Capsules(*ends, torch.stack(radius, 2).expand(*xyz.shape[:2], len(radius)))


def skin(rng: Rng, count: int) -> Tensor:
    """(N, 3) from dark to light; also beyond 0..1."""
    table = torch.tensor(SKINS, device=rng.device)
    at = rng.uniform(count, high=len(SKINS) - 1.001)
    row = at.long()
    return torch.lerp(table[row], table[row + 1], (at - row)[:, None]) * (1 + rng.normal(count, 3, std=0.06))


def lamp(rng: Rng, count: int) -> Tensor:
    """Unit vectors (N, 3) to the light: from the camera's side, and rather from above."""
    light = rng.normal(count, 3)
    light[:, 2] = -light[:, 2].abs() - 0.2
    light[:, 1] -= 0.5
    return light / light.norm(dim=-1, keepdim=True)


def normals(hits: Hits, kind: Tensor, blend_m: float) -> Tensor:
    """(B, h, w, 3) of the nearest surface; where another one of the same kind (K,) is near, both mixed."""
    same = kind[hits.owner[:, 0]] == kind[hits.owner[:, 1]]
    gap = (hits.depth[:, 1] - hits.depth[:, 0]) / blend_m
    share = (0.5 * (1 - gap).clamp(0, 1) ** 2 * same)[..., None]
    mixed = torch.lerp(hits.normal[:, 0], hits.normal[:, 1], share)
    return mixed / mixed.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def lit(
    albedo: Tensor, normal: Tensor, depth: Tensor, light: tuple[Tensor, Tensor, Tensor], scale: Scale,
    polish: Tensor | float = 1.0,
) -> Tensor:  # fmt: skip
    """Colours (B, 3, h, w) of surfaces (B, h, w, 3) under `light`: direction to it (B, 3), ambient (B, 1), gloss (B, 1)
    times `polish`."""
    toward, ambient, gloss = light
    lambert = torch.einsum("bhwc,bc->bhw", normal, toward)
    bright = wide(ambient) * (1 - 0.25 * normal[..., 1:2]) + (0.25 + 0.75 * lambert)[..., None].clamp(min=0)
    half = toward - torch.tensor((0.0, 0.0, 1.0), device=toward.device)
    half = half / half.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    shine = torch.einsum("bhwc,bc->bhw", normal, half).clamp(min=0) ** 24
    bright = bright * (1 - 0.55 * _shadow(depth, scale))[..., None]
    rgb = albedo * bright + (wide(gloss) * polish) * shine[..., None]
    return rgb.clamp(0, 1).permute(0, 3, 1, 2)


def drawn(rgb: Tensor, hits: Hits, is_thing: Tensor, samples: int) -> Drawn:
    """Rays (B, 3, h, w) gathered to pixels; `is_thing` bool (B, h, w)."""
    depth = hits.depth[:, 0]
    alpha = (hits.depth[:, :1] < NOTHING / 2).float()
    opaque = functional.avg_pool2d(alpha, samples)
    rgb = functional.avg_pool2d(rgb * alpha, samples) / opaque.clamp(min=1e-4)
    return Drawn(rgb, opaque, torch.where(is_thing & (alpha[:, 0] > 0), depth, NOTHING))


def wide(colour: Tensor) -> Tensor:
    """(B, C) to (B, 1, 1, C)."""
    return colour[:, None, None]


def _shadow(depth: Tensor, scale: Scale) -> Tensor:
    """0..1: something nearby in the image is nearer, but not by much: it takes light away."""
    coarse = depth.shape[1] // 32
    near = -functional.max_pool2d(-depth[:, None], coarse)
    near = -functional.max_pool2d(-near, 3, 1, 1)
    near = functional.avg_pool2d(near.clamp(max=scale.far), 3, 1, 1, count_include_pad=False)
    near = functional.interpolate(near, depth.shape[1:], mode="bilinear", align_corners=False)
    step = depth - near[:, 0]
    return (step / scale.shade).clamp(0, 1) * (1 - step / scale.reach).clamp(0, 1)


def moved(rng: Rng, still: Drawn, xyz: Tensor, view: View, config: RenderConfig) -> tuple[Tensor, Tensor]:
    """Colours (N * T, 3, H, W) and opacity (N * T, 1, H, W), some windows as moved while the shutter was open: along
    their path before the camera, which crops follow, or, where a window is one frame, along any."""
    count, frames = shape = xyz.shape[:2]
    chosen = torch.where(rng.chance(count, p=config.blurred))[0]
    if not len(chosen):
        return still.rgb, still.alpha
    if frames > 1:
        half = view.half[:, None]
        path = view.project(xyz.flatten(0, 1)).mean(1) * half + view.centre
        step = torch.gradient(path.unflatten(0, shape)[chosen], dim=1)[0] / half.unflatten(0, shape)[chosen]
        step = step * rng.uniform(len(chosen), 1, 1, low=0.1, high=0.7)
    else:
        angle = rng.uniform(len(chosen), 1, high=6.2832)
        step = torch.stack((angle.cos(), angle.sin()), -1) * rng.log_uniform(len(chosen), 1, 1, low=0.04, high=SHUTTER)
    rows = (chosen[:, None] * frames + torch.arange(frames, device=xyz.device)).flatten()
    layers = torch.cat((still.rgb[rows] * still.alpha[rows], still.alpha[rows]), 1)
    smeared = camera_effects.smeared(layers, step.clamp(-SHUTTER, SHUTTER).flatten(0, 1))
    rgb, alpha = still.rgb.clone(), still.alpha.clone()
    rgb[rows], alpha[rows] = smeared[:, :3] / smeared[:, 3:].clamp(min=1e-4), smeared[:, 3:]
    return rgb, alpha


def _behind(rng: Rng, mean: Tensor, view: View, config: RenderConfig, frames: int) -> Tensor:
    """(N * T, 3, H, W): one background for a window, which moves through the crops as the crops move. Some are of the
    colours of what stands before them, as the chest is behind a hand: `mean` (N, 3)."""
    count = len(mean)
    like = mean[:, None, :, None, None] * rng.log_uniform(count, 2, 1, 1, 1, low=0.6, high=1.6)
    alike = rng.chance(count, 1, 1, 1, 1, p=config.alike)
    large = camera_effects.background(rng, count, config.height * 3 // 2, config.width * 3 // 2, (like, alike))
    centre, half = view.centre.unflatten(0, (count, frames)), view.half.unflatten(0, (count, frames))
    start = half[:, :1]
    offset = (centre - centre[:, frames // 2 : frames // 2 + 1]) / start[..., None]
    large = large.repeat_interleave(frames, 0)
    return camera_effects.shifted(large, offset.flatten(0, 1), (half / start).flatten(), config.height, config.width)


def another(rng: Rng, behind: Tensor, rgb: Tensor, alpha: Tensor, mean: Tensor, chance: float) -> Tensor:
    """Backgrounds (N * T, 3, H, W), some with the one of another window before them: elsewhere, of another size, and
    mostly in the colours of this one's, `mean` (N, T, 3)."""
    count, frames = mean.shape[:2]

    def rolled(value: Tensor) -> Tensor:
        return value.unflatten(0, (count, frames)).roll(1, 0).flatten(0, 1)

    same = rng.chance(count, 1, 1, p=0.8)
    paint = torch.where(same, mean / mean.roll(1, 0).clamp(min=0.02), 1.0).flatten(0, 1)[..., None, None]
    other = torch.cat(((rolled(rgb) * paint).clamp(0, 1) * rolled(alpha), rolled(alpha)), 1)
    angle = rng.uniform(count, high=6.2832)
    offset = torch.stack((angle.cos(), angle.sin()), -1) * rng.uniform(count, 1, low=0.3, high=1.2)
    offset, size = (value.repeat_interleave(frames, 0) for value in (offset, rng.log_uniform(count, low=0.6, high=1.6)))
    other = camera_effects.shifted(other, offset, size, *rgb.shape[-2:], padding="zeros")
    there = rng.chance(count, 1, 1, 1, p=chance).repeat_interleave(frames, 0)
    return torch.where(there, behind * (1 - other[:, 3:]) + other[:, :3], behind)


def _visibility(
    joints: Tensor, view: View, depth: Tensor, sticker: Tensor, config: RenderConfig, deep_m: float
) -> tuple[Tensor, Tensor]:
    """bool (B, J) twice: hidden by a thing or a pasted shape; inside of the crop."""
    uv = view.project(joints)
    ratio = torch.tensor((config.width / config.height, 1.0), device=joints.device)
    places = (uv / ratio)[:, :, None]
    inside = (places.abs() < 1).all(-1)[..., 0]
    thing = functional.grid_sample(depth[:, None], places, mode="nearest", align_corners=False)[:, 0, :, 0]
    pasted = functional.grid_sample(sticker, places, mode="nearest", align_corners=False)[:, 0, :, 0]
    return inside & ((thing < joints[..., 2] - deep_m / 2) & (thing > 0) | (pasted > 0.5)), inside

"""What makes a rendered image look taken: backgrounds, things in front, light, lens, sensor, compression."""

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.lab.synthesis.rng import Rng

RECTANGLES = 6


def background(rng: Rng, count: int, height: int, width: int, like: tuple[Tensor, Tensor]) -> Tensor:
    """(N, 3, H, W) in 0..1: noise of several sizes between two colours, a gradient, rectangles and discs. `like`: two
    colours (N, 2, 3, 1, 1), and where they are taken, bool (N, 1, 1, 1, 1)."""
    ends = torch.where(like[1], like[0].clamp(0, 1), _muted(rng, count, 2))
    texture = fractal(rng, count, height, width)
    gradient = _ramp(rng, count, height, width)
    share = (
        texture * rng.uniform(count, 1, 1, 1, high=2.0) + gradient * rng.normal(count, 1, 1, 1, std=0.4) + 0.5
    ).clamp(0, 1)
    image = torch.lerp(ends[:, 0], ends[:, 1], share)
    for _ in range(RECTANGLES):
        here = shape(rng, count, height, width, 0.05, 0.8) * rng.chance(count, 1, 1, 1, p=0.4)
        paint = _muted(rng, count, 1)[:, 0] + 0.1 * fractal(rng, count, height, width)
        image = torch.lerp(image, paint, here)
    return image.clamp(0, 1)


def shape(rng: Rng, count: int, height: int, width: int, low: float, high: float) -> Tensor:
    """(N, 1, H, W) opacity of a turned rectangle or ellipse with half sides of low..high half heights."""
    v, u = torch.meshgrid(
        torch.linspace(-1, 1, height, device=rng.device),
        torch.linspace(-1, 1, width, device=rng.device) * width / height,
        indexing="ij",
    )
    middle = rng.uniform(count, 2, 1, 1, low=-1.0, high=1.0)
    angle = rng.uniform(count, 1, 1, high=6.2832)
    du, dv = u - middle[:, 0], v - middle[:, 1]
    x, y = angle.cos() * du + angle.sin() * dv, angle.cos() * dv - angle.sin() * du
    sides = rng.log_uniform(count, 2, 1, 1, low=low, high=high)
    x, y = x.abs() / sides[:, 0], y.abs() / sides[:, 1]
    inside = torch.where(rng.chance(count, 1, 1, p=0.5), torch.maximum(x, y), (x * x + y * y).sqrt())
    return ((1 - inside) * 0.3 * height * sides.amin(1) + 0.5).clamp(0, 1)[:, None]


def fractal(rng: Rng, count: int, height: int, width: int) -> Tensor:
    """(N, 1, H, W) of zero mean: noise of four sizes, coarse or fine by the image."""
    rough = rng.uniform(count, 1, 1, 1, low=0.3, high=1.0)
    total = torch.zeros(count, 1, height, width, device=rng.device)
    for octave in range(4):
        cells = rng.normal(count, 1, 3 * 2**octave, 2 + 2 * 2**octave, std=0.35)
        total += rough**octave * functional.interpolate(cells, (height, width), mode="bilinear", align_corners=False)
    return total


def shifted(
    image: Tensor, offset: Tensor, scale: Tensor, height: int, width: int, padding: str = "reflection"
) -> Tensor:
    """(B, C, height, width) out of images (B, C, H, W), mostly larger ones: `offset` (B, 2) in u, v off their middle,
    in halves of `height`; `scale` (B,): at 2 things are half as large. `padding` as of `grid_sample`.
    """
    u = torch.linspace(-1, 1, width, device=image.device)
    v = torch.linspace(-1, 1, height, device=image.device)
    part = torch.tensor((width / image.shape[3], height / image.shape[2]), device=image.device)
    places = torch.stack(torch.meshgrid(v, u, indexing="ij")[::-1], -1)
    wide = torch.tensor((width / height, 1.0), device=image.device)
    places = (places * scale[:, None, None, None] + (offset / wide)[:, None, None]) * part
    return functional.grid_sample(image, places, padding_mode=padding, align_corners=False)


def smeared(image: Tensor, step: Tensor) -> Tensor:
    """Images (B, C, H, W) on the average of a straight way: `step` (B, 2) in u, v, halves of the height."""
    height, width = image.shape[-2:]
    copies = max(height // 9, 5)
    one = torch.ones_like(step[:, 0])
    total = torch.zeros_like(image)
    for part in torch.linspace(-0.5, 0.5, copies).tolist():
        total += shifted(image, part * step, one, height, width, padding="zeros")
    return total / copies


def taken(rng: Rng, images: Tensor, frames: int) -> Tensor:
    """Exposure, white balance, contrast, blur, chroma of less resolution, noise: one camera for the T `frames` of each
    window; images (N * T, 3, H, W) in 0..1."""
    count = len(images) // frames

    def each(value: Tensor) -> Tensor:
        return value.repeat_interleave(frames, 0)

    gain = each(
        rng.log_uniform(count, 1, 1, 1, low=0.55, high=1.6) * rng.log_uniform(count, 3, 1, 1, low=0.85, high=1.18)
    )
    gamma = each(rng.log_uniform(count, 1, 1, 1, low=0.75, high=1.35))
    flicker = rng.log_uniform(len(images), 1, 1, 1, low=0.97, high=1.03)
    images = (images * gain * flicker).clamp(1e-4, 1) ** gamma
    gray = images.mean(1, keepdim=True)
    images = torch.lerp(gray, images, each(rng.uniform(count, 1, 1, 1, low=0.4, high=1.2)))
    images = torch.where(each(rng.chance(count, 1, 1, 1, p=0.04)), gray, images)
    images = _chroma(images, each(rng.chance(count, 1, 1, 1, p=0.4)))
    images = _soften(images, each(rng.uniform(count, 1, 1, 1, high=2.0) * rng.chance(count, 1, 1, 1, p=0.6)))
    noise = each(rng.log_uniform(count, 1, 1, 1, low=0.002, high=0.06))
    return (images + noise * rng.normal(*images.shape)).clamp(0, 1)


def _muted(rng: Rng, count: int, colours: int) -> Tensor:
    """(N, colours, 3, 1, 1): mostly grayish, as rooms are."""
    colour, gray = rng.uniform(count, colours, 3, 1, 1), rng.uniform(count, colours, 1, 1, 1)
    return torch.lerp(gray, colour, rng.uniform(count, colours, 1, 1, 1) ** 1.5)


def _soften(images: Tensor, share: Tensor) -> Tensor:
    """Towards a blurred copy, as from a far hand, a soft lens or strong compression: up to 1 a little, up to 2 more."""
    soft = [images]
    for _ in range(2):
        soft.append(functional.avg_pool2d(functional.pad(soft[-1], (1, 1, 1, 1), mode="replicate"), 3, 1))
    little = torch.lerp(soft[0], soft[1], share.clamp(max=1.0))
    return torch.lerp(little, soft[2], (share - 1).clamp(min=0.0))


def _chroma(images: Tensor, coarse: Tensor) -> Tensor:
    """Colour at half the resolution of brightness, as in JPEG and video."""
    gray = images.mean(1, keepdim=True)
    colour = functional.interpolate(functional.avg_pool2d(images - gray, 2), scale_factor=2.0, mode="nearest")
    return torch.where(coarse, gray + colour, images)


def _ramp(rng: Rng, count: int, height: int, width: int) -> Tensor:
    angle = rng.uniform(count, 1, 1, 1, high=6.2832)
    v = torch.linspace(-1, 1, height, device=rng.device)[:, None]
    u = torch.linspace(-1, 1, width, device=rng.device)
    return angle.cos() * u + angle.sin() * v

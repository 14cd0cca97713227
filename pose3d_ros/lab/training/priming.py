"""A better beginning for image networks that start from nothing. The network itself stays as it is.

A ViT with random weights first has to find out that neighbouring patches are neighbours and that a patch is mostly its
slow parts; with the few hundred thousand images that a CPU allows it spends most of them on that. So the position
embedding starts as sines and cosines of the place (Vaswani et al. 2017, in two dimensions), as loud as the patches, and
the patch embedding as the whitened principal components of the training's patches. Both are learned on.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.vit import Attention, ViTConfig

SIZE, CONTENT = 2.0, 0.7  # amplitude of the position's, spread of the patch's part of a token
FLAT = 1e-2  # variance below which a component is noise
SAMPLE = 20_000  # patches
SHARP = 4.0  # how much higher a head's value is for the patch that it looks at than for a far one, at least
STEPS = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1))  # in patches


@torch.no_grad()
def prime(network: ExtPose, image: Tensor, pose: Tensor) -> None:
    """Set position and patch embedding from some inputs (N, T, channels, H, W) of the network."""
    config = network.config
    network.backbone.pos_embed.zero_()
    network.backbone.pos_embed[0, 1:] = positions(config.vit).to(image.device)
    image, pose = (part.flatten(0, 1) for part in (image, pose))
    if network.joined:
        images = torch.cat((image, pose), 1)
    elif config.pose_input == "image":
        images = torch.cat((image, pose))
    else:
        images = image
    layer = network.backbone.patch_embed.proj
    weight, bias = whitening(images, config.vit.patch, len(layer.weight))
    layer.weight[: len(weight)], layer.bias[: len(bias)] = weight, bias
    for number, block in enumerate(network.backbone.blocks):
        look_about(block.attn, config.vit, number)


@torch.no_grad()
def look_about(attention: Attention, vit: ViTConfig, number: int) -> None:
    """Queries and keys such that every head looks at the patch at one place beside its own, or at its own: a stack of
    them sees at first as a convolutional network does (Zheng et al. 2024, "Structured Initialization for Attention in
    Vision Transformers"). It works by turning the sines and cosines of `positions` by the step."""
    width, size = vit.width, vit.width // vit.heads
    rates = _rates(vit)
    count = min(size // 4, len(rates))
    chosen = torch.linspace(0, len(rates) - 1, count).round().long()
    weight = attention.qkv.weight.unflatten(0, (3, vit.heads, size))
    gain = (SHARP * size**0.5 / (2 * count)) ** 0.5
    for head in range(vit.heads):
        step = STEPS[(number * vit.heads + head) % len(STEPS)]
        query, key = torch.zeros(size, width), torch.zeros(size, width)
        for axis in range(2):
            turn = rates[chosen] * step[axis] / (vit.image_height // vit.patch)
            sines = 2 * axis * len(rates) + chosen
            cosines = sines + len(rates)
            row = 2 * axis * count + torch.arange(count)
            key[row, sines], key[row + count, cosines] = gain, gain
            query[row, sines], query[row, cosines] = gain * turn.cos(), gain * turn.sin()
            query[row + count, cosines], query[row + count, sines] = gain * turn.cos(), -gain * turn.sin()
        weight[0, head] += query.to(weight.device)
        weight[1, head] += key.to(weight.device)


def positions(vit: ViTConfig) -> Tensor:
    """(tokens, width): sines and cosines of both coordinates, half a turn over the height to half a turn a patch."""
    rows, columns = vit.image_height // vit.patch, vit.image_width // vit.patch
    y, x = torch.meshgrid(torch.arange(rows) / rows, torch.arange(columns) / rows, indexing="ij")
    turns = [place.reshape(-1, 1) * _rates(vit) for place in (x, y)]
    table = torch.cat([wave(turn) for turn in turns for wave in (torch.sin, torch.cos)], 1)
    return SIZE * functional.pad(table, (0, vit.width - table.shape[1]))


def _rates(vit: ViTConfig) -> Tensor:
    return math.pi * (vit.image_height // vit.patch) ** torch.linspace(0, 1, vit.width // 4)


def whitening(images: Tensor, patch: int, outputs: int) -> tuple[Tensor, Tensor]:
    """Weight (M, channels, patch, patch) and bias (M,), M <= `outputs`, that turn patches of images (B, channels, H,
    W) into their principal components of equal spread, each with both signs."""
    patches = functional.unfold(images.float().cpu(), patch, stride=patch).transpose(1, 2).flatten(0, 1)
    patches = patches[:: max(1, len(patches) // SAMPLE)]
    mean = patches.mean(0)
    off = patches - mean
    spread, axes = torch.linalg.eigh(off.T @ off / len(off))
    count = min(outputs // 2, len(spread))
    spread, axes = spread.flip(0)[:count], axes.flip(1)[:, :count]
    half = (axes / (spread + FLAT).sqrt()).T
    weight = CONTENT * torch.cat((half, -half))
    return weight.unflatten(1, (-1, patch, patch)).to(images.device), -(weight @ mean).to(images.device)

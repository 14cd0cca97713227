"""A better beginning for picture networks that start from nothing. The network itself stays as it is.

A ViT with random weights first has to find out that neighbouring patches are neighbours and that a patch is mostly its
slow parts; with the few hundred thousand pictures that a CPU allows it spends most of them on that. So the position
embedding starts as sines and cosines of the place (Vaswani et al. 2017, in two dimensions), as loud as the patches, and
the patch embedding as the whitened principal components of the training's patches. Both are learnt on.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.vit import ViTConfig

SIZE, CONTENT = 2.0, 0.7  # amplitude of the position's, spread of the patch's part of a token
FLAT = 1e-2  # variance below which a component is noise
SAMPLE = 20_000  # patches


@torch.no_grad()
def prime(network: ExtPose, image: Tensor, pose: Tensor) -> None:
    """Set position and patch embedding from some inputs (N, T, channels, H, W) of the network."""
    config = network.config
    network.backbone.pos_embed.zero_()
    network.backbone.pos_embed[0, 1:] = positions(config.vit).to(image.device)
    image, pose = (part.flatten(0, 1) for part in (image, pose))
    if network.joined:
        pictures = torch.cat((image, pose), 1)
    elif config.pose_input == "image":
        pictures = torch.cat((image, pose))
    else:
        pictures = image
    layer = network.backbone.patch_embed.proj
    weight, bias = whitening(pictures, config.vit.patch, len(layer.weight))
    layer.weight[: len(weight)], layer.bias[: len(bias)] = weight, bias


def positions(vit: ViTConfig) -> Tensor:
    """(tokens, width): sines and cosines of both coordinates, half a turn over the height to half a turn a patch."""
    rows, columns = vit.image_height // vit.patch, vit.image_width // vit.patch
    y, x = torch.meshgrid(torch.arange(rows) / rows, torch.arange(columns) / rows, indexing="ij")
    count = vit.width // 4
    rates = math.pi * rows ** torch.linspace(0, 1, count)
    turns = [place.reshape(-1, 1) * rates for place in (x, y)]
    table = torch.cat([wave(turn) for turn in turns for wave in (torch.sin, torch.cos)], 1)
    return SIZE * functional.pad(table, (0, vit.width - table.shape[1]))


def whitening(pictures: Tensor, patch: int, outputs: int) -> tuple[Tensor, Tensor]:
    """Weight (M, channels, patch, patch) and bias (M,), M <= `outputs`, that turn patches of pictures (B, channels, H,
    W) into their principal components of equal spread, each with both signs."""
    patches = functional.unfold(pictures.float().cpu(), patch, stride=patch).transpose(1, 2).flatten(0, 1)
    patches = patches[:: max(1, len(patches) // SAMPLE)]
    mean = patches.mean(0)
    off = patches - mean
    spread, axes = torch.linalg.eigh(off.T @ off / len(off))
    count = min(outputs // 2, len(spread))
    spread, axes = spread.flip(0)[:count], axes.flip(1)[:, :count]
    half = (axes / (spread + FLAT).sqrt()).T
    weight = CONTENT * torch.cat((half, -half))
    return weight.unflatten(1, (-1, patch, patch)).to(pictures.device), -(weight @ mean).to(pictures.device)

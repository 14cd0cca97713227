"""What image networks are asked beside the pose while they train: where in the crop each joint is, and how deep.

The published networks begin from ViTPose's weights, which heatmaps of joints were trained on. Here nothing is begun
from, so the tokens answer for the heatmaps in the same run: one query's pose is a faint signal to learn to see by, a
place for each joint is a strong one. A linear layer reads it, and is thrown away with the training.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose3d_ros.models.extpose import ExtPoseConfig

DEPTH_M = {"hand21": 0.05, "h36m17": 0.4}  # scale of the depths


class Places(nn.Module):
    """From tokens (N, T, tokens, width) of one or two images: the loss of the joints' patches and depths."""

    def __init__(self, config: ExtPoseConfig):
        super().__init__()
        self.vit, self.joints, self.depth_m = config.vit, config.joints, DEPTH_M[config.skeleton]
        self.linear = nn.Linear(config.vit.width, 2 * config.joints)

    def forward(self, tokens: Tensor, uv: Tensor, xyz: Tensor) -> Tensor:
        """`uv` (N, T, J, 2) true joints in halves of the crop's height from its middle, `xyz` (N, T, J, 3) from the
        root, metres; joints outside of the crop and those that are NaN do not count. Tokens of coordinates are not
        asked."""
        count = self.vit.tokens
        images = tokens.shape[2] // count
        patch, inside = self.patch_of(uv)
        inside = inside & torch.isfinite(xyz[..., 2])
        if not images or not inside.any():
            return tokens.sum() * 0.0
        read = self.linear(tokens[:, :, : images * count].unflatten(2, (images, count))).float()
        where, depth = read.movedim(3, -1).unflatten(3, (2, -1)).unbind(3)  # (N, T, images, J, tokens)
        at = patch[:, :, None, :, None].expand(*where.shape[:4], 1)
        missed = -functional.log_softmax(where, -1).gather(-1, at)[..., 0]
        off = depth.gather(-1, at)[..., 0] - (xyz[:, :, None, :, 2] / self.depth_m).nan_to_num()
        weight = inside[:, :, None].expand_as(missed)
        return (weight * (missed + functional.smooth_l1_loss(off, torch.zeros_like(off), reduction="none"))).sum() / (
            weight.sum()
        )

    def patch_of(self, uv: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N, T, J): the patch a joint lies in; bool: it lies in the crop."""
        vit = self.vit
        rows, columns = vit.image_height // vit.patch, vit.image_width // vit.patch
        size = uv.new_tensor((vit.image_width, vit.image_height))
        cell = ((uv * vit.image_height + size) / 2 / vit.patch).nan_to_num(-1.0).floor().long()
        inside = (cell >= 0).all(-1) & (cell[..., 0] < columns) & (cell[..., 1] < rows)
        cell = torch.where(inside[..., None], cell, 0)
        return cell[..., 1] * columns + cell[..., 0], inside

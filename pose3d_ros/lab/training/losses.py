"""Losses of the lifters."""

import torch
from torch import Tensor

from pose3d_ros.geometry.hand import TIPS

SIGMA_QUANTILE = 0.68  # sigma is the radius that holds this share of the errors


def pose_loss(xyz: Tensor, target: Tensor, newest_weight: float, velocity_weight: float) -> tuple[Tensor, Tensor]:
    """Loss and the error (N, T, J) in metres: mean joint error over the window (DTF) and, apart, over its newest
    frame, which is the one a robot uses; plus the error of the frame-to-frame differences."""
    error = (xyz - target).norm(dim=-1)
    position = (1 - newest_weight) * error.mean() + newest_weight * error[:, -1].mean()
    if xyz.shape[1] == 1:
        return position, error
    velocity = (xyz.diff(dim=1) - target.diff(dim=1)).norm(dim=-1).mean()
    return position + velocity_weight * velocity, error


def bones_loss(bones: Tensor, log_sigma: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean error in metres of lengths (N, T, B), and the loss of their sigma; lengths that are NaN do not count."""
    known = torch.isfinite(target).expand_as(bones)
    error = (bones - target).abs()[known]
    return error.mean(), sigma_loss(log_sigma[known], error)


def sigma_loss(log_sigma: Tensor, error: Tensor) -> Tensor:
    """Quantile (pinball) loss on the logarithm: at its minimum 68 % of the errors lie below sigma."""
    miss = error.detach().clamp(min=1e-4).log() - log_sigma
    return torch.maximum(SIGMA_QUANTILE * miss, (SIGMA_QUANTILE - 1) * miss).mean()


def aperture_loss(xyz: Tensor, target: Tensor) -> Tensor:
    """Mean error in metres of the distances from the thumb's tip to the other tips; hands (..., 21, 3)."""

    def apertures(hands: Tensor) -> Tensor:
        tips = hands[..., TIPS, :]
        return (tips[..., 1:, :] - tips[..., :1, :]).norm(dim=-1)

    return (apertures(xyz) - apertures(target)).abs().mean()

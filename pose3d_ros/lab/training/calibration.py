"""Calibration of sigma: factors, measured on people outside of training, that put 68 % of the errors inside."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from torch import nn

from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.occlusion import PROTOCOLS
from pose3d_ros.lab.synthesis.windows import Assemble, assemble_windows
from pose3d_ros.lab.training.losses import SIGMA_QUANTILE
from pose3d_ros.lab.training.validation import newest_errors, protocol_windows

AGE_SLOTS = (1, 2, 4, 8, 16, 30, 10_000)  # classes of the time since a joint was seen
ENOUGH = 500  # errors in a class, for a quantile


def sigma_factor(error_m: np.ndarray, sigma_m: np.ndarray) -> float:
    """The factor on `sigma_m` (n,) within which 68 % of `error_m` (n,) lie; 1 where there is nothing to measure."""
    return float(np.quantile(error_m / np.maximum(sigma_m, 1e-6), SIGMA_QUANTILE)) if error_m.size else 1.0


class SigmaFactors(NamedTuple):
    """Of seen joints, of hidden ones, and of hidden ones by the time since they were seen: pairs of seconds, factor."""

    seen: float = 1.0
    hidden: float = 1.0
    ages: tuple[tuple[float, float], ...] = ()


def sigma_factors(
    network: nn.Module,
    motion: MotionSet,
    frames: int,
    rate_hz: float,
    guidance: GuidanceConfig,
    count: int = 1024,
    assemble: Assemble = assemble_windows,
) -> SigmaFactors:
    """Factors for seen and for hidden joints, over all evaluation protocols with `count` windows each.

    The pelvis is left out: its error is zero by definition.
    """
    measured = [
        newest_errors(network, protocol_windows(motion, protocol, count, frames, rate_hz, guidance, 11, assemble))
        for protocol in PROTOCOLS
    ]
    error, sigma, seen, unseen = (
        np.concatenate([getattr(part, name)[:, 1:].ravel() for part in measured])
        for name in ("error_m", "sigma_m", "seen", "unseen")
    )
    ages = []
    for low, high in pairwise(AGE_SLOTS):
        rows = ~seen & (unseen >= low) & (unseen < high)
        if rows.sum() >= ENOUGH:
            ages.append((float(unseen[rows].mean()) / rate_hz, sigma_factor(error[rows], sigma[rows])))
    return SigmaFactors(sigma_factor(error[seen], sigma[seen]), sigma_factor(error[~seen], sigma[~seen]), tuple(ages))

"""Calibration of sigma: factors, measured on people outside of training, that put 68 % of the errors inside."""

import numpy as np
from torch import nn

from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.occlusion import PROTOCOLS
from pose3d_ros.lab.synthesis.windows import Assemble, assemble_windows
from pose3d_ros.lab.training.losses import SIGMA_QUANTILE
from pose3d_ros.lab.training.validation import newest_errors, protocol_windows


def sigma_factor(error_m: np.ndarray, sigma_m: np.ndarray) -> float:
    """The factor on `sigma_m` (n,) within which 68 % of `error_m` (n,) lie; 1 where there is nothing to measure."""
    return float(np.quantile(error_m / np.maximum(sigma_m, 1e-6), SIGMA_QUANTILE)) if error_m.size else 1.0


def sigma_factors(
    network: nn.Module,
    motion: MotionSet,
    frames: int,
    rate_hz: float,
    guidance: GuidanceConfig,
    count: int = 1024,
    assemble: Assemble = assemble_windows,
) -> tuple[float, float]:
    """Factors for seen and for hidden joints, over all evaluation protocols with `count` windows each.

    The pelvis is left out: its error is zero by definition.
    """
    measured = [
        newest_errors(network, protocol_windows(motion, protocol, count, frames, rate_hz, guidance, 11, assemble))
        for protocol in PROTOCOLS
    ]
    error, sigma, seen = (
        np.concatenate([getattr(part, name)[:, 1:].ravel() for part in measured])
        for name in ("error_m", "sigma_m", "seen")
    )
    return sigma_factor(error[seen], sigma[seen]), sigma_factor(error[~seen], sigma[~seen])

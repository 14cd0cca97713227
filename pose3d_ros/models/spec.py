"""What every network's weights say about themselves."""

from dataclasses import KW_ONLY, dataclass

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.skeleton import Skeleton


@dataclass(frozen=True)
class Spec:
    """Stored with the weights, never in a settings file. `frames` at `rate_hz` is how far back the network looks;
    `sigma_seen`, `sigma_hidden`: factors on its sigma. Raises FormatError or ConfigError."""

    name: str
    skeleton: str
    frames: int
    rate_hz: float
    _: KW_ONLY
    sigma_seen: float = 1.0
    sigma_hidden: float = 1.0

    def __post_init__(self) -> None:
        formats.get(self.skeleton)
        if self.frames < 1 or not 0 < self.rate_hz < 1000 or not (self.sigma_seen > 0 and self.sigma_hidden > 0):
            raise ConfigError(f"spec of {self.name}: expected positive frames, rate and sigma factors, got {self}")

    def calibrated(self, sigma_m: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The network's sigma (..., J) as it is published; `seen` bool (..., J)."""
        return sigma_m * np.where(seen, self.sigma_seen, self.sigma_hidden)

    @property
    def joints(self) -> Skeleton:
        return formats.get(self.skeleton)

"""The 1-euro filter (Casiez et al., CHI 2012) for output joints: calm at rest, quick in motion."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.core.config import param, validate


@dataclass(frozen=True)
class SmoothingConfig:
    """Lag at rest is about 1 / (2 pi min_cutoff_hz): 0.16 s at 1 Hz, 0.05 s at 3 Hz; less in motion."""

    min_cutoff_hz: float = param(
        0.0, "cut-off frequency at rest; lower is calmer and later; 0 = off", unit="Hz", low=0.0, high=60.0, live=True
    )
    beta: float = param(1.0, "how much the cut-off rises with speed", unit="Hz per m/s", low=0.0, high=100.0, live=True)

    __post_init__ = validate


SPEED_CUTOFF_HZ = 1.0


class OneEuro:
    """Filters points (J, 3) in metres at their own stamps; each joint by its own speed."""

    def __init__(self, config: SmoothingConfig):
        self.config = config
        self._stamp_ns: int | None = None

    def __call__(self, stamp_ns: int, xyz_m: np.ndarray) -> np.ndarray:
        """The filtered points. A stamp that does not advance passes the points through unchanged."""
        if self._stamp_ns is None:
            self._value, self._velocity = xyz_m, np.zeros_like(xyz_m)
        elif stamp_ns > self._stamp_ns:
            dt = (stamp_ns - self._stamp_ns) / 1e9
            self._velocity += _share(SPEED_CUTOFF_HZ, dt) * ((xyz_m - self._value) / dt - self._velocity)
            speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
            cutoff = self.config.min_cutoff_hz + self.config.beta * speed
            self._value = self._value + _share(cutoff, dt) * (xyz_m - self._value)
        else:
            return xyz_m
        self._stamp_ns = stamp_ns
        return self._value


def smooth(owner: Any, config: SmoothingConfig, stamp_ns: int, xyz_m: np.ndarray) -> np.ndarray:
    """Points through the filter that `owner.smoother` keeps, which starts again when the settings change; as they are
    where it is switched off."""
    if not config.min_cutoff_hz:
        owner.smoother = None
        return xyz_m
    if owner.smoother is None or owner.smoother.config != config:
        owner.smoother = OneEuro(config)
    return owner.smoother(stamp_ns, xyz_m).astype(np.float32)


def _share(cutoff_hz, dt: float):
    """Weight of the new value of an exponential filter."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff_hz * dt))

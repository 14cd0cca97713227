"""What every network's weights say about themselves."""

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.guidance import GuidanceConfig


@dataclass(frozen=True)
class Spec:
    """Stored with the weights, never in a settings file. `frames` at `rate_hz` is how far back the network looks;
    `sigma_seen`, `sigma_hidden`: factors on its sigma; `sigma_ages`: pairs of seconds since a hidden joint was seen and
    the factor then, in place of `sigma_hidden`. Raises FormatError or ConfigError."""

    name: str
    skeleton: str
    frames: int
    rate_hz: float
    _: KW_ONLY
    sigma_seen: float = 1.0
    sigma_hidden: float = 1.0
    sigma_ages: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        formats.get(self.skeleton)
        object.__setattr__(self, "sigma_ages", tuple(map(tuple, self.sigma_ages)))  # JSON knows lists only
        if self.frames < 1 or not 1 <= self.rate_hz < 1000 or not (self.sigma_seen > 0 and self.sigma_hidden > 0):
            raise ConfigError(
                f"spec of {self.name}: expected positive frames, rate (at least 1 Hz) and sigma factors, got {self}"
            )

    def calibrated(self, sigma_m: np.ndarray, seen: np.ndarray, unseen_s: np.ndarray | None = None) -> np.ndarray:
        """The network's sigma (..., J) as it is published; `seen` bool (..., J), `unseen_s` (..., J): how long ago."""
        hidden = self.sigma_hidden
        if self.sigma_ages and unseen_s is not None:
            hidden = np.interp(unseen_s, *np.transpose(self.sigma_ages)).astype(sigma_m.dtype)
        return sigma_m * np.where(seen, self.sigma_seen, hidden)

    @property
    def joints(self) -> Skeleton:
        return formats.get(self.skeleton)


@dataclass(frozen=True)
class ModelSpec(Spec):
    """What belongs to the weights and is stored with them, never in a settings file.

    Inputs float32 (people, frames, joints, 3): x, y of the virtual camera and confidence, as `guidance` fills them,
    at `rate_hz`. Output: joints in metres in the axes of the virtual camera. `sigma_seen`, `sigma_hidden`: factors on
    the network's sigma that were measured on people outside of training. `told`: what the network takes beside, as one
    condition (people, SIZE) of models/conditions.py; zeros where nothing is known. Raises FormatError or ConfigError.
    """

    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    told: tuple[str, ...] = ()

    def input_shape(self, people: int) -> tuple[int, int, int, int]:
        return people, self.frames, len(self.joints), 3

    def example(self, people: int = 1) -> np.ndarray:
        """A plausible input, always the same: joints on slow circles, a third of them hidden."""
        rng = np.random.default_rng(0)
        people_, frames, joints, _ = self.input_shape(people)
        start = rng.normal(0, 0.7, (people_, 1, joints, 2))
        drift = 0.1 * np.sin(np.linspace(0, 2, frames))[None, :, None, None]
        confidence = rng.choice([0.9, 0.95, 0.4], (people_, frames, joints, 1))
        return np.concatenate((start + drift, confidence), -1).astype(np.float32)

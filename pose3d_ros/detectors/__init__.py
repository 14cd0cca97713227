"""2D keypoint detectors by name. No ROS in here; a detector's own libraries are imported only when it is made.

Adding one = one file with a `make(config)` function, and its name in `_MODULES`.
"""

import importlib

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.detectors.base import Detector
from pose3d_ros.detectors.config import DetectorConfig

_MODULES = {name: f"pose3d_ros.detectors.{name}" for name in ("movenet", "onnx", "rtmlib")}


def names() -> tuple[str, ...]:
    """Known detectors, sorted. That one is known does not mean that its libraries are installed."""
    return tuple(sorted(_MODULES))


def make(config: DetectorConfig | None = None) -> Detector:
    """A ready detector.

    Raises ConfigError for an unknown name, for libraries or models that are missing (saying how to get them), and for
    a configuration which the detector cannot serve.
    """
    config = config or DetectorConfig()
    if config.detector not in _MODULES:
        raise ConfigError(f"detector: expected one of {', '.join(names())}, got {config.detector!r}")
    return importlib.import_module(_MODULES[config.detector]).make(config)

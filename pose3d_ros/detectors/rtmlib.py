"""`rtmlib` (Apache-2.0): RTMPose and RTMO with models that it downloads on the user's machine."""

import numpy as np

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.detectors import decoders
from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.people import PeopleDetector

SOLUTIONS = {"coco17": "Body", "halpe26": "BodyWithFeet", "coco_wholebody133": "Wholebody"}


class Rtmlib:
    """See `Bodies`. Where nobody is in the image, rtmlib looks at all of it as if it were one person; the joints'
    scores tell."""

    def __init__(self, config: DetectorConfig) -> None:
        try:
            import rtmlib
        except ImportError as error:
            raise ConfigError(f"detector rtmlib: expected the library, got '{error}'; pip install rtmlib") from None
        self.format = config.rtmlib_format
        device = "cuda" if config.backend in ("cuda", "tensorrt") else "cpu"
        solution = getattr(rtmlib, SOLUTIONS[self.format])
        backend = "openvino" if config.backend == "openvino" else "onnxruntime"
        self._solution = solution(mode=config.rtmlib_mode, backend=backend, device=device)

    def find(self, image_rgb: np.ndarray, previous: list[Body]) -> list[Body]:
        """See `Bodies.find`."""
        joints, score = self._solution(np.ascontiguousarray(image_rgb[..., ::-1]))
        if decoders.format_of(np.shape(joints)[1]) != self.format:
            raise ConfigError(f"detector rtmlib: expected {self.format}, got {np.shape(joints)[1]} joints")
        return [
            Body(self.format, xy_px, np.clip(row, 0, 1), float(np.clip(np.sort(row)[len(row) // 2 :].mean(), 0, 1)))
            for xy_px, row in zip(np.asarray(joints, float), np.asarray(score, float), strict=True)
        ]


def make(config: DetectorConfig) -> PeopleDetector:
    """A ready detector. Raises ConfigError where rtmlib is missing."""
    return PeopleDetector(Rtmlib(config), config)

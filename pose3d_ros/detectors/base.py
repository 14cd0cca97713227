"""What every 2D detector offers."""

from typing import Protocol

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Keypoints2D


class Detector(Protocol):
    """Finds people's bodies and hands in single images of one video stream.

    It may keep state between images (tracking), so one detector serves one camera. Not thread-safe.
    """

    names: tuple[str, ...]  # keypoint formats it emits, body first

    def detect(self, image_rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        """Keypoints of one image, uint8 (H, W, 3) RGB; no people gives an empty result.

        Pixels have their origin at the centre of the top left pixel. A stamp that is not later than the previous one
        starts a new video. Raises InputError for anything that is not such an image.
        """

    def close(self) -> None:
        """Frees the models. The detector cannot be used afterwards; closing twice is allowed."""


def checked_image(image_rgb: object) -> np.ndarray:
    """The image, C-contiguous. Raises InputError unless it is a non-empty uint8 (H, W, 3) array."""
    if not isinstance(image_rgb, np.ndarray) or image_rgb.dtype != np.uint8:
        got = image_rgb.dtype if isinstance(image_rgb, np.ndarray) else type(image_rgb).__name__
        raise InputError(f"image: expected a uint8 array, got {got}")
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or 0 in image_rgb.shape:
        raise InputError(f"image: expected shape (H, W, 3) RGB, got {image_rgb.shape}")
    return np.ascontiguousarray(image_rgb)

"""What every 2D detector offers, and what finders of bodies do."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Person2D


class Detector(Protocol):
    """Finds people's bodies and hands in single images of one video stream.

    It may keep state between images (tracking), so one detector serves one camera. Not thread-safe.
    """

    names: tuple[str, ...]  # keypoint formats it emits, body first

    def detect(self, image_rgb: np.ndarray, stamp_ns: int) -> tuple[Person2D, ...]:
        """Everybody in one image, uint8 (H, W, 3) RGB: bodies, then hands.

        Pixels have their origin at the centre of the top left pixel. A stamp that is not later than the previous one
        starts a new video. Raises InputError for anything that is not such an image.
        """

    def close(self) -> None:
        """Free the models. The detector cannot be used afterwards; closing twice is allowed."""


@dataclass(frozen=True)
class Body:
    """One body in an image: `xy_px` (J, 2) and `score` (J,) of its joints, `confidence` that it is a person, 0..1."""

    format: str
    xy_px: np.ndarray
    score: np.ndarray
    confidence: float


class Bodies(Protocol):
    """Finds bodies in one image. What it gives may hold doubles and doubtful ones: `people.select` chooses."""

    format: str

    def find(self, image_rgb: np.ndarray, previous: list[Body]) -> list[Body]:
        """All bodies of the image; `previous` are those that were reported in the image before."""


def checked_image(image_rgb: object) -> np.ndarray:
    """The image, C-contiguous. Raises InputError unless it is a non-empty uint8 (H, W, 3) array."""
    if not isinstance(image_rgb, np.ndarray) or image_rgb.dtype != np.uint8:
        got = image_rgb.dtype if isinstance(image_rgb, np.ndarray) else type(image_rgb).__name__
        raise InputError(f"image: expected a uint8 array, got {got}")
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or 0 in image_rgb.shape:
        raise InputError(f"image: expected shape (H, W, 3) RGB, got {image_rgb.shape}")
    return np.ascontiguousarray(image_rgb)


def seen_score(xy_px: np.ndarray, score: np.ndarray | float, width: int, height: int) -> np.ndarray:
    """float (J,): the score, 0 for joints outside the image: those are extrapolated."""
    x, y = xy_px.T
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return np.where(inside, score, 0.0)

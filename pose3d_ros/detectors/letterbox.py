"""`Letterbox`: an image into a network's input without changing its aspect, and coordinates back out of it."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Letterbox:
    """Maps between the pixels of an image and those of a network's input, origin at the centre of the first pixel.

    `image` and `input` are (width, height). The image is scaled to fit and set in the middle, or at the top left;
    the rest is filled. Rounding to whole pixels scales x and y by slightly different factors, which both are kept.
    """

    image: tuple[int, int]
    input: tuple[int, int]
    centred: bool = True
    fill: int = 0

    @property
    def scaled(self) -> tuple[int, int]:
        """(width, height) of the image within the input, at least one pixel."""
        factor = min(self.input[0] / self.image[0], self.input[1] / self.image[1])
        return tuple(min(max(round(side * factor), 1), most) for side, most in zip(self.image, self.input, strict=True))

    @property
    def corner(self) -> tuple[int, int]:
        """Column and row of the image's first pixel within the input."""
        if not self.centred:
            return 0, 0
        return tuple((most - side) // 2 for side, most in zip(self.scaled, self.input, strict=True))

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The network's input, uint8 (h, w, 3), of the image (H, W, 3)."""
        (width, height), (left, top) = self.scaled, self.corner
        boxed = np.full((self.input[1], self.input[0], 3), self.fill, np.uint8)
        smaller = width < self.image[0]  # averages what falls into one pixel; bilinear would skip most of it
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        boxed[top : top + height, left : left + width] = cv2.resize(pixels, (width, height), interpolation=method)
        return boxed

    def to_image(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the input in pixels of the image."""
        scale = np.divide(self.scaled, self.image)
        return (np.asarray(xy) - self.corner + 0.5) / scale - 0.5

    def to_input(self, xy_px: np.ndarray) -> np.ndarray:
        """Inverse of `to_image`."""
        scale = np.divide(self.scaled, self.image)
        return (np.asarray(xy_px) + 0.5) * scale - 0.5 + self.corner


def shape_like(image: tuple[int, int], longest: int, step: int) -> tuple[int, int]:
    """(width, height) of the smallest input that holds the image scaled to `longest`, in multiples of `step`."""
    factor = longest / max(image)
    return tuple(max(step, step * int(np.ceil(side * factor / step - 1e-6))) for side in image)

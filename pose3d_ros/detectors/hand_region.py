"""`Region`: the turned square of an image in which a hand is looked at, and where such squares come from.

Their sizes and shifts are those with which the networks were trained (MediaPipe Hands, arXiv 2006.10214; the
constants of its published graphs).
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

PALM_SCALE, PALM_SHIFT = 2.6, -0.5  # of a palm's box; the shift is towards the fingers
HAND_SCALE, HAND_SHIFT = 2.0, -0.1  # of the box about a hand's stable joints
# wrist, thumb without its tip, and the two lowest joints of each finger: finger tips would make the region jump
STABLE = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
WRIST, INDEX, MIDDLE, RING = 0, 5, 9, 13  # knuckles


@dataclass(frozen=True)
class Region:
    """A square with its middle, side and turn: `angle_rad` brings its upward direction from the image's up, clockwise
    as seen. Pixels with the origin at the first one's centre."""

    middle_px: tuple[float, float]
    side_px: float
    angle_rad: float = 0.0

    def crop(self, image_rgb: np.ndarray, side: int) -> np.ndarray:
        """uint8 (side, side, 3): what the square shows; its border pixels go on beyond the image."""
        matrix = self.to_image_matrix(side)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image_rgb, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def moved(self, x_px: float, y_px: float) -> "Region":
        """The same square, seen from an image that begins so much earlier."""
        return replace(self, middle_px=(self.middle_px[0] + x_px, self.middle_px[1] + y_px))

    def to_image_matrix(self, side: int) -> np.ndarray:
        """(2, 3): pixels of the crop to pixels of the image, both counted from the first pixel's centre."""
        scale = self.side_px / side
        turn = scale * np.array(
            [
                [math.cos(self.angle_rad), -math.sin(self.angle_rad)],
                [math.sin(self.angle_rad), math.cos(self.angle_rad)],
            ]
        )
        shift = np.array(self.middle_px) - turn @ np.full(2, (side - 1) / 2)
        return np.column_stack([turn, shift])

    def to_image(self, xy: np.ndarray, side: int) -> np.ndarray:
        """Points (..., 2) of the crop in pixels of the image."""
        matrix = self.to_image_matrix(side)
        return np.asarray(xy) @ matrix[:, :2].T + matrix[:, 2]


def upward(start: np.ndarray, end: np.ndarray) -> float:
    """Turn of a region in which the way from `start` to `end` points up."""
    x, y = np.subtract(end, start)
    return math.atan2(x, -y)


def of_palm(low_px: np.ndarray, high_px: np.ndarray, wrist_px: np.ndarray, middle_knuckle_px: np.ndarray) -> Region:
    """Of a palm's box and two of its points."""
    return _grown((low_px + high_px) / 2, high_px - low_px, upward(wrist_px, middle_knuckle_px), PALM_SCALE, PALM_SHIFT)


def of_hand(xy_px: np.ndarray) -> Region:
    """Of the 21 joints of a hand: where it will be looked at in the next image."""
    knuckles = (0.5 * (xy_px[INDEX] + xy_px[RING]) + xy_px[MIDDLE]) / 2
    angle = upward(xy_px[WRIST], knuckles)
    axes = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = xy_px[list(STABLE)] @ axes
    low, high = turned.min(axis=0), turned.max(axis=0)
    return _grown(axes @ ((low + high) / 2), high - low, angle, HAND_SCALE, HAND_SHIFT)


def _grown(middle: np.ndarray, size: np.ndarray, angle: float, scale: float, shift: float) -> Region:
    """A square about a turned box, moved along the box' upward direction by a part of its height."""
    x, y = middle + shift * size[1] * np.array([-math.sin(angle), math.cos(angle)])
    return Region((float(x), float(y)), max(scale * float(size.max()), 1.0), angle)

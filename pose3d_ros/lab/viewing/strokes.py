"""What every image is made of: lines, joints and text on BGR images. Seen is solid and filled, inferred is not."""

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pose3d_ros.core import formats
from pose3d_ros.core.types import Person3D

Colour = tuple[int, int, int]  # blue, green, red

LEFT, RIGHT, MIDDLE = (60, 150, 255), (255, 190, 70), (240, 240, 240)
KEYPOINT, TRUTH = (150, 245, 190), (255, 90, 225)
TEXT, MUTED, ACCENT = (238, 238, 238), (165, 160, 152), (150, 245, 190)
PANEL, BACKGROUND = (38, 32, 28), (28, 23, 20)
SHIFT = 4  # fractional bits of OpenCV's coordinates: motion of less than a pixel is smooth
FAR_PX = 20_000.0  # strokes that end further out are not drawn
DASH_PX = 6.0
ROUND = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], axis=1)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`share` of the way from one colour to the other."""
    return tuple(round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))


def pale(colour: Colour) -> Colour:
    """How the inferred is coloured."""
    return mix(colour, (190, 190, 190), 0.45)


def side_colour(joint: str, middle: Colour = MIDDLE) -> Colour:
    """By the person's own side."""
    return LEFT if joint.startswith("left_") else RIGHT if joint.startswith("right_") else middle


def drawable(*points: np.ndarray) -> bool:
    """Whether all points are finite and not far outside."""
    return all(np.isfinite(point).all() and np.abs(point).max() < FAR_PX for point in points)


def line(image: np.ndarray, a: np.ndarray, b: np.ndarray, colour: Colour, width: float, dashed: bool = False) -> None:
    """From a to b, pixels."""
    if not drawable(a, b):
        return
    if not dashed:
        cv2.line(image, _fixed(a), _fixed(b), colour, max(1, round(width)), cv2.LINE_AA, SHIFT)
        return
    length = float(np.hypot(*(b - a)))
    count = int(np.clip(length / (2 * DASH_PX), 1, 200))
    for start in np.arange(count) / count:
        ends = (a + (b - a) * part for part in (start, start + 0.42 / count))
        cv2.line(image, *map(_fixed, ends), colour, max(1, round(width)), cv2.LINE_AA, SHIFT)


def joint(image: np.ndarray, at: np.ndarray, colour: Colour, radius: float, hollow: bool = False) -> None:
    """A disc with a dark rim, or a ring."""
    if not drawable(at):
        return
    _disc(image, at, radius + 1.0, BACKGROUND)
    _disc(image, at, radius, colour)
    if hollow:
        _disc(image, at, radius - 2.0, BACKGROUND)


def truth(image: np.ndarray, xy: np.ndarray, person: Person3D) -> None:
    """The true skeleton at (J, 2) pixels, over whatever was estimated."""
    for parent, child in formats.get(person.skeleton).bones:
        if person.state[parent] and person.state[child]:
            line(image, xy[parent], xy[child], TRUTH, 2)
    for row in np.flatnonzero(person.state):
        joint(image, xy[row], TRUTH, 2.2)


def _disc(image: np.ndarray, at: np.ndarray, radius: float, colour: Colour) -> None:
    """OpenCV's small circles are diamonds; its polygons are smooth."""
    cv2.fillConvexPoly(image, np.round((at + radius * ROUND) * 2**SHIFT).astype(np.int32), colour, cv2.LINE_AA, SHIFT)


def text(
    image: np.ndarray, at: tuple[float, float], string: str, colour: Colour = TEXT, size: int = 16, bold: bool = False,
    anchor: str = "ls",
) -> int:  # fmt: skip
    """Writes with the baseline's left end (anchor "ls"; Pillow's anchors) at `at`; returns the width in pixels."""
    mask, (dx, dy) = _mask(string, size, bold, anchor)
    x, y = round(at[0]) + dx, round(at[1]) + dy
    x0, x1 = max(x, 0), min(x + mask.shape[1], image.shape[1])
    y0, y1 = max(y, 0), min(y + mask.shape[0], image.shape[0])
    if x0 < x1 and y0 < y1:
        alpha = mask[y0 - y : y1 - y, x0 - x : x1 - x, None]
        area = image[y0:y1, x0:x1]
        area[:] = area * (1 - alpha) + np.array(colour) * alpha
    return mask.shape[1]


def shade(image: np.ndarray, x0: int, y0: int, x1: int, y1: int, share: float = 0.6) -> None:
    """Darkens a rectangle so that text on it can be read."""
    area = image[y0:y1, x0:x1]
    area[:] = area * (1 - share) + np.array(BACKGROUND) * share


@lru_cache(maxsize=512)
def _mask(string: str, size: int, bold: bool, anchor: str) -> tuple[np.ndarray, tuple[int, int]]:
    """Opacity 0..1 of rendered text and its place relative to the anchor."""
    left, top, right, bottom = _font(size, bold).getbbox(string, anchor=anchor)
    image = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), string, 255, _font(size, bold), anchor=anchor)
    return np.asarray(image, np.float32) / 255, (left, top)


@lru_cache(maxsize=16)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """OpenCV's own letters are strokes without a Unicode set; matplotlib brings a typeface."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0]) * 2**SHIFT), round(float(point[1]) * 2**SHIFT)

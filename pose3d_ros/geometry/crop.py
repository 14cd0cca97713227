"""Crops of people and hands for the image models: a box around keypoints, cut out and scaled, and the exact way back.

Pixel coordinates: (0, 0) is the centre of the first pixel, as in ROS and OpenCV, so a crop's middle is at
((width - 1) / 2, (height - 1) / 2). Images are RGB.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALLEST = 0.6  # of the box around all joints, without its padding: nothing is shown from nearer in training


class Crops(NamedTuple):
    """N crops of one size: `centre_px` (N, 2) in the image, `scale` (N,) image pixels per crop pixel, `width`, `height`
    of every crop. Numpy or torch; the two functions are exact inverses of each other."""

    centre_px: Any
    scale: Any
    width: int
    height: int

    def to_crop(self, xy_px: Any) -> Any:
        """Pixels of the image (N, ..., 2) to pixels of the crops."""
        centre, scale, middle = self._like(xy_px)
        return (xy_px - centre) / scale + middle

    def to_image(self, xy_px: Any) -> Any:
        """Pixels of the crops (N, ..., 2) to pixels of the image."""
        centre, scale, middle = self._like(xy_px)
        return (xy_px - middle) * scale + centre

    def __getitem__(self, rows: Any) -> "Crops":
        return Crops(self.centre_px[rows], self.scale[rows], self.width, self.height)

    def _like(self, xy: Any) -> tuple[Any, Any, Any]:
        between = (1,) * (xy.ndim - 2)
        middle = (self.width - 1) / 2, (self.height - 1) / 2
        middle = np.array(middle, xy.dtype) if isinstance(xy, np.ndarray) else xy.new_tensor(middle)
        return self.centre_px.reshape(-1, *between, 2), self.scale.reshape(-1, *between, 1), middle


@dataclass(frozen=True)
class CropConfig:
    """How keypoints become a box."""

    padding: float = param(1.3, "size of the box to the size of the keypoints' box", low=1.0, high=4.0)
    min_joints: int = param(3, "keypoints that a box is made of, at least", low=2, high=133)
    min_score: float = param(0.1, "keypoints with a lower score do not count", low=0, high=1)
    min_size_px: float = param(16.0, "longer side of the keypoints' box, at least", unit="px", low=1)
    min_inside: float = param(0.1, "share of the box that must lie in the image", low=0, high=1)

    __post_init__ = validate


DEFAULT = CropConfig()


def boxes(
    xy_px: np.ndarray, score: np.ndarray, image: tuple[int, int], size: tuple[int, int], config: CropConfig = DEFAULT
) -> tuple[Crops, list[str]]:
    """Crops of `size` around keypoints (N, J, 2) with scores (N, J) in an image of size `image`; (width, height) both.

    Also says for each person why there is no crop ("" = there is one): too few keypoints, too small, or outside.
    """
    count = len(xy_px)
    used = (score >= config.min_score) & np.isfinite(xy_px).all(-1)
    low = np.where(used[..., None], xy_px, np.inf).min(1) if count else np.zeros((0, 2))
    high = np.where(used[..., None], xy_px, -np.inf).max(1) if count else np.zeros((0, 2))
    enough = used.sum(1) >= config.min_joints
    low, high = (np.where(enough[:, None], corner, 0.0) for corner in (low, high))
    scale = np.maximum(((high - low) * config.padding / size).max(1), 1e-3)
    crops = Crops(((low + high) / 2).astype(np.float32), scale.astype(np.float32), *size)
    inside = _inside(crops, image)
    reasons = []
    for number in range(count):
        longest = float((high - low)[number].max())
        if not enough[number]:
            reasons.append(f"{used[number].sum()} keypoints, expected at least {config.min_joints}")
        elif longest < config.min_size_px:
            reasons.append(f"{longest:.0f} px in the image, expected at least {config.min_size_px:.0f}")
        else:
            reasons.append(_outside(inside[number], config))
    return crops, reasons


def boxes_of_shown(
    xy_px: np.ndarray, image: tuple[int, int], size: tuple[int, int], config: CropConfig = DEFAULT
) -> tuple[Crops, list[str]]:
    """As `boxes`, of skeletons that have every joint (N, J, 2), also those beyond the image, NaN behind the camera:
    around the part of each that lies in the image, as image models are trained, but no smaller than `SMALLEST` of
    the whole."""
    low, high = np.full(2, -0.5), np.array(image) - 0.5
    inside = ((xy_px > low) & (xy_px < high)).all(-1)
    enough = inside.sum(1, keepdims=True) >= config.min_joints
    score = (inside | enough).astype(np.float32)
    whole, _ = boxes(xy_px, score, image, size, config)
    # clipped, not left out: what moves across the border does not move the box by leaps
    shown, reasons = boxes(np.clip(xy_px, low, high), score, image, size, config)
    scale = np.maximum(shown.scale, whole.scale * np.float32(SMALLEST / config.padding))
    crops = shown._replace(scale=scale)
    # a joint beside the lens lies any number of pixels away
    return crops, [why or _outside(share, config) for why, share in zip(reasons, _inside(crops, image), strict=True)]


def steady(crops: Crops, before: Crops, share: float) -> Crops:
    """`share` of the way from the crops before to the new ones: boxes that jump make neighbouring frames unlike."""
    keep = 1.0 - share
    return Crops(
        share * crops.centre_px + keep * before.centre_px,
        np.exp(share * np.log(crops.scale) + keep * np.log(before.scale)),
        crops.width,
        crops.height,
    )


def cut(image: np.ndarray, crops: Crops) -> np.ndarray:
    """uint8 (N, height, width, 3) of an RGB or gray image, uint8 (H, W, 3), (H, W, 1) or (H, W). Black outside of it.

    Raises InputError for anything else. What is scaled down is averaged before, so that it does not flicker.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise InputError(f"crop: expected a uint8 image (H, W, 3) or (H, W), got {image.dtype} {image.shape}")
    result = np.zeros((len(crops.scale), crops.height, crops.width, 3), np.uint8)
    for number, (centre, scale) in enumerate(zip(crops.centre_px, crops.scale, strict=True)):
        _cut_one(image, np.asarray(centre, np.float64), float(scale), result[number])
    return result


def imagenet(images: Any) -> Any:
    """Images (N, 3, H, W) in 0..1 with the mean and spread that image networks expect."""
    constants = (IMAGENET_MEAN, IMAGENET_STD)
    if isinstance(images, np.ndarray):
        mean, std = (np.array(value, np.float32).reshape(3, 1, 1) for value in constants)
    else:
        mean, std = (images.new_tensor(value).reshape(3, 1, 1) for value in constants)
    return (images - mean) / std


def as_input(crops_rgb: np.ndarray) -> np.ndarray:
    """float32 (N, 3, H, W) for the network of uint8 crops (N, H, W, 3)."""
    return imagenet(crops_rgb.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))


def _inside(crops: Crops, image: tuple[int, int]) -> np.ndarray:
    """(N,) share of the crops' area in the image."""
    half = crops.scale[:, None] * np.array((crops.width, crops.height)) / 2
    low = np.clip(crops.centre_px - half, -0.5, np.array(image) - 0.5)
    high = np.clip(crops.centre_px + half, -0.5, np.array(image) - 0.5)
    return (high - low).prod(1) / (2 * half).prod(1)


def _outside(share: float, config: CropConfig) -> str:
    """Why a crop of which that share lies in the image is of no use; "" = it is."""
    if share >= config.min_inside:
        return ""
    return f"{100 * share:.0f} % of the crop in the image, expected {100 * config.min_inside:.0f}"


def _cut_one(image: np.ndarray, centre: np.ndarray, scale: float, into: np.ndarray) -> None:
    height, width = into.shape[:2]
    middle = np.array(((width - 1) / 2, (height - 1) / 2))
    # the part of the image that the crop shows, with room for the interpolation
    low = np.floor(centre - scale * (middle + 1.5)).astype(np.int64) - 1
    high = np.ceil(centre + scale * (middle + 1.5)).astype(np.int64) + 2
    low = np.clip(low, 0, None)
    high = np.minimum(high, (image.shape[1], image.shape[0]))
    if (high <= low).any():
        return
    part = image[low[1] : high[1], low[0] : high[0]]
    shrink = int(scale)
    if shrink > 1:
        part = _averaged(part, shrink)
    else:
        shrink = 1
    # pixel of the part: (x - low + 0.5) / shrink - 0.5
    offset = (centre - scale * middle - low + 0.5) / shrink - 0.5
    matrix = np.array([[scale / shrink, 0, offset[0]], [0, scale / shrink, offset[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(part, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    into[:] = warped if warped.ndim == 3 else warped[..., None]


def _averaged(part: np.ndarray, shrink: int) -> np.ndarray:
    """Means of `shrink` x `shrink` pixels; at the far borders the last row and column are repeated."""
    missing = [-length % shrink for length in part.shape[:2]]
    if any(missing):
        part = cv2.copyMakeBorder(part, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
    size = part.shape[1] // shrink, part.shape[0] // shrink
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA)

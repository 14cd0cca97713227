"""sensor_msgs/Image and CompressedImage <-> arrays. Reading them is `core.pixels`, which bag readers share."""

import sys

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.pixels import LAYOUTS, TO_BGR, to_array, to_bgr, to_rgb

__all__ = ["LAYOUTS", "MESSAGES", "TO_BGR", "from_array", "to_array", "to_bgr", "to_rgb", "topic"]

MESSAGES = {"raw": Image, "compressed": CompressedImage}  # by image transport


def topic(node: Node, transport: str) -> str:
    """Full name of the topic with the images, after remapping."""
    name = node.resolve_topic_name("image")
    return name if transport == "raw" else f"{name}/{transport}"


def from_array(pixels: np.ndarray, encoding: str) -> Image:
    """Inverse of `to_array` (the header is left to the caller). Raises InputError where they do not fit."""
    if encoding not in LAYOUTS:
        raise InputError(f"image encoding {encoding!r} is unknown; known are {', '.join(sorted(LAYOUTS))}")
    dtype, channels = LAYOUTS[encoding]
    found = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != dtype or found != channels:
        raise InputError(
            f"{encoding}: expected {channels} channels of {np.dtype(dtype)}, got {found} of {pixels.dtype}"
        )
    height, width = pixels.shape[:2]
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=width * channels * np.dtype(dtype).itemsize,
        data=np.ascontiguousarray(pixels).tobytes(),
    )

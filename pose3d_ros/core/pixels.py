"""Pixels of sensor_msgs/Image and CompressedImage -> arrays, without cv_bridge and without ROS.

`Image` stands for either message, from rclpy or read from a bag: only its fields count.
"""

import sys
from typing import Any

import cv2
import numpy as np

from pose3d_ros.core.errors import InputError

Image = Any

# encoding: (dtype of one channel, channels)
LAYOUTS: dict[str, tuple[type, int]] = {
    "mono8": (np.uint8, 1), "mono16": (np.uint16, 1),
    "rgb8": (np.uint8, 3), "bgr8": (np.uint8, 3), "rgba8": (np.uint8, 4), "bgra8": (np.uint8, 4),
    "rgb16": (np.uint16, 3), "bgr16": (np.uint16, 3),
    "bayer_rggb8": (np.uint8, 1), "bayer_bggr8": (np.uint8, 1),
    "bayer_gbrg8": (np.uint8, 1), "bayer_grbg8": (np.uint8, 1),
    "bayer_rggb16": (np.uint16, 1), "bayer_bggr16": (np.uint16, 1),
    "bayer_gbrg16": (np.uint16, 1), "bayer_grbg16": (np.uint16, 1),
    "yuv422": (np.uint8, 2), "yuv422_yuy2": (np.uint8, 2), "uyvy": (np.uint8, 2), "yuyv": (np.uint8, 2),
    "8UC1": (np.uint8, 1), "8UC2": (np.uint8, 2), "8UC3": (np.uint8, 3), "8UC4": (np.uint8, 4),
    "16UC1": (np.uint16, 1), "16SC1": (np.int16, 1), "32SC1": (np.int32, 1), "32FC1": (np.float32, 1),
    "64FC1": (np.float64, 1),
}  # fmt: skip

# To BGR. OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first row's first two.
TO_BGR: dict[str, int | None] = {
    "bgr8": None, "8UC3": None, "bgr16": None,
    "rgb8": cv2.COLOR_RGB2BGR, "rgb16": cv2.COLOR_RGB2BGR,
    "bgra8": cv2.COLOR_BGRA2BGR, "8UC4": cv2.COLOR_BGRA2BGR, "rgba8": cv2.COLOR_RGBA2BGR,
    "mono8": cv2.COLOR_GRAY2BGR, "8UC1": cv2.COLOR_GRAY2BGR, "mono16": cv2.COLOR_GRAY2BGR,
    "bayer_rggb8": cv2.COLOR_BayerBG2BGR, "bayer_rggb16": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr8": cv2.COLOR_BayerRG2BGR, "bayer_bggr16": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg8": cv2.COLOR_BayerGR2BGR, "bayer_gbrg16": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg8": cv2.COLOR_BayerGB2BGR, "bayer_grbg16": cv2.COLOR_BayerGB2BGR,
    "yuv422": cv2.COLOR_YUV2BGR_UYVY, "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2BGR_YUY2, "yuyv": cv2.COLOR_YUV2BGR_YUY2,
}  # fmt: skip


JPEG_BEGIN, JPEG_END = b"\xff\xd8", b"\xff\xd9"
YUV = ("yuv422", "yuv422_yuy2", "uyvy", "yuyv")


def to_array(msg: Image) -> np.ndarray:
    """The pixels as sent: (H, W) or (H, W, C) in native byte order, padding at row ends removed.

    A view of the message where possible, so do not write to it. Raises InputError for an unknown encoding or where
    step or data do not fit width and height.
    """
    if msg.encoding not in LAYOUTS:
        raise InputError(f"image encoding {msg.encoding!r} is unknown; known are {', '.join(sorted(LAYOUTS))}")
    dtype, channels = LAYOUTS[msg.encoding]
    row = msg.width * channels * np.dtype(dtype).itemsize
    if not msg.width or not msg.height:
        raise InputError(f"image is empty: {msg.width}x{msg.height}")
    if msg.step < row:
        raise InputError(f"image step: expected at least {row} bytes for {msg.width} px {msg.encoding}, got {msg.step}")
    data = np.frombuffer(msg.data, np.uint8)
    needed = msg.step * (msg.height - 1) + row  # some drivers leave out the padding of the last row
    if data.size < needed:
        raise InputError(
            f"image data: expected {msg.step * msg.height} bytes ({msg.height} rows of {msg.step}), got {data.size}"
        )
    if data.size < msg.step * msg.height:
        data = np.concatenate([data[:needed], np.zeros(msg.step * msg.height - needed, np.uint8)])
    rows = data[: msg.step * msg.height].reshape(msg.height, msg.step)[:, :row]
    pixels = np.ascontiguousarray(rows).view(np.dtype(dtype))
    if np.dtype(dtype).itemsize > 1 and bool(msg.is_bigendian) != (sys.byteorder == "big"):
        pixels = pixels.byteswap()
    return pixels.reshape(msg.height, msg.width, channels) if channels > 1 else pixels


def to_bgr(msg: Image) -> np.ndarray:
    """uint8 (H, W, 3), blue first, of any colour or grey image; 16 bit images keep their upper 8 bits.

    Raises InputError for what is no image (depth) or cannot be decoded.
    """
    if hasattr(msg, "format"):
        return _decompressed(msg)
    if msg.encoding in LAYOUTS and msg.encoding not in TO_BGR:
        raise InputError(f"encoding {msg.encoding} is no image: remap the image topic to a colour or grey image")
    pixels = to_array(msg)
    if msg.encoding in YUV and msg.width % 2:
        raise InputError(f"{msg.encoding}: expected an even width (two pixels share their colour), got {msg.width}")
    code = TO_BGR[msg.encoding]
    pixels = pixels if code is None else cv2.cvtColor(pixels, code)
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def to_rgb(msg: Image) -> np.ndarray:
    """Like `to_bgr`, red first."""
    return np.ascontiguousarray(to_bgr(msg)[..., ::-1])


def _decompressed(msg: Image) -> np.ndarray:
    data = np.frombuffer(msg.data, np.uint8)
    # older OpenCV gives what there is of a JPEG that was cut off, in gray where nothing is
    sent = data.tobytes()
    cut_off = sent.startswith(JPEG_BEGIN) and JPEG_END not in sent
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size and not cut_off else None
    if pixels is None:
        raise InputError(f"compressed image: cannot decode {data.size} bytes of format {msg.format!r}")
    return pixels

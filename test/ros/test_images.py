"""Every encoding, padded rows, both byte orders, and sizes that do not fit."""

import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import CompressedImage, Image

from pose3d_ros.core.errors import InputError
from pose3d_ros.ros import images

WIDTH, HEIGHT = 8, 6  # not square: exchanged sides would show
NATIVE_BIG = sys.byteorder == "big"
HALF_A_JPEG = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()[:-40]


def pixels_of(encoding: str) -> np.ndarray:
    dtype, channels = images.LAYOUTS[encoding]
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    values = np.random.default_rng(1).integers(0, 250, shape)
    return (values * 200 if np.dtype(dtype).itemsize > 1 else values).astype(dtype)


def message(encoding: str, pixels: np.ndarray, pad: int = 0, big: bool = False) -> Image:
    """An image message built by hand: rows of `pad` extra bytes, in either byte order."""
    rows = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).reshape(HEIGHT, -1)
    data = b"".join(row.tobytes() + b"\xaa" * pad for row in rows)
    return Image(
        height=HEIGHT, width=WIDTH, encoding=encoding, is_bigendian=int(big), step=len(data) // HEIGHT, data=data
    )


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("pad", [0, 3, 16])
@pytest.mark.parametrize("encoding", sorted(images.LAYOUTS))
def test_pixels_arrive_unchanged(encoding, pad, big):
    pixels = pixels_of(encoding)
    got = images.to_array(message(encoding, pixels, pad, big))
    assert got.dtype == images.LAYOUTS[encoding][0]
    np.testing.assert_array_equal(got, pixels)


@pytest.mark.parametrize("encoding", sorted(images.LAYOUTS))
def test_arrays_become_messages_and_come_back(encoding):
    pixels = pixels_of(encoding)
    msg = images.from_array(pixels, encoding)
    assert (msg.width, msg.height, len(msg.data)) == (WIDTH, HEIGHT, msg.step * HEIGHT)
    np.testing.assert_array_equal(images.to_array(msg), pixels)


RED = (10, 20, 200)  # BGR


BGR = np.full((HEIGHT, WIDTH, 3), RED, np.uint8)
WIDE = BGR.astype(np.uint16) * 257
PLAIN = {
    "bgr8": BGR, "8UC3": BGR, "rgb8": BGR[..., ::-1], "bgr16": WIDE, "rgb16": WIDE[..., ::-1],
    "bgra8": np.dstack([BGR, BGR[..., :1]]), "8UC4": np.dstack([BGR, BGR[..., :1]]),
    "rgba8": np.dstack([BGR[..., ::-1], BGR[..., :1]]),
}  # fmt: skip


@pytest.mark.parametrize("encoding", PLAIN)
def test_colour_channels_keep_their_order(encoding):
    msg = images.from_array(PLAIN[encoding], encoding)
    np.testing.assert_array_equal(images.to_bgr(msg), BGR)
    np.testing.assert_array_equal(images.to_rgb(msg), BGR[..., ::-1])


@pytest.mark.parametrize("order", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_bayer_pattern_is_named_by_its_first_pixels(order, bits):
    """Each photosite of a plain colour holds the value of its own colour."""
    value = dict(zip("bgr", RED, strict=True))
    tile = np.array([[value[order[0]], value[order[1]]], [value[order[2]], value[order[3]]]])
    mosaic = np.tile(tile, (HEIGHT // 2, WIDTH // 2)).astype(np.uint16)
    mosaic = mosaic * 257 if bits == 16 else mosaic.astype(np.uint8)
    got = images.to_bgr(images.from_array(mosaic, f"bayer_{order}{bits}"))
    np.testing.assert_array_equal(got[2:-2, 2:-2], np.full((HEIGHT - 4, WIDTH - 4, 3), RED))


@pytest.mark.parametrize(("encoding", "order"), [
    ("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv"),
])  # fmt: skip
def test_yuv422_in_both_orders(encoding, order):
    y, cr, cb = (int(v) for v in cv2.cvtColor(np.full((1, 1, 3), RED, np.uint8), cv2.COLOR_BGR2YCrCb)[0, 0])
    # studio range, as cameras send it
    luma, u, v = 16 + y * 219 // 255, 128 + (cb - 128) * 224 // 255, 128 + (cr - 128) * 224 // 255
    pair = [u, luma, v, luma] if order == "uyvy" else [luma, u, luma, v]
    pixels = np.tile(np.array(pair, np.uint8), (HEIGHT, WIDTH // 2)).reshape(HEIGHT, WIDTH, 2)
    got = images.to_bgr(images.from_array(pixels, encoding)).astype(int)
    assert np.abs(got - RED).max() <= 6


def test_grey_images_become_grey_images():
    grey = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    for msg in (images.from_array(grey, "mono8"), images.from_array(grey.astype(np.uint16) * 256, "mono16")):
        np.testing.assert_array_equal(images.to_bgr(msg), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_depth_is_no_image(encoding):
    with pytest.raises(InputError, match="no image"):
        images.to_bgr(images.from_array(pixels_of(encoding), encoding))


@pytest.mark.parametrize("extension", ["png", "jpeg"])
def test_compressed_images(extension):
    data = cv2.imencode(f".{extension}", BGR)[1].tobytes()
    got = images.to_bgr(CompressedImage(format=extension, data=data)).astype(int)
    assert got.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(got - RED).max() <= 4


@pytest.mark.parametrize("data", [b"", b"no image at all", HALF_A_JPEG], ids=["empty", "foreign", "cut off"])
def test_damaged_compressed_image_says_so(data):
    with pytest.raises(InputError, match=f"{len(data)} bytes of format 'jpeg'"):
        images.to_bgr(CompressedImage(format="jpeg", data=data))


@pytest.mark.parametrize(("change", "words"), [
    ({"encoding": "rgb99"}, "'rgb99' is unknown"),
    ({"step": 5}, "step: expected at least 24 bytes"),
    ({"data": b"\0" * 100}, "expected 144 bytes .* got 100"),
    ({"height": 0}, "empty"),
])  # fmt: skip
def test_sizes_that_do_not_fit_are_refused(change, words):
    msg = images.from_array(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "rgb8")
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(InputError, match=words):
        images.to_array(msg)


def test_the_last_row_may_lack_its_padding():
    pixels = pixels_of("rgb8")
    msg = message("rgb8", pixels, pad=8)
    msg.data = bytes(msg.data)[:-8]
    np.testing.assert_array_equal(images.to_array(msg), pixels)


def test_array_that_is_not_of_the_encoding_is_refused():
    with pytest.raises(InputError, match="rgb8: expected 3 channels of uint8, got 1 of float32"):
        images.from_array(np.zeros((4, 4), np.float32), "rgb8")

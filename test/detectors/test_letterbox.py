import numpy as np
import pytest

from pose3d_ros.detectors.letterbox import Letterbox, shape_like

SIZES = [(640, 480), (1080, 1920), (3840, 2160), (16, 16), (641, 479), (4000, 16)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("centred", [True, False])
def test_points_come_back_exactly(size, centred):
    box = Letterbox(size, (320, 256), centred)
    xy_px = np.random.default_rng(0).uniform(-50, 4000, (100, 2))
    np.testing.assert_allclose(box.to_image(box.to_input(xy_px)), xy_px, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_the_edges_of_the_image_are_the_edges_of_its_part_of_the_input(size):
    """The outer edge of the first and last pixel, half a pixel beyond their centres, on both axes."""
    box = Letterbox(size, (320, 256))
    edges = box.to_input([(-0.5, -0.5), np.subtract(size, 0.5)])
    np.testing.assert_allclose(edges[0], np.subtract(box.corner, 0.5), atol=1e-9)
    np.testing.assert_allclose(edges[1], np.add(box.corner, box.scaled) - 0.5, atol=1e-9)


@pytest.mark.parametrize("size", [(640, 480), (1080, 1920), (200, 100)])
def test_a_spot_is_found_where_it_was_drawn(size):
    """Through the pixels: the centroid of a spot in the input, mapped back, is the spot's middle."""
    box = Letterbox(size, (256, 256))
    half, middle = max(size) // 40, np.array((size[0] * 0.3, size[1] * 0.6)).round()
    image = np.zeros((size[1], size[0], 3), np.uint8)
    x, y = middle.astype(int)
    image[y - half : y + half + 1, x - half : x + half + 1] = 200
    weight = box(image)[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    centroid = np.array(((weight * columns).sum(), (weight * rows).sum())) / weight.sum()
    np.testing.assert_allclose(box.to_image(centroid), middle, atol=0.1 * max(size) / 256)


def test_the_rest_is_filled():
    boxed = Letterbox((40, 20), (64, 64), fill=114)(np.zeros((20, 40, 3), np.uint8))
    assert (boxed[:16] == 114).all()
    assert (boxed[16:48] == 0).all()
    assert (boxed[48:] == 114).all()


@pytest.mark.parametrize(
    ("size", "shape"),
    [((640, 480), (320, 256)), ((1080, 1920), (192, 320)), ((16, 16), (320, 320)), ((4000, 16), (320, 32))],
)
def test_the_input_has_the_aspect_of_the_image(size, shape):
    assert shape_like(size, 320, 32) == shape

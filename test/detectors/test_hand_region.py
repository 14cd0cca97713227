"""Where hands are looked at, and what the palm detector's numbers mean."""

import math

import numpy as np
import pytest

from pose3d_ros.detectors.hand_region import Region, of_hand, of_palm, upward
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.palms import SIDE, _anchors, decode

UP = np.zeros((21, 2))  # a hand that points up: wrist below, knuckles above
UP[[5, 9, 13, 17], 0] = (-15, -5, 5, 15)
UP[[5, 9, 13, 17], 1] = -40
UP[[6, 10, 14, 18], 1] = -60


@pytest.mark.parametrize(("end", "degrees"), [((0, -1), 0), ((1, 0), 90), ((0, 1), 180), ((-1, 0), -90)])
def test_turns_are_clockwise_from_up(end, degrees):
    assert math.degrees(upward(np.zeros(2), np.array(end))) == pytest.approx(degrees)


@pytest.mark.parametrize("degrees", [0, 35, -120, 179])
def test_the_region_of_a_turned_hand_is_the_turned_region(degrees):
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    straight, turned = of_hand(UP), of_hand(UP @ turn.T + (300, 200))
    assert turned.side_px == pytest.approx(straight.side_px)
    assert turned.angle_rad - straight.angle_rad == pytest.approx(angle)
    np.testing.assert_allclose(turned.middle_px, turn @ straight.middle_px + (300, 200))


def test_a_crop_shows_what_lies_in_its_region():
    image = np.zeros((200, 300, 3), np.uint8)
    image[117:124, 177:184] = 255
    region = Region((160.0, 110.0), 80.0, 0.6)
    weight = region.crop(image, 112)[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    centroid = np.array(((weight * columns).sum(), (weight * rows).sum())) / weight.sum()
    np.testing.assert_allclose(region.to_image(centroid, 112), (180, 120), atol=0.1)


def test_a_region_of_a_part_is_that_of_the_whole_moved():
    assert Region((5.0, 6.0), 10.0).moved(100, 50) == Region((105.0, 56.0), 10.0)


def test_the_region_of_a_palm_reaches_to_the_fingers():
    region = of_palm(np.array((80.0, 80)), np.array((120.0, 120)), np.array((100.0, 120)), np.array((100.0, 90)))
    assert region.angle_rad == 0
    assert region.side_px == pytest.approx(2.6 * 40)
    np.testing.assert_allclose(region.middle_px, (100, 100 - 20))


def test_palms_are_read_from_anchors_and_those_that_overlap_are_one():
    centres = _anchors()
    assert centres.shape == (2016, 2)
    values, logits = np.zeros((2016, 18), np.float32), np.full(2016, -20, np.float32)
    box = Letterbox((384, 384), (SIDE, SIDE))  # half size
    for row, logit in ((600, 3.0), (601, 2.0), (1500, 1.0)):
        values[row, :4] = (2, -1, 30, 30)  # middle beside the anchor, size
        values[row, 4:6] = (2, 14)  # wrist
        values[row, 8:10] = (2, -14)  # middle knuckle
        logits[row] = logit
    first, second = decode(values, logits, centres, box, 0.5)
    assert first.score == pytest.approx(1 / (1 + math.exp(-3)))
    assert second.score == pytest.approx(1 / (1 + math.exp(-1)))
    assert first.region.side_px == pytest.approx(2.6 * 60)
    middle = (centres[600] * SIDE + (2, -1)) * 2 - 0.5  # counted from the edge, in the image from the centre
    np.testing.assert_allclose(first.region.middle_px, middle - (0, 30), atol=1e-3)

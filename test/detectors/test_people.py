"""Which bodies are reported, and the detector made of finders of bodies and hands."""

import numpy as np
import pytest

from pose3d_ros import detectors
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.detectors import DetectorConfig
from pose3d_ros.detectors.base import Body, checked_image, seen_score
from pose3d_ros.detectors.people import PeopleDetector, select

SIZE = (480, 640, 3)
POSE_PX = np.random.default_rng(0).uniform((100, 100), (200, 400), (17, 2))
CONFIG = DetectorConfig(hands=False, min_detection_confidence=0.3, min_tracking_confidence=0.2, max_people=3)


def body(x_px=0.0, confidence=0.9):
    return Body("coco17", POSE_PX + np.array((x_px, 0)), np.full(17, 0.8), confidence)


def test_unknown_detectors_and_values_are_refused():
    with pytest.raises(ConfigError, match="movenet"):
        DetectorConfig(detector="openpose")
    with pytest.raises(ConfigError, match="min_detection_confidence"):
        DetectorConfig(min_detection_confidence=1.5)
    with pytest.raises(ConfigError, match="multiple of 32"):
        DetectorConfig(input_size=300)


def test_a_person_found_twice_is_reported_once_and_the_surest_first():
    found = [body(5, 0.4), body(0, 0.8), body(300, 0.9)]
    assert select(found, [], CONFIG) == [found[2], found[1]]


def test_no_more_people_than_wanted():
    found = [body(200 * i, 0.9 - 0.1 * i) for i in range(5)]
    assert select(found, [], CONFIG) == found[:3]


def test_who_was_there_before_may_be_less_sure():
    faint = body(3, 0.25)
    assert select([faint], [], CONFIG) == []
    assert select([faint], [body()], CONFIG) == [faint]
    assert select([faint], [body(300)], CONFIG) == []
    assert select([body(3, 0.15)], [body()], CONFIG) == []


class Fake:
    """Finds what it is told to, and remembers what it was given."""

    format = "coco17"

    def __init__(self):
        self.bodies, self.previous = [], []

    def find(self, image_rgb, previous):
        self.previous.append(len(previous))
        return self.bodies


def test_what_was_there_before_a_gap_or_a_jump_back_says_nothing():
    finder = Fake()
    detector = PeopleDetector(finder, CONFIG)
    finder.bodies = [body()]
    for second in (5, 5.1, 7, 7.1, 3, 3.0):
        detector.detect(np.zeros(SIZE, np.uint8), int(second * 1e9))
    assert finder.previous == [0, 1, 0, 1, 0, 0]


def test_joints_outside_the_image_have_no_score_and_nobody_an_id():
    finder = Fake()
    finder.bodies = [body(500)]
    (person,) = PeopleDetector(finder, CONFIG).detect(np.zeros(SIZE, np.uint8), 1)
    outside = person.xy_px[:, 0] > 639.5
    assert 0 < outside.sum() < 17
    np.testing.assert_array_equal(person.score, np.where(outside, np.float32(0), np.float32(0.8)))
    assert (person.format, person.id, person.side) == ("coco17", "", "")


def test_the_border_is_half_a_pixel_beyond_the_last_ones_centre():
    xy_px = np.array([(-0.4, 0), (-0.6, 0), (639.4, 100), (639.6, 100), (5, 479.4), (5, 479.6)])
    assert seen_score(xy_px, 0.8, 640, 480).tolist() == [0.8, 0, 0.8, 0, 0.8, 0]


@pytest.mark.parametrize("image", [None, np.zeros(SIZE), np.zeros(SIZE[:2], np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(InputError, match="image: expected"):
        checked_image(image)


def test_a_closed_detector_says_so():
    detector = PeopleDetector(Fake(), CONFIG)
    detector.close()
    detector.close()
    with pytest.raises(InputError, match="closed"):
        detector.detect(np.zeros(SIZE, np.uint8), 0)


def test_the_registry_names_its_detectors():
    assert "movenet" in detectors.names()

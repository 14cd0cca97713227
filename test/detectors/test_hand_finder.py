"""Whose hands are looked for, and where: with networks that know the answer."""

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.detectors import DetectorConfig
from pose3d_ros.detectors import hand_finder as module
from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.hand_finder import HandFinder, sizes, wrists
from pose3d_ros.detectors.hand_region import Region
from pose3d_ros.detectors.hands import DetectedHand
from pose3d_ros.detectors.palms import Palm

IMAGE = np.zeros((480, 640, 3), np.uint8)
SHAPE = np.stack([np.linspace(-9, 9, 21), -np.linspace(0, 40, 21)], axis=1)  # from the wrist upwards
SHAPE[0] = 0
SHAPE[[5, 9, 13, 17]] = [(-12, -30), (-4, -32), (4, -32), (12, -30)]


class World:
    """Wrists of real hands by side; networks that see what lies in the part of the image they are shown."""

    def __init__(self):
        self.hands, self.looks, self.searches = [], 0, []

    def find(self, part, least):
        self.searches.append(part.shape[:2])
        x0, y0 = self.corner(part)
        inside = [
            (x - x0, y - y0) for x, y, _ in self.hands if 0 <= x - x0 < part.shape[1] and 0 <= y - y0 < part.shape[0]
        ]
        return [Palm(Region((x, y - 20), 100.0), 0.9) for x, y in inside]

    def look(self, image_rgb, region):
        self.looks += 1
        near = [h for h in self.hands if np.hypot(h[0] - region.middle_px[0], h[1] - 20 - region.middle_px[1]) < 40]
        if not near:
            return DetectedHand(SHAPE + region.middle_px, 0.1, "left")
        x, y, side = near[0]
        return DetectedHand(SHAPE + np.array((x, y)), 0.95, side)

    @staticmethod
    def corner(part):
        """The image holds its own coordinates."""
        return 4 * int(part[0, 0, 0]), 4 * int(part[0, 0, 1])


@pytest.fixture
def world():
    return World()


@pytest.fixture
def finder(monkeypatch, world):
    monkeypatch.setattr(module, "PalmDetector", lambda *_: world)
    monkeypatch.setattr(module, "HandLandmarks", lambda *_: world)
    return HandFinder(DetectorConfig(max_people=3))


@pytest.fixture
def image():
    rows, columns = np.indices((480, 640))
    return np.stack([columns // 4, rows // 4, rows * 0], axis=-1).astype(np.uint8)


def body(left=None, right=None, x=320.0):
    """Shoulders and hips about x; wrists where they are known."""
    definition = formats.get("coco17")
    xy_px, score = np.zeros((17, 2)), np.zeros(17)
    for name, at in {
        "left_shoulder": (x + 40, 200), "right_shoulder": (x - 40, 200), "left_hip": (x + 30, 340),
        "right_hip": (x - 30, 340), "left_wrist": left, "right_wrist": right,
    }.items():  # fmt: skip
        if at is not None:
            xy_px[definition.index(name)], score[definition.index(name)] = at, 0.9
    return Body("coco17", xy_px, score, 0.9)


def test_sizes_and_wrists_are_of_what_shows():
    found = [body(left=(400, 300)), body()]
    np.testing.assert_array_equal(wrists(found)[0, 0], (400, 300))
    assert np.isnan(wrists(found)[0, 1]).all()
    assert sizes(found)[0] == pytest.approx(np.hypot(10, 140))
    assert (len(wrists([])), len(sizes([]))) == (0, 0)


def sides(found):
    return sorted((person, side) for person, side, _ in found)


def test_hands_at_wrists_are_found_and_then_followed_without_searching(finder, world, image):
    world.hands = [(400, 300, "left"), (240, 310, "right")]
    people = [body((402, 301), (238, 309))]
    for _ in range(3):
        found = finder.find(image, people)
    assert sides(found) == [(0, "left"), (0, "right")]
    world.searches.clear()
    world.hands = [(404, 296, "left"), (236, 314, "right")]  # they move
    found = finder.find(image, people)
    assert [tuple(hand.xy_px[0]) for _, _, hand in sorted(found, key=lambda f: f[1])] == [(404, 296), (236, 314)]
    assert world.searches == []


def test_searches_take_turns_and_are_few(finder, world, image):
    people = [body((100 + 150 * i, 300), (60 + 150 * i, 300), 80.0 + 150 * i) for i in range(3)]
    for _ in range(6):
        assert finder.find(image, people) == []
    assert len(world.searches) == 6 * module.SEARCHES
    assert world.searches.count((480, 640)) >= 1  # the whole image has its turn, too


def test_a_hand_without_a_body_is_found_in_the_whole_image(finder, world, image):
    world.hands = [(300, 200, "right")]
    assert sides(finder.find(image, [])) == [(-1, "right")]


def test_a_wrong_look_is_overruled_by_the_wrist(finder, world, image):
    world.hands = [(400, 300, "right")]
    for _ in range(2):
        found = finder.find(image, [body((402, 301), (240, 300))])
    assert sides(found) == [(0, "left")]


def test_a_hand_that_is_gone_is_forgotten(finder, world, image):
    world.hands = [(400, 300, "left")]
    people = [body((400, 300), (240, 300))]
    assert len(finder.find(image, people) or finder.find(image, people)) == 1
    world.hands = []
    assert finder.find(image, people) == []


def test_a_body_too_small_to_show_hands_is_not_searched(finder, world):
    tiny = body((322, 301), (318, 301))
    small = Body(tiny.format, 300 + 0.05 * (tiny.xy_px - 300), tiny.score, 0.9)
    finder.find(IMAGE, [small])
    assert all(shape == (480, 640) for shape in world.searches)

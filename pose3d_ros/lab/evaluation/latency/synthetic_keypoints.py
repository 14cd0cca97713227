"""Synthetic keypoints of people with hands who stand and sway: the same input for everything that is timed."""

import numpy as np

from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera

WIDTH, HEIGHT, FRAME_NS = 1920, 1080, 33_333_333
HIDDEN = 0.3
CAMERA = Camera.from_fov(WIDTH, HEIGHT, 70)
# a standing person of the h36m17 joints, about the pelvis
STANDING_PX = 1.0 * np.array(
    [
        (0, 0), (-28, 2), (-30, 105), (-32, 205), (28, -2), (34, 100), (38, 200), (3, -60), (4, -125), (10, -150),
        (4, -185), (38, -122), (50, -60), (58, -5), (-34, -126), (-48, -70), (-40, -20),
    ]
)  # fmt: skip
WRISTS = {"left": 13, "right": 16}
# an open right hand, palm to the camera, about its wrist: thumb, then index to little finger
FINGERS_PX = ((-38, 12, 3, 11), (-12, 27, 14, 8), (0, 28, 16, 9), (9, 26, 14, 8), (18, 24, 11, 7))  # degrees, bones
OPEN_HAND_PX = np.concatenate(
    [np.zeros((1, 2))]
    + [
        np.outer((bones := np.cumsum((first, second, third, 8))), (np.sin(np.radians(turn)), -np.cos(np.radians(turn))))
        for turn, first, second, third in FINGERS_PX
    ]
)


def crowd(people: int, hands: bool = False, frames: int = 600) -> list[Keypoints2D]:
    """People side by side, 30 frames a second, without ids, each joint missing in 30 % of the frames."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0.8, 1.2, (people, 1, 1))
    place = np.stack((150 + 1620 * (np.arange(people) + 0.5) / people, np.full(people, HEIGHT / 2)), -1)[:, None]
    found = []
    for i in range(frames):
        place_now = place + 25 * np.sin(i / 15 + np.arange(people))[:, None, None]
        body = place_now + size * STANDING_PX
        seen = [_noisy(rng, "h36m17", xy) for xy in body]
        if hands:
            seen += [_noisy(rng, "hand21", xy, side) for side in WRISTS for xy in _hands(side, body, size)]
        found.append(Keypoints2D(1_000_000_000 + i * FRAME_NS, tuple(seen), "camera", WIDTH, HEIGHT))
    return found


def _hands(side: str, body: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(people, 21, 2): the hands of one side, hanging down from their wrists."""
    mirrored = OPEN_HAND_PX * ((1, -1) if side == "left" else (-1, -1))
    return body[:, WRISTS[side], None] + size * mirrored


def _noisy(rng: np.random.Generator, kind: str, xy: np.ndarray, side: str = "") -> Person2D:
    score = np.where(rng.random(len(xy)) < HIDDEN, 0, 0.9)
    return Person2D(kind, xy + rng.normal(0, 0.5 if side else 1.5, xy.shape), score, "", side)

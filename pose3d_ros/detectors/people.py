"""`PeopleDetector`: a finder of bodies and a finder of hands as one detector, and which bodies are worth reporting."""

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Person2D
from pose3d_ros.detectors.base import Bodies, Body, checked_image, seen_score
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.hand_finder import HandFinder

NEW_VIDEO_AFTER_NS = 1_000_000_000  # what was found before such a gap says nothing about now
SHOWN = 0.1  # joints with a lower score say nothing about where somebody is
SAME = 0.25  # of the body's extent: mean distance of joints, below which two bodies are one
CONTINUES = 0.5  # likewise, from one image to the next


class PeopleDetector:
    """See `Detector`. Identities are left to the tracker of the lifter: bodies and hands have no id."""

    def __init__(self, bodies: Bodies, config: DetectorConfig) -> None:
        self._bodies: Bodies | None = bodies
        self._hands = HandFinder(config) if config.hands and not whole_body(bodies.format) else None
        self.names = (bodies.format, "hand21") if self._hands else (bodies.format,)
        self._config = config
        self._previous: list[Body] = []
        self._last_ns = -1

    def detect(self, image_rgb: np.ndarray, stamp_ns: int) -> tuple[Person2D, ...]:
        """See `Detector.detect`."""
        if self._bodies is None:
            raise InputError("detector: expected an open one, got one that was closed; make a new one")
        image_rgb = checked_image(image_rgb)
        if not 0 < stamp_ns - self._last_ns <= NEW_VIDEO_AFTER_NS:
            self._reset()
        self._last_ns = stamp_ns
        bodies = select(self._bodies.find(image_rgb, self._previous), self._previous, self._config)
        self._previous = bodies
        hands = self._hands.find(image_rgb, bodies) if self._hands else []
        height, width = image_rgb.shape[:2]

        def person(format: str, xy_px: np.ndarray, score: np.ndarray | float, side: str = "") -> Person2D:
            return Person2D(format, xy_px, seen_score(xy_px, score, width, height), side=side)

        return (
            *(person(body.format, body.xy_px, body.score) for body in bodies),
            *(person("hand21", hand.xy_px, hand.score, side) for _, side, hand in hands),
        )

    def close(self) -> None:
        """See `Detector.close`."""
        self._bodies = self._hands = None

    def _reset(self) -> None:
        self._previous = []
        if self._hands:
            self._hands.reset()


def whole_body(format: str) -> bool:
    """Whether a format's bodies have their hands with them."""
    return "left_hand_wrist" in formats.get(format)


def select(found: list[Body], previous: list[Body], config: DetectorConfig) -> list[Body]:
    """The bodies worth reporting, surest first: sure enough, or less sure where somebody was in the image before, and
    each person once."""
    kept: list[Body] = []
    for body in sorted(found, key=lambda body: -body.confidence):
        if body.confidence < min(config.min_tracking_confidence, config.min_detection_confidence):
            break
        known = body.confidence >= config.min_detection_confidence or any(
            apart(body, other) < CONTINUES for other in previous
        )
        if known and all(apart(body, other) >= SAME for other in kept):
            kept.append(body)
    return kept[: config.max_people]


def apart(a: Body, b: Body) -> float:
    """Mean distance of the joints that both show, in extents of the larger one; inf where they share none."""
    both = (a.score >= SHOWN) & (b.score >= SHOWN)
    if not both.any():
        return np.inf
    extent = max(float(np.ptp(body.xy_px[body.score >= SHOWN], axis=0).max()) for body in (a, b))
    return float(np.linalg.norm(a.xy_px[both] - b.xy_px[both], axis=1).mean()) / max(extent, 1.0)

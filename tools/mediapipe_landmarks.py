"""What MediaPipe 0.10.21 finds, as reference: the last release whose wheel holds its models. It wants NumPy 1.

In an environment of its own: pip install 'mediapipe==0.10.21' scipy
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.hand_finder import sizes, wrists
from pose3d_ros.detectors.hands import DetectedHand, assign

FORMAT = "mediapipe33"
# MediaPipe names hands as in a mirrored (selfie) image; ours are those of the person in an ordinary camera image
_OTHER = {"Left": "right", "Right": "left"}


@dataclass(frozen=True)
class FoundBody(Body):
    """A body, and MediaPipe's own metric guess `world_m` (33, 3), hips in the origin."""

    world_m: np.ndarray = None


class MediaPipe:
    """One body and two hands of a video, image by image."""

    def __init__(self, hands: bool = True) -> None:
        import mediapipe

        solutions = mediapipe.solutions
        # smoothing off: it lags
        self._pose = solutions.pose.Pose(model_complexity=1, smooth_landmarks=False)
        self._hands = solutions.hands.Hands(max_num_hands=2, model_complexity=1) if hands else None

    def find(self, image_rgb: np.ndarray) -> tuple[list[FoundBody], list[DetectedHand]]:
        """The body, if there is one, and hands."""
        image_rgb = np.ascontiguousarray(image_rgb)
        size = image_rgb.shape[1::-1]
        pose = self._pose.process(image_rgb)
        bodies, hands = [], []
        if pose.pose_landmarks:
            joints = pose.pose_landmarks.landmark
            visible = np.array([point.visibility for point in joints])
            bodies.append(FoundBody(FORMAT, _pixels(joints, size), visible, 1.0, _metres(pose.pose_world_landmarks)))
        found = self._hands.process(image_rgb) if self._hands else None
        if found and found.multi_hand_landmarks:
            each = found.multi_hand_landmarks, found.multi_handedness, found.multi_hand_world_landmarks
            for landmarks, handedness, world in zip(*each, strict=True):
                label = handedness.classification[0]
                xy_px = _pixels(landmarks.landmark, size)
                hands.append(DetectedHand(xy_px, label.score, _OTHER[label.label], _metres(world)))
        return bodies, hands


def owned_hands(bodies: list[FoundBody], hands: list[DetectedHand]) -> list[tuple[int, str, DetectedHand]]:
    """(body's position in `bodies`, side, hand) for the hands that belong to one; see `hands.assign`."""
    return assign(hands, wrists(bodies), sizes(bodies))


def _pixels(landmarks: Any, size: tuple[int, int]) -> np.ndarray:
    """float64 (J, 2). MediaPipe's 0..1 span the image from edge to edge; ours start at the first pixel's centre."""
    return np.array([(point.x, point.y) for point in landmarks]) * size - 0.5


def _metres(world: Any) -> np.ndarray:
    """float64 (J, 3)."""
    return np.array([(point.x, point.y, point.z) for point in world.landmark])

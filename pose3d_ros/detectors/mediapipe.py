"""MediaPipe: body (33 joints) and hands (21 joints each).

Two ways to the same networks. Release 0.10.21 is the last whose wheel holds its models (`mediapipe.solutions`, one
person). Every release reads a model file given by path (`mediapipe.tasks`, several people).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.detectors.base import checked_image
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.hands import DetectedHand, assign

INSTALL = "pip install 'mediapipe==0.10.21' (numpy < 2) in the environment of the detector"
FORMAT = "mediapipe33"
WRISTS = ("left_wrist", "right_wrist")
# whose longest is a measure of the body's size in the image, however it is turned
SEGMENTS = (
    ("left_shoulder", "right_shoulder"),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (("shoulder", "hip"), ("shoulder", "elbow"), ("elbow", "wrist"))
    ),
)
NEW_PERSON_AFTER_NS = 1_000_000_000  # MediaPipe has no identities: a body found after this gap may be somebody else
_COMPLEXITY = ("lite", "full", "heavy")
# MediaPipe names hands as in a mirrored (selfie) image; ours are those of the person in an ordinary camera image.
_OTHER = {"Left": "right", "Right": "left"}


@dataclass(frozen=True)
class Body:
    """One body: `xy_px` (33, 2), `visibility` (33,), MediaPipe's own metric guess `world_m` (33, 3), hips at 0."""

    xy_px: np.ndarray
    visibility: np.ndarray
    world_m: np.ndarray


class _Backend(Protocol):
    def find(self, image_rgb: np.ndarray, stamp_ms: int) -> tuple[list[Body], list[DetectedHand]]: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


class MediaPipeDetector:
    """See `Detector`. Bodies as mediapipe33, hands as hand21 with their side and the id of their person.

    Scores: a body joint's is its visibility; MediaPipe scores no single hand joints, so each has the score of its hand.
    Joints outside the image have 0: they are extrapolated.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.names = (FORMAT, "hand21") if config.hands else (FORMAT,)
        self._backend: _Backend | None = _backend(config)
        self._last_ns = -1
        self._seen_ns: int | None = None
        self._id = 0

    def landmarks(self, image_rgb: np.ndarray, stamp_ns: int) -> tuple[list[Body], list[DetectedHand]]:
        """Everything MediaPipe says about an image, as it is. Arguments as in `detect`."""
        if self._backend is None:
            raise InputError("detector: expected an open one, got one that was closed; make a new one")
        image_rgb = checked_image(image_rgb)
        if stamp_ns <= self._last_ns:
            self._backend.reset()
            self._seen_ns = None
        self._last_ns = stamp_ns
        return self._backend.find(image_rgb, stamp_ns // 1_000_000)

    def detect(self, image_rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        """See `Detector.detect`."""
        bodies, hands = self.landmarks(image_rgb, stamp_ns)
        height, width = image_rgb.shape[:2]
        ids = self._ids(len(bodies), stamp_ns)
        people = [
            Person2D(FORMAT, body.xy_px, seen_score(body.xy_px, body.visibility, width, height), id)
            for body, id in zip(bodies, ids, strict=True)
        ]
        for person, side, hand in owned_hands(bodies, hands):
            score = seen_score(hand.xy_px, hand.score, width, height)
            people.append(Person2D("hand21", hand.xy_px, score, ids[person] if person >= 0 else "", side))
        return Keypoints2D(stamp_ns, tuple(people), width=width, height=height)

    def _ids(self, count: int, stamp_ns: int) -> list[str]:
        """One body keeps its id while it is found; several have none, MediaPipe does not tell who is who."""
        if count != 1:
            return [""] * count
        if self._seen_ns is None or stamp_ns - self._seen_ns > NEW_PERSON_AFTER_NS:
            self._id += 1
        self._seen_ns = stamp_ns
        return [str(self._id)]

    def close(self) -> None:
        """See `Detector.close`."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None


def owned_hands(bodies: list[Body], hands: list[DetectedHand]) -> list[tuple[int, str, DetectedHand]]:
    """(body's position in `bodies`, side, hand) for the hands that belong to one; see `hands.assign`."""
    rows = formats.get(FORMAT).indices
    wrists_px = np.array([body.xy_px[rows(WRISTS)] for body in bodies]).reshape(-1, 2, 2)
    ends_px = np.array([[body.xy_px[rows(pair)] for pair in SEGMENTS] for body in bodies]).reshape(
        -1, len(SEGMENTS), 2, 2
    )
    sizes_px = np.linalg.norm(ends_px[:, :, 1] - ends_px[:, :, 0], axis=2).max(axis=1)
    return assign(hands, wrists_px, sizes_px)


def seen_score(xy_px: np.ndarray, score: np.ndarray | float, width: int, height: int) -> np.ndarray:
    """float (J,): the score, 0 for joints outside the image."""
    x, y = xy_px.T
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return np.where(inside, score, 0.0)


def make(config: DetectorConfig) -> MediaPipeDetector:
    """A ready MediaPipe detector. Raises ConfigError where MediaPipe or a model is missing."""
    return MediaPipeDetector(config)


def _backend(config: DetectorConfig) -> _Backend:
    try:
        import mediapipe
    except ImportError as error:
        raise ConfigError(f"detector mediapipe: expected MediaPipe, got '{error}'; {INSTALL}") from error
    return _Tasks(mediapipe, config) if config.model_path else _Solutions(mediapipe, config)


def _bundled(mediapipe: Any, complexity: int) -> Any:
    """`mediapipe.solutions` of a release whose wheel holds the body model. Raises ConfigError otherwise."""
    model = f"pose_landmark_{_COMPLEXITY[complexity]}.tflite"
    path = Path(mediapipe.__file__).parent / "modules" / "pose_landmark" / model
    solutions = getattr(mediapipe, "solutions", None)
    if solutions is None or not path.is_file():
        # MediaPipe itself would download it now; a robot must not depend on that
        raise ConfigError(
            f"detector mediapipe: expected the model {model} in the wheel, MediaPipe {mediapipe.__version__} has none; "
            f"use model_complexity 1 of release 0.10.21 ({INSTALL}), or set model_path (and hand_model_path)"
        )
    return solutions


class _Solutions:
    """The models in the wheel of 0.10.21: one body, two hands."""

    def __init__(self, mediapipe: Any, config: DetectorConfig) -> None:
        if config.max_people > 1:
            raise ConfigError(f"max_people: the bundled model finds 1, got {config.max_people}; set model_path")
        solutions = _bundled(mediapipe, config.model_complexity)
        common = {
            "min_detection_confidence": config.min_detection_confidence,
            "min_tracking_confidence": config.min_tracking_confidence,
        }
        # smoothing off: it lags, and the lifter looks at time itself
        self._pose = solutions.pose.Pose(model_complexity=config.model_complexity, smooth_landmarks=False, **common)
        self._hands = solutions.hands.Hands(max_num_hands=2, model_complexity=1, **common) if config.hands else None

    def find(self, image_rgb: np.ndarray, stamp_ms: int) -> tuple[list[Body], list[DetectedHand]]:
        size = image_rgb.shape[1::-1]
        pose = self._pose.process(image_rgb)
        bodies, hands = [], []
        if pose.pose_landmarks:
            bodies.append(_body(pose.pose_landmarks.landmark, pose.pose_world_landmarks.landmark, size))
        found = self._hands.process(image_rgb) if self._hands else None
        if found and found.multi_hand_landmarks:
            each = found.multi_hand_landmarks, found.multi_handedness, found.multi_hand_world_landmarks
            for landmarks, handedness, world in zip(*each, strict=True):
                label = handedness.classification[0]
                xy_px, xyz_m = _pixels(landmarks.landmark, size), _metres(world.landmark)
                hands.append(DetectedHand(xy_px, label.score, _OTHER[label.label], xyz_m))
        return bodies, hands

    def reset(self) -> None:
        for solution in (self._pose, self._hands):
            if solution:
                solution.reset()

    def close(self) -> None:
        for solution in (self._pose, self._hands):
            if solution:
                solution.close()


class _Tasks:
    """Model files given by path: several bodies, two hands each."""

    def __init__(self, mediapipe: Any, config: DetectorConfig) -> None:
        for name, path in (("model_path", config.model_path), ("hand_model_path", config.hand_model_path)):
            if (name == "model_path" or config.hands) and not Path(path).is_file():
                raise ConfigError(
                    f"{name}: expected a .task model file, got {path!r}, which is none; or set hands=False"
                )
        self._mediapipe, self._config = mediapipe, config
        self._open()

    def _open(self) -> None:
        tasks, config = self._mediapipe.tasks, self._config
        vision, video = tasks.vision, tasks.vision.RunningMode.VIDEO
        self._pose = vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=tasks.BaseOptions(model_asset_path=config.model_path),
                running_mode=video,
                num_poses=config.max_people,
                min_pose_detection_confidence=config.min_detection_confidence,
                min_tracking_confidence=config.min_tracking_confidence,
            )
        )
        self._hands = None
        if config.hands:
            self._hands = vision.HandLandmarker.create_from_options(
                vision.HandLandmarkerOptions(
                    base_options=tasks.BaseOptions(model_asset_path=config.hand_model_path),
                    running_mode=video,
                    num_hands=2 * config.max_people,
                    min_hand_detection_confidence=config.min_detection_confidence,
                    min_tracking_confidence=config.min_tracking_confidence,
                )
            )
        self._stamp_ms = -1

    def find(self, image_rgb: np.ndarray, stamp_ms: int) -> tuple[list[Body], list[DetectedHand]]:
        # it refuses two images with one stamp, which images under a millisecond apart would have
        self._stamp_ms = max(stamp_ms, self._stamp_ms + 1)
        size = image_rgb.shape[1::-1]
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=image_rgb)
        pose = self._pose.detect_for_video(image, self._stamp_ms)
        bodies = [
            _body(landmarks, world, size)
            for landmarks, world in zip(pose.pose_landmarks, pose.pose_world_landmarks, strict=True)
        ]
        if not self._hands:
            return bodies, []
        found = self._hands.detect_for_video(image, self._stamp_ms)
        each = found.hand_landmarks, found.handedness, found.hand_world_landmarks
        hands = [
            DetectedHand(_pixels(landmarks, size), labels[0].score, _OTHER[labels[0].category_name], _metres(world))
            for landmarks, labels, world in zip(*each, strict=True)
        ]
        return bodies, hands

    def reset(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        for task in (self._pose, self._hands):
            if task:
                task.close()


def _pixels(landmarks: Any, size: tuple[int, int]) -> np.ndarray:
    """float64 (J, 2). MediaPipe's 0..1 span the image from edge to edge; ours start at the first pixel's centre."""
    return np.array([(point.x, point.y) for point in landmarks]) * size - 0.5


def _metres(world: Any) -> np.ndarray:
    """float64 (J, 3)."""
    return np.array([(point.x, point.y, point.z) for point in world])


def _body(landmarks: Any, world: Any, size: tuple[int, int]) -> Body:
    visibility = np.array([point.visibility for point in landmarks])
    return Body(_pixels(landmarks, size), visibility, _metres(world))

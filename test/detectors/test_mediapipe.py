"""The registry and its messages everywhere; the networks themselves where MediaPipe is installed."""

import sys
import types

import numpy as np
import pytest

from pose3d_ros import detectors
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.detectors import DetectorConfig
from pose3d_ros.detectors.base import checked_image
from pose3d_ros.detectors.mediapipe import Body, MediaPipeDetector, seen_score

SIZE = (480, 640, 3)


def test_unknown_detectors_and_values_are_refused():
    with pytest.raises(ConfigError, match="mediapipe"):
        DetectorConfig(detector="openpose")
    with pytest.raises(ConfigError, match="min_detection_confidence"):
        DetectorConfig(min_detection_confidence=1.5)


def test_missing_mediapipe_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ConfigError, match=r"pip install 'mediapipe==0\.10\.21'"):
        detectors.make()


@pytest.fixture
def new_release(monkeypatch, tmp_path):
    """A MediaPipe without solutions and bundled models."""
    module = types.ModuleType("mediapipe")
    module.__file__, module.__version__ = str(tmp_path / "__init__.py"), "0.10.99"
    monkeypatch.setitem(sys.modules, "mediapipe", module)


@pytest.mark.usefixtures("new_release")
def test_a_release_without_models_asks_for_a_file():
    with pytest.raises(ConfigError, match=r"0\.10\.99 has none.*model_path"):
        detectors.make()


@pytest.mark.usefixtures("new_release")
def test_a_model_file_must_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"model_path: expected a \.task model file"):
        detectors.make(DetectorConfig(model_path=str(tmp_path / "none.task")))
    model = tmp_path / "pose.task"
    model.touch()
    with pytest.raises(ConfigError, match="hand_model_path"):
        detectors.make(DetectorConfig(model_path=str(model)))


def test_joints_outside_the_image_are_not_seen():
    xy_px = np.full((33, 2), 100.0)
    xy_px[0], xy_px[1], xy_px[2] = (-0.4, 0), (-0.6, 0), (639.6, 100)
    score = seen_score(xy_px, np.full(33, 0.8), 640, 480)
    assert score[:4].tolist() == [0.8, 0.0, 0.0, 0.8]


@pytest.mark.parametrize("image", [None, np.zeros(SIZE), np.zeros(SIZE[:2], np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(InputError, match="image: expected"):
        checked_image(image)


class FakeBackend:
    """Finds what it is told to and counts its resets."""

    def __init__(self):
        self.bodies, self.resets = [], 0

    def find(self, image_rgb, stamp_ms):
        return self.bodies, []

    def reset(self):
        self.resets += 1

    def close(self):
        pass


@pytest.fixture
def detector(monkeypatch):
    backend = FakeBackend()
    monkeypatch.setattr("pose3d_ros.detectors.mediapipe._backend", lambda config: backend)
    made = MediaPipeDetector(DetectorConfig())
    made.backend = backend
    return made


def ids(detector, second, count):
    rng = np.random.default_rng(0)
    detector.backend.bodies = [Body(rng.uniform(0, 400, (33, 2)), np.ones(33), np.zeros((33, 3)))] * count
    return [person.id for person in detector.detect(np.zeros(SIZE, np.uint8), int(second * 1e9)).people]


def test_a_body_keeps_its_id_until_it_was_away_for_long(detector):
    assert [ids(detector, *step) for step in ((0, 1), (0.5, 0), (0.9, 1), (1.5, 0), (2.5, 1))] == [
        ["1"], [], ["1"], [], ["2"],
    ]  # fmt: skip


def test_several_bodies_have_no_ids(detector):
    assert ids(detector, 0, 2) == ["", ""]


def test_a_backward_jump_starts_a_new_video(detector):
    assert [ids(detector, 10, 1), ids(detector, 3, 1)] == [["1"], ["2"]]
    assert detector.backend.resets == 1


def test_a_closed_detector_says_so(detector):
    detector.close()
    detector.close()
    with pytest.raises(InputError, match="closed"):
        detector.detect(np.zeros(SIZE, np.uint8), 0)


@pytest.fixture
def real():
    pytest.importorskip("mediapipe", reason="MediaPipe is an optional extra with its own environment")
    made = detectors.make()
    yield made
    made.close()


@pytest.mark.slow
def test_the_networks_find_nobody_in_an_empty_room(real):
    frame = real.detect(np.full(SIZE, 90, np.uint8), 5)
    assert (frame.stamp_ns, frame.width, frame.height, frame.people) == (5, 640, 480, ())


def test_the_bundled_model_finds_one_person_only():
    pytest.importorskip("mediapipe", reason="MediaPipe is an optional extra with its own environment")
    with pytest.raises(ConfigError, match="max_people"):
        detectors.make(DetectorConfig(max_people=2))
    with pytest.raises(ConfigError, match="pose_landmark_heavy"):
        detectors.make(DetectorConfig(model_complexity=2))

"""MoveNet: its answer decoded by hand-made numbers; the network itself on the demo's images."""

import numpy as np
import pytest

from pose3d_ros import detectors
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.detectors import DetectorConfig, files
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.movenet import decode


def test_fractions_of_the_input_become_pixels_of_the_image():
    rows = np.zeros((6, 56), np.float32)
    rows[2, :3] = (40 / 128, 64 / 256, 0.7)  # y, x, score of the nose
    rows[2, 55] = 0.6
    box = Letterbox((512, 256), (256, 128))  # half size, no border
    body = decode(rows, box)[2]
    assert body.confidence == pytest.approx(0.6)
    assert body.score[0] == pytest.approx(0.7)
    np.testing.assert_allclose(body.xy_px[0], (2 * 64 + 0.5, 2 * 40 + 0.5), atol=1e-4)


@pytest.fixture(scope="module")
def frames():
    """Every fifth image of the demo bag's first second: one person who signs."""
    reader = pytest.importorskip("pose3d_ros.lab.bags.reader", reason="needs the extra `tools`")
    bag = reader.Bag(share_dir() / "demo" / "signing")
    stamps = sorted(bag.image_stamps_ns)[:30:5]
    return [np.ascontiguousarray(bag.image(stamp)[..., ::-1]) for stamp in stamps]


@pytest.fixture(scope="module")
def detector(models):
    """One for all tests: each begins a new video, by an earlier stamp."""
    made = detectors.make()
    yield made
    made.close()


def detected(detector, images):
    return [detector.detect(image, 1 + 166_000_000 * i) for i, image in enumerate(images)]


def test_the_signing_person_and_both_hands(detector, frames):
    found = detected(detector, frames)
    bodies = [[p for p in people if not p.side] for people in found]
    assert [len(people) for people in bodies] == [1] * len(frames)
    sides = [{p.side for p in people if p.side} for people in found[1:]]
    assert sum("left" in s for s in sides) >= 4
    knees = [people[0].score[[13, 14]].max() for people in bodies]
    assert max(knees) < 0.3  # out of the image


def test_two_people_side_by_side_and_red_is_first(detector, frames):
    pair = np.concatenate([frames[0], frames[0][:, ::-1]], axis=1)
    people = [p for p in detector.detect(np.ascontiguousarray(pair), 1) if not p.side]
    assert len(people) == 2
    noses = sorted(float(p.xy_px[0, 0]) for p in people)
    assert sum(noses) == pytest.approx(pair.shape[1] - 1, abs=6)  # mirror images of each other


@pytest.mark.parametrize("shape", [(16, 16), (2160, 3840), (1280, 360)])
def test_every_size_of_image_is_taken(detector, shape):
    assert detector.detect(np.full((*shape, 3), 90, np.uint8), 5) == ()


@pytest.mark.usefixtures("models")
def test_another_model_is_refused():
    palm = files.folder() / files.PALM.name
    with pytest.raises(ConfigError, match="expected 9585276 bytes"):
        detectors.make(DetectorConfig(model_path=str(palm)))
    with pytest.raises(ConfigError, match="there is none"):
        detectors.make(DetectorConfig(hand_model_path="nowhere.tflite"))


def test_hands_are_those_of_mediapipe_and_where_it_has_them(detector):
    """On the demo's first images, against landmarks of MediaPipe 0.10.21 in the same images."""
    reader = pytest.importorskip("pose3d_ros.lab.bags.reader", reason="needs the extra `tools`")
    bag = reader.Bag(share_dir() / "demo" / "signing")
    held = np.load(share_dir() / "demo" / "signing_mediapipe.npz")
    off, theirs = [], 0
    for stamp_ns in sorted(bag.image_stamps_ns)[:20]:
        people = detector.detect(np.ascontiguousarray(bag.image(stamp_ns)[..., ::-1]), stamp_ns)
        for hand in held["xy_px"][held["stamp_ns"] == stamp_ns]:
            theirs += 1
            gaps = [float(np.median(np.linalg.norm(p.xy_px - hand, axis=1))) for p in people if p.side]
            off += [min(gaps)] if gaps and min(gaps) < 15 else []
    assert theirs > 20
    assert len(off) >= 0.9 * theirs
    assert np.median(off) < 3

"""The optional library, of which a stand-in is enough: it downloads its models."""

import sys
import types

import numpy as np
import pytest

from pose3d_ros import detectors
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.detectors import DetectorConfig

CONFIG = DetectorConfig(detector="rtmlib", rtmlib_format="halpe26", hands=False, rtmlib_mode="lightweight")


@pytest.fixture
def library(monkeypatch):
    """Finds one sure and one unsure person where the image is blue, and remembers how it was made."""
    module = types.ModuleType("rtmlib")

    class BodyWithFeet:
        def __init__(self, **kwargs):
            module.made = kwargs

        def __call__(self, bgr):
            assert tuple(bgr[0, 0]) == (200, 0, 0), "blue comes first"
            joints = np.random.default_rng(0).uniform(5, 60, (2, 26, 2))
            return joints, np.stack([np.full(26, 1.2), np.full(26, 0.1)])

    module.BodyWithFeet = BodyWithFeet
    monkeypatch.setitem(sys.modules, "rtmlib", module)
    return module


def test_its_people_are_reported_where_their_joints_are_sure(library):
    detector = detectors.make(CONFIG)
    assert library.made == {"mode": "lightweight", "backend": "onnxruntime", "device": "cpu"}
    blue = np.zeros((80, 80, 3), np.uint8)
    blue[..., 2] = 200
    (person,) = detector.detect(blue, 1)
    assert person.format == "halpe26"
    np.testing.assert_array_equal(person.score, 1)


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(ConfigError, match="pip install rtmlib"):
        detectors.make(CONFIG)

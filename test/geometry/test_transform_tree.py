"""The newest transforms of a tree."""

import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.transform_tree import TransformTree, transform

TURN = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])  # x becomes y


def tree():
    made = TransformTree()
    made.set("base", "arm", transform(np.array([0, 0, 1.0]), TURN), 5.0)
    made.set("arm", "hand", transform(np.array([0.5, 0, 0]), np.array([0, 0, 0, 1.0])), None)
    made.set("base", "camera", transform(np.array([1.0, 0, 0]), np.array([0, 0, 0, 1.0])), None)
    return made


def test_lookup_goes_up_and_down_the_tree():
    assert tree().lookup("base", "hand", 5.0, 0.1)[:3, 3] == pytest.approx([0, 0.5, 1])
    assert tree().lookup("camera", "hand", 5.0, 0.1)[:3, 3] == pytest.approx([-1, 0.5, 1])
    assert tree().lookup("hand", "hand", 5.0, 0.1) == pytest.approx(np.eye(4))


def test_what_is_old_missing_or_a_loop_is_refused():
    with pytest.raises(InputError, match=r"is 1\.00 s old"):
        tree().lookup("base", "hand", 6.0, 0.1)
    with pytest.raises(InputError, match="no transform from 'hand' to 'map'"):
        tree().lookup("map", "hand", 5.0, 0.1)
    loop = tree()
    loop.set("hand", "base", np.eye(4), None)
    with pytest.raises(InputError, match="loop"):
        loop.lookup("base", "hand", 5.0, 0.1)
    broken = tree()
    broken.set("base", "arm", np.full((4, 4), np.nan), 5.0)
    with pytest.raises(InputError, match="no transform"):
        broken.lookup("base", "hand", 5.0, 0.1)

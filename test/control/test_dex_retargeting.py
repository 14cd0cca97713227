"""The adapter of dex-retargeting, with a stand-in of the library."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from pose3d_ros.control.dex_retargeting import Adapter


class Library:
    """Answers with the sum of the vectors, and notes what it was asked."""

    joint_names = ("a", "b", "c")

    def __init__(self):
        self.asked = []
        poses = {0: np.eye(4), 1: np.array([[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 2.0], [0, 0, 0, 1]])}
        robot = SimpleNamespace(
            compute_forward_kinematics=self.asked.append,
            get_link_index=["base", "tip"].index,
            get_link_pose=poses.__getitem__,
        )
        self.optimizer = SimpleNamespace(robot=robot, idx_pin2fixed=np.array([2]))

    def retarget(self, vectors, fixed):
        self.asked.append((vectors, fixed))
        return vectors.sum(0)


@pytest.fixture
def adapter(monkeypatch):
    given = {}

    class RetargetingConfig:
        def __init__(self, method, urdf, **options):
            given.update(options, method=method, urdf=urdf)

        def build(self):
            return Library()

    module = ModuleType("dex_retargeting.retargeting_config")
    module.RetargetingConfig = RetargetingConfig
    monkeypatch.setitem(sys.modules, "dex_retargeting", ModuleType("dex_retargeting"))
    monkeypatch.setitem(sys.modules, "dex_retargeting.retargeting_config", module)
    made = Adapter("vector", "hand.urdf", {"target_link_human_indices": [[0, 0], [4, 8]], "scaling_factor": 1.0})
    return made, given


def test_it_speaks_as_dexi_does(adapter):
    made, given = adapter
    assert given["method"] == "vector"
    assert given["target_link_human_indices"].shape == (2, 2)
    assert made.joint_names == ["a", "b", "c"]
    assert made.fixed_dof == 1
    assert made.retarget([1.0, 2, 3, 4, 5, 6], [0.0]) == [5.0, 7.0, 9.0]
    assert made.link_positions([0.0] * 3, ["base", "tip"]) == [(0.0, 0.0, 0.0), (0.5, 0.0, 2.0)]

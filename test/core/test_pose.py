"""What a camera's pose takes and refuses."""

import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.pose import CameraPose


def test_a_pose_has_parts_and_a_unit_up():
    T = np.eye(4)
    T[:3, 3] = 1, 2, 3
    pose = CameraPose(T, up=(0, -2, 0), height_m=1.2)
    np.testing.assert_array_equal(pose.position_m, [1, 2, 3])
    np.testing.assert_array_equal(pose.R, np.eye(3))
    np.testing.assert_array_equal(pose.up, [0, -1, 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"T_fixed_camera": np.eye(3)}, "expected shape"),
        ({"T_fixed_camera": 2 * np.eye(4)}, "expected a rotation"),
        ({"T_fixed_camera": np.diag([1.0, 1, -1, 1])}, "expected a rotation"),
        ({"T_fixed_camera": np.full((4, 4), np.nan)}, "expected a rotation"),
        ({"up": (0, 0, 0)}, "up: expected a unit vector"),
        ({"up": (np.nan, 0, 1)}, "up: expected a unit vector"),
        ({"height_m": np.inf}, "height_m: expected metres"),
    ],
)
def test_what_is_no_pose_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        CameraPose(**changes)

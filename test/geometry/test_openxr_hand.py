"""The 26 joints of OpenXR from 21."""

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.geometry.hand import J, palm_axes
from pose3d_ros.geometry.openxr_hand import JOINTS, openxr_hand
from pose3d_ros.geometry.rotations import matrix_of

SAMPLE = Path(__file__).parents[1] / "data" / "hands_sample.npz"


@pytest.fixture(scope="module")
def hands():
    with np.load(SAMPLE) as data:
        joints, valid = data["joints"].reshape(-1, 21, 3), data["valid"].ravel()
        left = np.tile([name == "left" for name in data["hand_names"]], len(data["joints"]))
    xyz_m, left = joints[valid].astype(np.float64), left[valid]
    palm, good = palm_axes(xyz_m, left)
    assert good.all()
    assert 0 < left.sum() < len(left)
    return xyz_m, palm, left


def test_order_and_places(hands):
    xyz_m, _, _ = hands
    places, _ = openxr_hand(*hands)
    assert len(JOINTS) == 26
    assert (*JOINTS[:2], JOINTS[25]) == ("palm", "wrist", "little_tip")
    for theirs, ours in (("wrist", "wrist"), ("thumb_metacarpal", "thumb_cmc"), ("index_intermediate", "index_pip"),
                         ("ring_tip", "ring_tip")):  # fmt: skip
        np.testing.assert_array_equal(places[:, JOINTS.index(theirs)], xyz_m[:, J[ours]])
    palm_m = np.linalg.norm(places[:, 0] - xyz_m[:, J["wrist"]], axis=1)
    assert ((palm_m > 0.03) & (palm_m < 0.09)).all()


def test_z_points_back_along_each_bone_and_y_out_of_the_back(hands):
    palm = hands[1]
    places, quats = openxr_hand(*hands)
    axes = matrix_of(quats)
    assert np.linalg.det(axes) == pytest.approx(1, abs=1e-6)
    for start, end in (("thumb_proximal", "thumb_distal"), ("index_metacarpal", "index_proximal"),
                       ("little_distal", "little_tip")):  # fmt: skip
        bone = places[:, JOINTS.index(end)] - places[:, JOINTS.index(start)]
        bone /= np.linalg.norm(bone, axis=1, keepdims=True)
        assert (axes[:, JOINTS.index(start), :, 2] * bone).sum(1) == pytest.approx(-1, abs=1e-6)
    assert axes[:, 0, :, 1] == pytest.approx(-palm[:, :, 2], abs=1e-6)
    knuckle = axes[:, JOINTS.index("middle_metacarpal"), :, 1]
    assert ((knuckle * -palm[:, :, 2]).sum(1) > 0.9).all()


def test_the_back_of_bent_fingers_looks_away_from_where_they_bend(hands):
    places, quats = openxr_hand(*hands)
    axes = matrix_of(quats)
    rows = [JOINTS.index(f"index_{part}") for part in ("proximal", "intermediate", "distal")]
    first, second = places[:, rows[1]] - places[:, rows[0]], places[:, rows[2]] - places[:, rows[1]]
    cosine = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    bent = cosine < np.cos(np.radians(25))
    assert bent.any()
    assert ((axes[:, rows[0], :, 1] * second).sum(1)[bent] < 0).all()

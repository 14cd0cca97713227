"""What a body lifter is told beside keypoints: the same numbers from numpy and torch, zeros where nothing is known."""

import numpy as np
import pytest
import torch

from pose3d_ros.core import formats
from pose3d_ros.models.conditions import MEAN_M, NAMES, SIZE, SPREAD_M, bone_lengths, encode

NAN = np.float32(np.nan)


def told(**known) -> dict[str, np.ndarray]:
    nothing = {
        "up": np.full((2, 3), NAN), "height_m": np.full(2, NAN), "log_size": np.full(2, NAN),
        "bones_m": np.full((2, len(NAMES)), NAN), "bones_sigma_m": np.full((2, len(NAMES)), np.float32(np.inf)),
    }  # fmt: skip
    return nothing | {name: np.asarray(value, np.float32) for name, value in known.items()}


def test_what_is_unknown_is_zero():
    np.testing.assert_array_equal(encode(**told()), np.zeros((2, SIZE), np.float32))


def test_what_is_known_has_its_flag():
    condition = encode(**told(up=[[0, -1, 0], [NAN] * 3], height_m=[1.2, NAN], log_size=[NAN, -1.5]))
    np.testing.assert_array_equal(condition[0, :8], [0, -1, 0, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(condition[1, :8], [0, 0, 0, 0, 0, 0, 0, 1])


def test_a_bone_counts_as_much_as_it_is_known():
    bones_m = np.tile(np.add(MEAN_M, SPREAD_M), (2, 1))
    sigma_m = np.stack((np.zeros(len(NAMES)), SPREAD_M))
    value, weight = np.split(encode(**told(bones_m=bones_m, bones_sigma_m=sigma_m))[:, 8:], 2, axis=1)
    np.testing.assert_allclose(weight, [[1] * len(NAMES), [0.5] * len(NAMES)], rtol=1e-5)
    np.testing.assert_allclose(value, weight, rtol=1e-5)  # one spread off, times the weight


def test_torch_and_numpy_agree():
    given = told(
        up=[[0, -1, 0], [1, 0, 0]], height_m=[0.4, NAN], bones_m=[MEAN_M, [NAN] * 11], bones_sigma_m=[[0.02] * 11] * 2
    )
    from_torch = encode(**{name: torch.from_numpy(value) for name, value in given.items()})
    np.testing.assert_allclose(encode(**given), from_torch, rtol=1e-6)
    assert encode(**given).dtype == np.float32


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_bone_lengths_are_means_of_both_sides(kind):
    skeleton = formats.get("body19")
    xyz_m = np.zeros((1, len(skeleton), 3), np.float32)
    xyz_m[0, skeleton.index("left_hip")] = (0.08, 0, 0)
    xyz_m[0, skeleton.index("right_hip")] = (-0.12, 0, 0)
    assert float(bone_lengths(kind(xyz_m), skeleton)[0, NAMES.index("hip")]) == pytest.approx(0.1)


def test_a_skeleton_without_feet_has_no_length_of_them():
    lengths = bone_lengths(np.ones((1, 17, 3), np.float32), formats.get("h36m17"))
    assert np.isnan(lengths[0]).tolist() == [name == "foot" for name in NAMES]

"""Two people through the pipeline."""

import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.evaluation.motion import pairs
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.tracking.track import TrackingConfig

# what an untrained network lifts looks like nobody
EVERYBODY = PipelineConfig(tracking=TrackingConfig(gate=False))


@pytest.fixture
def two(sample):
    """A walker and a copy 0.4 m behind who is passed by: (2, F, 17, 3) in the camera frame, y down."""
    joints = sample.clip(0, 30.0)[0]
    pose = joints[:60].numpy()[..., [0, 2, 1]] * np.array([1, -1, 1])
    slide = np.linspace(-1.5, 1.5, 60)[:, None, None] * np.array([1, 0, 0])
    return np.stack((pose + np.array([0, 0, 4.0]), pose + slide + np.array([0, 0, 4.6]))).astype(np.float32)


def pair(two):
    score = np.where(pairs.behind(two), 0, 0.9).astype(np.float32)
    return pairs.Pair(two[..., :2] / two[..., 2:], score, two)


def test_only_the_farther_one_is_hidden_and_only_while_behind(two):
    hidden = pairs.behind(two)
    assert not hidden[0].any()
    assert not hidden[1, [0, -1]].any()
    assert hidden[1, 30].sum() >= 3


def test_a_person_who_passes_behind_keeps_the_identity(small_lifter, two):
    found = pairs.evaluate_pairs(small_lifter, [pair(two)], 30.0, config=EVERYBODY)
    assert found["switches"] == 0
    assert found["frames"] == 120
    assert found["missed"] <= 2
    assert 0 < found["hidden_share"] < 0.2


def test_an_exchange_is_counted(small_lifter, two):
    """At half time the two exchange places at once, which nobody can: two tracks now belong to the other one."""
    apart = two.copy()
    apart[1] = two[0] + np.array([1, 0, 0])
    apart[0] = two[0] - np.array([1, 0, 0])
    swapped = apart.copy()
    swapped[0, 30:], swapped[1, 30:] = apart[1, 30:], apart[0, 30:]
    assert pairs.evaluate_pairs(small_lifter, [pair(apart)], 30.0, config=EVERYBODY)["switches"] == 0
    assert pairs.evaluate_pairs(small_lifter, [pair(swapped)], 30.0, config=EVERYBODY)["switches"] == 2


def test_outputs_belong_to_whom_they_lie_on(two):
    truth = two[:, 0]
    assert pairs.assigned(truth[::-1] * 1.1, truth) == {0: 1, 1: 0}  # placed too far away, in the right direction
    assert pairs.assigned(truth[:1], truth) == {0: 0}
    assert pairs.assigned(truth[:0], truth) == {}
    assert pairs.assigned(truth + np.array([5, 0, 0]), truth) == {}


def test_only_changes_that_last_count():
    assert pairs.changes([1] * 20 + [2] * 3 + [1] * 20, lasting=9) == 0
    assert pairs.changes([1] * 20 + [2] * 20 + [1] * 20, lasting=9) == 2
    assert pairs.changes([], lasting=9) == 0


def test_a_file_that_holds_no_pairs_is_refused(tmp_path, sample):
    np.savez(tmp_path / "one.npz", joints=np.zeros((3, 17, 3)))
    with pytest.raises(InputError, match="lacks"):
        pairs.record_pairs(tmp_path / "one.npz", 30.0, 1, 1)
    with pytest.raises(InputError, match="there is none"):
        pairs.record_pairs(tmp_path / "none.npz", 30.0, 1, 1)


def test_a_file_of_pairs_as_cameras_see_it(tmp_path, sample):
    joints, root = (part.numpy()[:40] for part in sample.clip(0, 60.0))
    np.savez(
        tmp_path / "pairs.npz", a_joints=joints, a_root=root, b_joints=joints, b_root=root + np.array([0.8, 0, 0]),
        clip_offset=[0, 40], clip_fps=[60.0], clip_name=["dance"],
    )  # fmt: skip
    found = pairs.record_pairs(tmp_path / "pairs.npz", 30.0, cameras=3, seed=1)
    assert len(found) == 3
    assert found[0].truth_m.shape == (2, 20, 17, 3)
    for one in found:
        np.testing.assert_allclose(np.linalg.norm(one.truth_m[0] - one.truth_m[1], axis=-1), 0.8, atol=1e-5)
        assert one.truth_m[..., 2].min() > 0.5

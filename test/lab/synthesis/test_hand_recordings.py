"""Reading recorded hands."""

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.synthesis.hand_recordings import LEFT_OUT, load

SAMPLE = Path(__file__).parents[2] / "data" / "hands_sample.npz"


def write(path, **changes):
    """One moving hand, 2 s at 100 frames per second, and no left hand."""
    count = 200
    joints = np.zeros((count, 2, 21, 3), np.float32)
    joints[:, 1] = np.linspace(0, 0.1, 21)[None, :, None] + np.linspace(0, 1, count)[:, None, None]
    table = {
        "joints": joints, "valid": np.tile([False, True], (count, 1)), "hand_id": np.tile([-1, 4], (count, 1)),
        "time": np.arange(count) / 100, "clip_offset": np.array([0, count]), "clip_fps": np.array([100.0]),
        "clip_name": np.array(["a"]),
    }  # fmt: skip
    np.savez(path, **(table | changes))
    return path


def test_the_sample_holds_both_left_out_recordings_and_its_terms():
    found = load(SAMPLE, 30.0)
    assert {rec.name for rec in found} == set(LEFT_OUT)
    assert {rec.left for rec in found} == {True, False}
    with np.load(SAMPLE) as data:
        assert "Apache" in str(data["license"])
        assert "LeapMotion" in str(data["notice"])
    assert SAMPLE.stat().st_size < 200_000


def test_resampling_keeps_time(tmp_path):
    (rec,) = load(write(tmp_path / "a.npz"), 30.0)
    assert not rec.left
    assert len(rec.xyz_m) == 60
    step = np.diff(rec.xyz_m[:, 0, 0])
    assert step == pytest.approx(np.full(59, (100 / 199) / 30), rel=1e-3)


def test_a_lost_hand_splits_a_recording(tmp_path):
    valid = np.tile([False, True], (200, 1))
    valid[80:120, 1] = False
    assert [len(rec.xyz_m) for rec in load(write(tmp_path / "a.npz", valid=valid), 30.0)] == [24, 24]
    number = np.tile([-1, 4], (200, 1))
    number[100:, 1] = 5
    assert len(load(write(tmp_path / "b.npz", hand_id=number), 30.0)) == 2


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.npz", 30.0)
    np.savez(tmp_path / "body.npz", joints=np.zeros((3, 17, 3)), clip_offset=[0, 3], clip_fps=[30.0], clip_name=["a"])
    with pytest.raises(InputError, match="21"):
        load(tmp_path / "body.npz", 30.0)

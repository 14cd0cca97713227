"""The data sets' layouts, with made-up people in them."""

import cv2
import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.synthesis import h36m


def cameras():
    """Four turns (world z up to camera) and their positions around the room."""
    for bearing in (0.4, 2.0, 3.5, 5.2):
        ahead = np.array([np.cos(bearing), np.sin(bearing), -0.15])
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, (0, 0, 1))
        right /= np.linalg.norm(right)
        R = np.stack((right, np.cross(ahead, right), ahead))
        yield R, -R @ (np.array([0, 0, 0.9]) - 5 * ahead)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("h36m")
    rng = np.random.default_rng(0)
    world, exact, detected = {}, {}, {}
    for subject in ("S1", "S9"):
        xyz = rng.normal((0, 0, 0.9), (0.5, 0.5, 0.5), (60, 32, 3)).astype(np.float32)
        world[subject] = {"Walking 1": xyz}
        images = []
        for (R, t), (width, height) in zip(cameras(), h36m.H36M_SIZES, strict=True):
            K = np.array([[1145, 0, width / 2 + 12], [0, 1143, height / 2 + 5], [0, 0, 1.0]])
            points = xyz[:, h36m.H36M_17_OF_32].reshape(-1, 3).astype(np.float64)
            xy, _ = cv2.projectPoints(points, cv2.Rodrigues(R)[0], t, K, np.array([-0.2, 0.24, 0, 0, 0]))
            images.append(xy.reshape(60, 17, 2).astype(np.float32))
        exact[subject] = {"Walking 1": images}
        detected[subject] = {"Walking 1": [np.concatenate((xy + 1, xy[:3])) for xy in images]}
    np.savez(path / "data_3d_h36m.npz", positions_3d=np.array(world, dtype=object))
    np.savez(path / "data_2d_h36m_gt.npz", positions_2d=np.array(exact, dtype=object))
    np.savez(path / "data_2d_h36m_cpn.npz", positions_2d=np.array(detected, dtype=object))
    return path


def test_h36m_is_turned_into_the_cameras(folder):
    videos = h36m.load_h36m(folder, "cpn", ("S1",))
    assert [video.camera for video in videos] == ["0", "1", "2", "3"]
    with np.load(folder / "data_3d_h36m.npz", allow_pickle=True) as data:
        world = data["positions_3d"].item()["S1"]["Walking 1"][:, h36m.H36M_17_OF_32]
    for video, (R, _) in zip(videos, cameras(), strict=True):
        np.testing.assert_allclose(video.xyz, (world - world[:, :1]) @ R.T, atol=3e-3)
        assert video.xy.shape == (60, 17, 2)  # the detections run on, the motion does not
        assert np.abs(video.xy).max() < 1.5


def test_screen_coordinates():
    corners = h36m.screen(np.array([[0.0, 0.0], [1000.0, 1002.0], [500.0, 501.0]]), 1000, 1002)
    np.testing.assert_allclose(corners, [[-1, -1.002], [1, 1.002], [0, 0]], atol=1e-6)


def test_3dhp_joints_are_reordered(tmp_path):
    xyz = np.zeros((5, 17, 3), np.float32)
    xyz[:, :, 0] = 1000 * np.arange(17)
    view = {"data_3d": xyz, "data_2d": np.full((5, 17, 2), 1024.0), "valid": np.array([1, 1, 0, 1, 1])}
    np.savez(tmp_path / "data_test_3dhp.npz", data=np.array({"TS1": view}, dtype=object))
    np.savez(tmp_path / "data_train_3dhp.npz", data=np.array({"S1 Seq1": [{"0": view, "1": view}]}, dtype=object))
    (test,) = h36m.load_3dhp(tmp_path, train=False)
    assert test.valid.sum() == 4
    # rows: pelvis, right hip ... as metres from the pelvis, which is row 14 of the data set
    np.testing.assert_allclose(test.xyz[0, :4, 0], [0, 8 - 14, 9 - 14, 10 - 14])
    np.testing.assert_allclose(test.xyz[0, [8, 10], 0], [1 - 14, 0 - 14])
    assert np.abs(test.xy).max() == 0
    train = h36m.load_3dhp(tmp_path, train=True)
    assert [(video.subject, video.action, video.camera) for video in train] == [
        ("S1", "Seq1", "0"),
        ("S1", "Seq1", "1"),
    ]


def test_hidden_joints_are_filled_from_time(folder):
    video = h36m.load_h36m(folder, "gt", ("S1",))[0]
    (inputs,) = h36m.hide([video], (16, 16), 1, GuidanceConfig())
    confidence = inputs[..., 2]
    assert (confidence == 1).sum(-1).eq(1).all()  # one joint of 17 is seen in every frame
    assert float((confidence > 0).float().mean()) > 0.9
    (clean,) = h36m.hide([video], (0, 0), 1, GuidanceConfig())
    np.testing.assert_allclose(clean[..., :2], video.xy)


def test_missing_files_and_subjects(folder, tmp_path):
    with pytest.raises(InputError, match="data_3d_h36m"):
        h36m.load_h36m(tmp_path, "gt", ("S1",))
    with pytest.raises(InputError, match="S5"):
        h36m.load_h36m(folder, "gt", ("S5",))

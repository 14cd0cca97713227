"""Human3.6M and MPI-INF-3DHP in the npz layouts of VideoPose3D and P-STMO, for people who hold these data sets.

Files, all pickled by their authors (loading them can run code: only from where you trust):
- Human3.6M: `data_3d_h36m.npz` (positions_3d[subject][action] (F, 32, 3), metres, world), `data_2d_h36m_NAME.npz`
  (positions_2d[subject][action] = four cameras of (F, 17, 2), pixels) and, for the cameras, `data_2d_h36m_gt.npz`.
- MPI-INF-3DHP: `data_train_3dhp.npz` (data["S1 Seq1"][0][camera]) and `data_test_3dhp.npz` (data["TS1"], with `valid`),
  each with `data_3d` (F, 17, 3) in millimetres of the camera and `data_2d` (F, 17, 2) in pixels.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from pose3d_ros.core.errors import InputError
from pose3d_ros.guidance import GuidanceConfig, fill
from pose3d_ros.lab.synthesis import occlusion
from pose3d_ros.lab.synthesis.rng import Rng

H36M_TRAIN, H36M_TEST = ("S1", "S5", "S6", "S7", "S8"), ("S9", "S11")
H36M_SIZES = ((1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002))  # width, height of the four cameras
H36M_17_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
# rows of 3DHP's 17 joints in the order of h36m17; its one head point stands for the nose
H36M_FROM_3DHP = (14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4)


@dataclass
class Video:
    """One camera's recording: `xy` (F, 17, 2) screen coordinates (x -1..1 over the width, y in the same unit),
    `xyz` (F, 17, 3) root-relative metres in the camera's axes, `valid` (F,) frames that count in tests."""

    subject: str
    action: str
    camera: str
    xy: np.ndarray
    xyz: np.ndarray
    valid: np.ndarray


def screen(xy_px: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pixels (..., 2) to x in -1..1 and y in -height/width..height/width."""
    return (xy_px / width * 2 - (1.0, height / width)).astype(np.float32)


def load_h36m(folder: Path, keypoints: str, subjects: tuple[str, ...]) -> list[Video]:
    """Videos of these subjects; `keypoints` as in the file's name: cpn_ft_h36m_dbb, gt, ... Raises InputError."""
    world = _pickled(folder / "data_3d_h36m.npz", "positions_3d")
    exact = _pickled(folder / "data_2d_h36m_gt.npz", "positions_2d")
    detected = exact if keypoints == "gt" else _pickled(folder / f"data_2d_h36m_{keypoints}.npz", "positions_2d")
    videos = []
    for subject in subjects:
        if subject not in world or subject not in detected or subject not in exact:
            raise InputError(f"{folder}: expected Human3.6M subject {subject} in its files, it is missing")
        actions = [action for action in world[subject] if action in detected[subject]]
        for camera, size in enumerate(H36M_SIZES):
            R = camera_rotation(
                [_17(world[subject][action]) for action in actions],
                [_17(exact[subject][action][camera]) for action in actions],
                size,
            )
            for action in actions:
                xyz, xy = _17(world[subject][action]), _17(detected[subject][action][camera])
                frames = min(len(xyz), len(xy))  # detections run on a little
                xyz = (xyz[:frames] - xyz[:frames, :1]) @ R.T
                videos.append(
                    Video(subject, action, str(camera), screen(xy[:frames], *size), xyz.astype(np.float32),
                          np.ones(frames, bool))
                )  # fmt: skip
    return videos


def camera_rotation(world: list[np.ndarray], xy_px: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """World to camera turn (3, 3) of a camera from points (F, J, 3) and their exact images (F, J, 2).

    The data sets' files leave the cameras out; a calibration on some thousand points brings them back.
    """
    points = np.concatenate([part[: len(other)].reshape(-1, 3) for part, other in zip(world, xy_px, strict=True)])
    pixels = np.concatenate([part[: len(other)].reshape(-1, 2) for part, other in zip(xy_px, world, strict=True)])
    rows = np.linspace(0, len(points) - 1, min(len(points), 3000)).astype(int)
    points, pixels = points[rows].astype(np.float32), pixels[rows].astype(np.float32)
    K = np.array([[1.15 * size[0], 0, size[0] / 2], [0, 1.15 * size[0], size[1] / 2], [0, 0, 1]])
    error, _, _, rotations, _ = cv2.calibrateCamera(
        [points], [pixels], size, K, np.zeros(5), flags=cv2.CALIB_USE_INTRINSIC_GUESS
    )
    if not error < 2.0:
        raise InputError(f"camera: expected data_2d_h36m_gt.npz to fit data_3d_h36m.npz, it is {error:.1f} px off")
    return cv2.Rodrigues(rotations[0])[0]


def load_3dhp(folder: Path, train: bool) -> list[Video]:
    """All videos of the training or of the test set. Raises InputError."""
    videos = []
    if train:
        for sequence, views in _pickled(folder / "data_train_3dhp.npz", "data").items():
            subject, _, action = sequence.partition(" ")
            videos += [_3dhp(subject, action, str(c), view, 2048, 2048) for c, view in views[0].items()]
        return videos
    for sequence, view in _pickled(folder / "data_test_3dhp.npz", "data").items():
        size = (1920, 1080) if sequence in ("TS5", "TS6") else (2048, 2048)
        videos.append(_3dhp(sequence, "test", "0", view, *size))
    return videos


def _3dhp(subject: str, action: str, camera: str, view: dict, width: int, height: int) -> Video:
    xyz = np.asarray(view["data_3d"], np.float32)[:, H36M_FROM_3DHP] / 1000
    xy = np.asarray(view["data_2d"], np.float32)[:, H36M_FROM_3DHP, :2]
    valid = np.asarray(view.get("valid", np.ones(len(xyz))), bool).reshape(-1)
    return Video(subject, action, camera, screen(xy, width, height), xyz - xyz[:, :1], valid)


def _17(joints: np.ndarray) -> np.ndarray:
    return np.asarray(joints)[:, H36M_17_OF_32] if joints.shape[1] == 32 else np.asarray(joints)


def _pickled(path: Path, key: str) -> dict:
    if not path.is_file():
        raise InputError(f"{path}: expected this file of the data set, there is none")
    with np.load(path, allow_pickle=True) as data:
        if key not in data.files:
            raise InputError(f"{path}: expected the key {key!r}, it has {data.files}")
        return data[key].item()


def hide(videos: list[Video], hidden: tuple[int, int], seed: int, guidance: GuidanceConfig) -> list[Tensor]:
    """Inputs (F, 17, 3) x, y, confidence of each video, occluded as in DTF: one number in `hidden` (both ends included)
    per video, that many joints again in every frame, filled over the whole video before windows are cut."""
    rng = Rng(seed)
    inputs = []
    for video in videos:
        xy = torch.from_numpy(video.xy)[None]
        count = int(rng.integers(1, low=hidden[0], high=hidden[1]))
        score = (~occlusion.random(rng, xy, count)).float()
        filled, confidence = fill(xy, score, guidance)
        inputs.append(torch.cat((filled, confidence[..., None]), -1)[0])
    return inputs

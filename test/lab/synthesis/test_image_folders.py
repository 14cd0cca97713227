"""Data sets' folders, made up in their layouts: every joint is a bright dot in the image, and must be in the crop."""

import json
import pickle

import cv2
import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.synthesis import camera_effects, hand_motion
from pose3d_ros.lab.synthesis.hand_detector import PERFECT
from pose3d_ros.lab.synthesis.hand_windows import NO_OCCLUSION
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig
from pose3d_ros.lab.synthesis.image_folders import HO3D_ORDER, INTERHAND_ORDER, OPENGL, Folders
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng

K = np.array(((400.0, 0, 111.0), (0, 400.0, 113.0), (0, 0, 1)))
CONFIG = ImageWindowConfig(
    frames=2, render=RenderConfig(width=96, height=128, samples=1), detector=PERFECT, occlusion=NO_OCCLUSION, zoom=0.0
)


@pytest.fixture(autouse=True)
def plain_camera(monkeypatch):
    """Colours as in the file, so that dots can be looked for."""
    monkeypatch.setattr(camera_effects, "taken", lambda rng, images, frames: images)


def hands(count=3, left=False):
    xyz = hand_motion.draw(Rng(2), 1, count, 30.0)[0].numpy().astype(np.float64)
    return xyz * ((-1.0, 1, 1) if left else 1.0) + (0.02, -0.01, 0.8)


def image(path, xyz):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((224, 224, 3), np.uint8)
    for x, y, z in xyz @ K.T:
        cv2.circle(image, (round(16 * x / z), round(16 * y / z)), 24, (0, 0, 255), -1, cv2.LINE_AA, 4)
    cv2.imwrite(str(path), image)


def check(folder, **options):
    """The dots are red in a BGR file, and where the keypoints say."""
    drawn = Folders([folder], CONFIG, seed=1, **options)(6)
    red = drawn.image[:, :, 0] - drawn.image[:, :, 1]
    seen = drawn.score > 0
    assert seen.float().mean() > 0.95
    places = drawn.xy_px.round().long().clamp(min=0)
    x, y = places[..., 0].clamp(max=95), places[..., 1].clamp(max=127)
    values = torch.gather(red.flatten(2), 2, y * 96 + x)[seen]
    assert (values > 1.0).float().mean() > 0.9  # some lie under others' rims or at the border
    assert red.mean() < 0.6
    return drawn


def freihand(folder):
    xyz = hands()
    for row, hand in enumerate([*xyz, *xyz]):
        image(folder / "training" / "rgb" / f"{row:08d}.jpg", hand)
    (folder / "training_xyz.json").write_text(json.dumps(xyz.tolist()))
    (folder / "training_K.json").write_text(json.dumps([K.tolist()] * len(xyz)))


def test_freihand(tmp_path):
    freihand(tmp_path)
    drawn = check(tmp_path)
    assert torch.isfinite(drawn.xyz).all()
    assert drawn.xyz.norm(dim=-1).diff(dim=1).abs().max() < 1e-5  # single images stand still


def test_ho3d_frames_follow_each_other_and_pickles_need_trust(tmp_path):
    xyz = hands(4)
    for row, hand in enumerate(xyz):
        image(tmp_path / "train" / "ABF1" / "rgb" / f"{row:04d}.png", hand)
        meta = tmp_path / "train" / "ABF1" / "meta" / f"{row:04d}.pkl"
        meta.parent.mkdir(exist_ok=True)
        stored = np.empty((21, 3))
        stored[list(HO3D_ORDER)] = hand * OPENGL
        meta.write_bytes(pickle.dumps({"handJoints3D": stored, "camMat": K}))
    with pytest.raises(InputError, match="trust_pickle"):
        Folders([tmp_path], CONFIG)
    drawn = check(tmp_path, trust_pickle=True)
    assert (drawn.xyz[:, 0] - drawn.xyz[:, 1]).abs().max() > 1e-4


def test_interhand_left_hands_are_mirrored_and_unknown_joints_do_not_count(tmp_path):
    left = hands(2, left=True)
    turn = cv2.Rodrigues(np.array((0.1, -0.3, 0.2)))[0]
    place = np.array((0.3, 0.2, -0.1))
    notes, images, joints = [], [], {}
    for row, hand in enumerate(left):
        name = f"Capture0/fist/cam40/{row}.jpg"
        image(tmp_path / "images" / "train" / name, hand)
        world, valid = np.zeros((42, 3)), np.zeros((42, 1), int)
        rows = np.array(INTERHAND_ORDER) + 21
        world[rows], valid[rows] = 1e3 * (hand @ turn + place), 1
        valid[rows[8]] = 0
        joints[str(row)] = {"world_coord": world.tolist(), "joint_valid": valid.tolist()}
        images.append(
            {"id": row, "capture": 0, "seq_name": "fist", "camera": "40", "frame_idx": row, "file_name": name}
        )
        notes.append({"image_id": row, "hand_type": "left"})
    lens = {"campos": {"40": (1e3 * place).tolist()}, "camrot": {"40": turn.tolist()}}
    lens |= {"focal": {"40": [400, 400]}, "princpt": {"40": [111, 113]}}
    folder = tmp_path / "annotations" / "train"
    folder.mkdir(parents=True)
    for part, value in (
        ("data", {"images": images, "annotations": notes}),
        ("camera", {"0": lens}),
        ("joint_3d", {"0": joints}),
    ):
        (folder / f"InterHand2.6M_train_{part}.json").write_text(json.dumps(value))
    drawn = check(tmp_path)
    assert torch.isnan(drawn.xyz[:, :, 8]).all()
    assert torch.isfinite(drawn.xyz[:, :, :8]).all()
    assert (drawn.score[:, :, 8] == 0).all()


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="FreiHAND, HO3D or InterHand"):
        Folders([tmp_path], CONFIG)
    freihand(tmp_path)
    (tmp_path / "training_K.json").write_text("{")
    with pytest.raises(InputError, match="JSON"):
        Folders([tmp_path], CONFIG)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    freihand(tmp_path)
    for path in (tmp_path / "training" / "rgb").glob("*.jpg"):
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"0000000\d\.jpg"):
        Folders([tmp_path], CONFIG)(2)

"""The virtual camera of hands: upright, mirrored, each frame centred."""

import numpy as np
import pytest

from pose3d_ros.geometry.hand_camera import look_at_hand, normalise_hand

RNG = np.random.default_rng(0)
RAYS = RNG.normal((0.2, -0.1), 0.05, (4, 27, 21, 2)).astype(np.float32)
SEEN = np.full((4, 27, 21), 0.9, np.float32)
RIGHT, LEFT = np.zeros(4, bool), np.ones(4, bool)


def test_the_wrist_is_straight_below_the_middle():
    camera = look_at_hand(RAYS[:, -1], SEEN[:, -1], RIGHT)
    wrist = normalise_hand(camera, RAYS, SEEN)[:, -1, 0]
    assert wrist[:, 0] == pytest.approx(np.zeros(4), abs=0.01)
    assert (wrist[:, 1] > 0).all()


def test_a_left_hand_is_the_mirror_image_and_comes_back_as_it_was():
    right, left = look_at_hand(RAYS[:, -1], SEEN[:, -1], RIGHT), look_at_hand(RAYS[:, -1], SEEN[:, -1], LEFT)
    a, b = normalise_hand(right, RAYS, SEEN), normalise_hand(left, RAYS, SEEN)
    assert b == pytest.approx(a * (-1, 1), abs=1e-4)
    xyz = RNG.normal(size=(4, 21, 3))
    assert left.to_camera(left.from_camera(xyz)) == pytest.approx(xyz, abs=1e-5)
    assert np.linalg.det(right.R) == pytest.approx(np.ones(4), abs=1e-5)
    assert np.linalg.det(left.R) == pytest.approx(-np.ones(4), abs=1e-5)


def test_where_the_hand_was_in_older_frames_makes_no_difference():
    moved = RAYS.copy()
    moved[:, :-1] += 0.3
    camera = look_at_hand(RAYS[:, -1], SEEN[:, -1], RIGHT)
    still, shifted = normalise_hand(camera, RAYS, SEEN), normalise_hand(camera, moved, SEEN)
    assert np.abs(shifted - still).mean() < 0.15  # what perspective leaves
    assert np.abs(shifted.mean(2)).max() < 1e-3


def test_a_wrist_never_seen_means_no_roll():
    seen = SEEN.copy()
    seen[:, :, 0] = 0
    camera = look_at_hand(RAYS[:, -1], seen[:, -1], RIGHT)
    assert camera.R[:, 0, 1] == pytest.approx(np.zeros(4), abs=1e-6)  # the image's x stays level
    assert (normalise_hand(camera, RAYS, seen)[:, :, 0] == 0).all()


def test_a_hand_of_one_point_gives_finite_numbers():
    rays = np.full((1, 27, 21, 2), 0.1, np.float32)
    camera = look_at_hand(rays[:, -1], SEEN[:1, -1], LEFT[:1])
    assert np.isfinite(normalise_hand(camera, rays, SEEN[:1])).all()
    assert np.isfinite(camera.R).all()


def test_torch_and_numpy_agree():
    torch = pytest.importorskip("torch")
    ours = normalise_hand(look_at_hand(RAYS[:, -1], SEEN[:, -1], LEFT), RAYS, SEEN)
    rays, seen = torch.from_numpy(RAYS), torch.from_numpy(SEEN)
    theirs = normalise_hand(look_at_hand(rays[:, -1], seen[:, -1], torch.from_numpy(LEFT)), rays, seen)
    assert theirs.numpy() == pytest.approx(ours, abs=1e-4)

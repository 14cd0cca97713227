"""Cameras, detector and windows agree with each other and with the robot's geometry."""

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.placement import place
from pose3d_ros.lab.synthesis import cameras, detector, motion, occlusion, windows
from pose3d_ros.lab.synthesis.body import BODY, J
from pose3d_ros.lab.synthesis.rng import Rng


@pytest.fixture(scope="module")
def people(motion_file):
    return motion.load([motion_file])


@pytest.fixture(scope="module")
def sample(people):
    return people.sample(Rng(2), 200, 9, 30.0, torch.ones(200))


def test_cameras_see_the_person_ahead_and_upright(sample):
    joints, root = sample
    views = cameras.view(Rng(1), joints, root, cameras.VirtualCameraConfig(distance_low_m=2.0, upended=0.0, moving=0.0))
    assert float(views.xyz[..., 2].min()) > 0.5
    # y points down: feet below the head, also for pitched cameras
    drop = views.xyz[:, :, J["left_ankle"], 1] - views.xyz[:, :, J["head_top"], 1]
    assert float(drop.min()) > 0.4
    # a rigid turn: distances are those of the world
    world = joints + root[:, :, None]
    apart = (world[:, :, 3] - world[:, :, 10]).norm(dim=-1)
    torch.testing.assert_close((views.xyz[:, :, 3] - views.xyz[:, :, 10]).norm(dim=-1), apart, atol=1e-4, rtol=0)
    # and no mirror image
    a, b, c = (views.xyz[:, 0, 0] - views.xyz[:, 0, k] for k in (1, 8, 9))
    p, q, r = (joints[:, 0, 0] - joints[:, 0, k] for k in (1, 8, 9))
    volume = (torch.linalg.cross(a, b) * c).sum(-1)
    torch.testing.assert_close(volume, (torch.linalg.cross(p, q) * r).sum(-1), atol=1e-4, rtol=0)


def test_cameras_stand_where_robots_have_them(sample):
    joints, root = sample
    config = cameras.VirtualCameraConfig(moving=0.0)
    views = cameras.view(Rng(1), joints, root, config)
    distance = views.xyz[:, 4, 0].norm(dim=-1)
    assert float(distance.min()) > config.distance_low_m * 0.99
    assert float(distance.max()) < 10.3
    assert float(views.half_width.min()) >= np.tan(np.deg2rad(35 / 2)) - 1e-6


def test_perfect_detector_is_exact(sample):
    views = cameras.view(Rng(1), *sample, cameras.VirtualCameraConfig(distance_low_m=2.0))
    rays, score = detector.detect(Rng(2), views, detector.PERFECT)
    torch.testing.assert_close(rays, views.xyz[..., :2] / views.xyz[..., 2:], atol=1e-6, rtol=0)
    assert float(score.min()) > 0.7


def test_score_falls_with_the_error(sample):
    views = cameras.view(Rng(1), *sample, cameras.VirtualCameraConfig(distance_low_m=2.0))
    config = detector.DetectorConfig(swaps=0.0, borders=0.0, outliers=0.05)
    rays, score = detector.detect(Rng(2), views, config)
    size = detector.STATURE_M / views.xyz[:, :, :1, 2]
    error = (rays - views.xyz[..., :2] / views.xyz[..., 2:]).norm(dim=-1) / size
    order = error.flatten().argsort()
    parts = [float(score.flatten()[part].mean()) for part in order.chunk(5)]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] > 0.2


def test_behind_the_camera_is_missing():
    xyz = torch.tensor([[0.0, 0.0, 2.0], [0.1, 0.2, -1.0], [0.1, 0.2, 0.05]]).expand(1, 1, 3, 3)
    views = cameras.Views(xyz, torch.ones(1), torch.ones(1))
    rays, score = detector.detect(Rng(0), views, detector.PERFECT)
    assert (score[0, 0] > 0).tolist() == [True, False, False]
    assert torch.isfinite(rays).all()


def test_trunk_joints_are_missing_with_what_they_are_built_from():
    config = detector.DetectorConfig(derived=1.0, headless=0.0)
    rays, score = torch.rand(1, 1, 17, 2), torch.full((1, 1, 17), 0.8)
    score[..., J["left_hip"]] = 0
    built, built_score = detector.derive_trunk(Rng(0), rays, score, config)
    missing = {name for name in BODY.joints if built_score[0, 0, J[name]] == 0}
    assert missing == {"left_hip", "pelvis", "spine"}
    middle = (rays[0, 0, J["left_shoulder"]] + rays[0, 0, J["right_shoulder"]]) / 2
    torch.testing.assert_close(built[0, 0, J["thorax"]], middle)


def config(**changes):
    return windows.WindowConfig(frames=9, **changes)


def test_targets_reproject_to_the_inputs(people):
    """What the network is asked for, placed as the pipeline places it, lies on the rays that it was shown."""
    plain = config(
        occlusion=windows.NO_OCCLUSION,
        detector=detector.PERFECT,
        camera=cameras.VirtualCameraConfig(distance_low_m=2.0),
    )
    batch = windows.draw(Rng(3), people, 100, plain)
    assert batch.seen.all()
    targets, inputs = batch.targets[:, -1], batch.inputs[:, -1]
    rays = inputs[..., :2] * batch.camera.scale[:, None, None]
    root, determined = place(targets, rays, torch.ones(rays.shape[:2]))
    assert determined.all()
    placed = targets + root[:, None]
    torch.testing.assert_close(placed[..., :2] / placed[..., 2:], rays, atol=2e-4, rtol=0)
    assert float(targets[:, 0].abs().max()) == 0


def test_windows_are_finite_and_fixed_by_the_seed(people):
    first, second = (windows.draw(Rng(3), people, 300, config()) for _ in range(2))
    torch.testing.assert_close(first.inputs, second.inputs, rtol=0, atol=0)
    assert torch.isfinite(first.inputs).all()
    assert torch.isfinite(first.targets).all()
    confidence = first.inputs[..., 2]
    assert float(confidence.min()) >= 0
    assert float(confidence.max()) <= 1
    assert (first.inputs[..., :2][confidence == 0] == 0).all()
    assert 0.2 < float(first.seen.float().mean()) < 0.8


def test_resampling_follows_time(people):
    """At another rate the same clip passes through the same places."""
    slow, _ = people.clip(0, 15.0)
    fast, _ = people.clip(0, 60.0)
    torch.testing.assert_close(fast[::4][: len(slow)], slow[: len(fast[::4])])


def test_held_out_people_are_gone(people):
    kept = people.subset([name != "anna" for name in people.subjects])
    assert set(kept.subjects) == {"bert", "cleo"}
    assert len(kept.start) == 2


class TestFeet:
    @pytest.fixture
    def with_feet(self, motion_file):
        return motion.load([motion_file], skeleton="body19")

    def test_files_hold_toes_beside_the_joints(self, with_feet, people):
        assert with_feet.joints.shape[1:] == (19, 3)
        torch.testing.assert_close(with_feet.joints[:, :17], people.joints, rtol=0, atol=0)

    def test_a_file_without_toes_is_refused(self, motion_file, tmp_path):
        with np.load(motion_file) as data:
            np.savez(tmp_path / "old.npz", **{key: data[key] for key in data.files if key != "toes"})
        with pytest.raises(InputError, match="toes"):
            motion.load([tmp_path / "old.npz"], skeleton="body19")

    def test_other_joints_are_seen_as_without_toes(self, with_feet):
        joints, root = with_feet.sample(Rng(2), 8, 9, 30.0, torch.ones(8))
        views = cameras.view(Rng(1), joints, root, cameras.VirtualCameraConfig(distance_low_m=2.0))
        rays, score = detector.detect_apart(Rng(2), Rng(3), views, detector.STANDARD)
        assert rays.shape[2] == score.shape[2] == 19
        views.xyz = views.xyz[:, :, :17]
        alone = detector.detect(Rng(2), views, detector.STANDARD)
        torch.testing.assert_close((rays[:, :, :17], score[:, :, :17]), alone, rtol=0, atol=0)

    def test_protocols_hide_toes_with_their_ankles(self):
        hidden = occlusion.mask("random:12", Rng(1), torch.zeros(2, 30, 19, 2), 30.0)
        assert (hidden[..., :17].sum(-1) == 12).all()
        ankles = [J["left_ankle"], J["right_ankle"]]
        assert (hidden[..., [J["left_toe"], J["right_toe"]]] == hidden[..., ankles]).all()

    def test_formats_without_feet_never_give_them(self, with_feet):
        without = detector.DetectorConfig(footless=1.0)
        drawn = windows.draw(Rng(1), with_feet, 16, windows.WindowConfig(frames=9, detector=without))
        assert not drawn.seen[..., 17:].any()
        assert drawn.seen[..., :17].any()
        assert (drawn.targets[..., 17:, :].norm(dim=-1) > 0.1).all()

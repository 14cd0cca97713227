"""Generated hands: anatomy, motion, what a detector makes of them, and their windows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.geometry import hand
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.synthesis import hand_detector, hand_motion, hand_occlusion, hand_shape, hand_windows
from pose3d_ros.lab.synthesis import hand_statistics as recorded
from pose3d_ros.lab.synthesis.hand_recordings import LEFT_OUT
from pose3d_ros.lab.synthesis.rng import Rng

RATE_HZ = 30.0


@pytest.fixture(scope="module")
def hands():
    return hand_motion.draw(Rng(0), 400, 27, RATE_HZ)


@pytest.fixture(scope="module")
def poses(hands):
    flat = hands.double().numpy().reshape(-1, 21, 3)
    return hand.describe(flat, np.zeros(len(flat), bool))


def bone_lengths(xyz):
    pairs = torch.as_tensor(hand.SKELETON.bones)[:20]
    return (xyz[:, :, pairs[:, 1]] - xyz[:, :, pairs[:, 0]]).norm(dim=-1)


def test_the_same_seed_gives_the_same_hands():
    first, again, other = (hand_motion.draw(Rng(seed), 3, 5, RATE_HZ) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_bones_keep_their_length_and_hands_differ_in_size(hands):
    lengths = bone_lengths(hands)
    assert (lengths.amax(1) - lengths.amin(1)).max() < 1e-4
    size = hand.hand_length(hands[:, 0].numpy())
    assert 0.16 < size.mean() < 0.19
    assert 0.01 < size.std() < 0.025


def test_all_are_right_hands_within_their_joints_range(poses):
    assert poses.valid.all()
    limits = hand_shape.LIMITS_DEG.numpy()
    fingers = np.arange(20) >= 4  # the bending plane of thumbs varies
    degrees = np.degrees(poses.angles_rad)[:, fingers]
    assert (degrees > limits[fingers, 0] - 10).all()  # palms are uneven, their frames a little tilted
    assert (degrees < limits[fingers, 1] + 10).all()


def test_postures_reach_what_recorded_hands_do(poses):
    degrees = np.degrees(poses.angles_rad)
    low, high = np.percentile(degrees, (1, 99), axis=0)
    assert (low < np.array(recorded.ANGLE_LOW_DEG) + 8).all()
    assert (high > np.array(recorded.ANGLE_HIGH_DEG) - 15).all()


def test_pinches_and_open_hands_both_occur(poses):
    assert 0.05 < (poses.aperture_m < 0.03).mean() < 0.3
    assert (poses.aperture_m > 0.09).mean() > 0.15


def test_speeds_are_those_of_recorded_hands(hands, poses):
    degrees = np.degrees(poses.angles_rad).reshape(400, 27, 20)
    rate = np.percentile(np.abs(degrees[:, 3:] - degrees[:, :-3]) * RATE_HZ / 3, (75, 95))
    wanted = np.array(recorded.FLEXION_RATE_DEG_S)[[2, 4]]
    assert (0.5 * wanted < rate).all()
    assert (rate < 2 * wanted).all()


def test_motion_is_smooth(hands):
    jump = hands.diff(dim=1).norm(dim=-1).amax()
    assert jump < 0.4  # metres in a thirtieth of a second: a fast arm


def test_all_directions_occur(hands):
    axes, _ = hand.palm_axes(hands[:, 0].numpy(), np.zeros(len(hands), bool))
    assert np.abs(axes[:, :, 2].mean(0)).max() < 0.2


def test_an_open_hand_facing_the_camera_covers_nothing_and_edge_on_it_does():
    angles = torch.zeros(1, 1, 20)
    angles[..., 1] = -0.6
    palm, lengths = hand_shape.bones(Rng(3), 1)
    flat = hand.joints_of(angles, palm[:, None], lengths[:, None])
    facing = flat + torch.tensor([0.0, 0.0, 0.8])
    edge = torch.stack((flat[..., 0], flat[..., 2], flat[..., 1]), -1) + torch.tensor([0.0, 0.0, 0.8])
    assert hand_detector.covered(facing).sum() == 0
    assert hand_detector.covered(edge).sum() > 5


def test_a_perfect_detector_gives_the_true_rays(hands):
    xyz = hands[:8] + torch.tensor([0.0, 0.0, 1.0])
    rays, score = hand_detector.detect(Rng(0), xyz, hand_detector.PERFECT, RATE_HZ)
    assert rays.numpy() == pytest.approx((xyz[..., :2] / xyz[..., 2:]).numpy(), abs=1e-5)
    assert (score > 0.5).all()


def test_the_standard_detector_is_off_by_one_to_three_percent_of_the_hand(hands):
    xyz = hands + torch.tensor([0.0, 0.0, 1.5])
    rays, score = hand_detector.detect(Rng(0), xyz, hand_detector.STANDARD, RATE_HZ)
    off = (rays - xyz[..., :2] / xyz[..., 2:]).norm(dim=-1) * 1.5 / hand_detector.LENGTH_M
    assert 0.01 < off[score > 0].median() < 0.03


@pytest.mark.parametrize("name", hand_occlusion.PROTOCOLS)
def test_protocols_hide_what_they_say(name):
    rays = torch.randn(60, 90, 21, 2, generator=torch.Generator().manual_seed(1))
    hidden = hand_occlusion.mask(name, Rng(4), rays, RATE_HZ)
    per_frame = hidden.sum(-1)
    if name == "clean":
        assert not hidden.any()
    elif name == "random:10":
        assert (per_frame == 10).all()
    elif name == "fingers:2":
        assert set(per_frame.unique().tolist()) == {0, 8}
        runs = per_frame[0].diff().nonzero()[:, 0].diff()
        assert set(runs.tolist()) == {15}  # half a second
        assert not hidden[..., 0].any()
    elif name in ("whole", "lostframes"):
        assert set(per_frame.unique().tolist()) == {0, 21}
        assert 0.1 < hidden.float().mean() < 0.6
    else:
        assert 0.05 < hidden.float().mean() < 0.7


def test_unknown_protocols_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="fingers:2"):
        hand_occlusion.mask("arms", Rng(0), torch.zeros(1, 3, 21, 2), RATE_HZ)
    with pytest.raises(ConfigError):
        hand_occlusion.mask("random:21", Rng(0), torch.zeros(1, 3, 21, 2), RATE_HZ)


def test_windows_are_what_the_lifter_takes():
    drawn = hand_windows.draw(Rng(0), 64, hand_windows.HandWindowConfig())
    assert drawn.inputs.shape == (64, 27, 21, 3)
    assert torch.isfinite(drawn.inputs).all()
    assert (drawn.targets[:, :, 0] == 0).all()
    assert ((drawn.inputs[..., 2] >= 0) & (drawn.inputs[..., 2] <= 1)).all()
    assert (drawn.inputs[..., :2][drawn.inputs[..., 2] == 0] == 0).all()


def test_the_wrist_lies_below_the_middle_in_every_window():
    config = hand_windows.HandWindowConfig(detector=hand_detector.PERFECT, occlusion=hand_windows.NO_OCCLUSION)
    drawn = hand_windows.draw(Rng(0), 64, config)
    wrist = drawn.inputs[:, -1, 0]
    assert wrist[:, 0].abs().max() < 0.06
    assert (wrist[:, 1] > 0).all()
    # the drawn hand and the target agree: seen from afar x and y of the target are the image's
    image = drawn.inputs[:, -1, 1:, :2] - wrist[:, None, :2]
    target = drawn.targets[:, -1, 1:, :2]
    cosine = torch.nn.functional.cosine_similarity(image.flatten(1), target.flatten(1))
    assert cosine.median() > 0.98


def test_without_occlusion_everything_is_seen():
    config = hand_windows.HandWindowConfig(
        detector=hand_detector.PERFECT, occlusion=hand_windows.NO_OCCLUSION, guidance=GuidanceConfig(variant="none")
    )
    assert hand_windows.draw(Rng(0), 16, config).seen.all()


def test_the_test_set_is_not_in_the_table():
    text = Path(recorded.__file__).read_text()
    names = next(line for line in text.splitlines() if line.startswith("# recordings:")).split(": ")[1].split(", ")
    assert len(names) > 5
    assert not set(names) & set(LEFT_OUT)

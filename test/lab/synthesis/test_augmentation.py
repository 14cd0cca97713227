"""Widened bodies stay bodies."""

import pytest
import torch

from pose3d_ros.lab.synthesis import augmentation, body, motion, other_bodies
from pose3d_ros.lab.synthesis.augmentation import WidenConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models.conditions import NAMES, bone_lengths

NOTHING = {name: 0.0 for name in ("mirror", "bodies", "definitions", "mix", "angles", "legs", "arms", "tilt")}


@pytest.fixture(scope="module")
def sample(motion_file):
    return motion.load([motion_file]).sample(Rng(2), 64, 27, 30.0, torch.ones(64))


def lengths(joints):
    return body.bones(joints).norm(dim=-1)


@pytest.mark.parametrize(
    "change", [augmentation.joint_noise, augmentation.low_legs, augmentation.reaching_arms, augmentation.tipped_over]
)
def test_bone_lengths_stay(sample, change):
    joints, _ = sample
    changed = change(Rng(1), joints)
    assert float((changed - joints).norm(dim=-1).max()) > 0.1
    torch.testing.assert_close(lengths(changed), lengths(joints), atol=2e-5, rtol=0)


def test_nothing_is_nothing(sample):
    joints, root = augmentation.widen(Rng(1), *sample, WidenConfig(**NOTHING))
    torch.testing.assert_close((joints, root), sample, rtol=0, atol=0)


def test_mirror_twice_is_the_identity(sample):
    always = WidenConfig(**{**NOTHING, "mirror": 1.0})
    once = augmentation.widen(Rng(1), *sample, always)
    assert float((once[0] - sample[0]).abs().max()) > 0.1
    torch.testing.assert_close(augmentation.widen(Rng(1), *once, always), sample, rtol=0, atol=0)


def test_other_bodies_have_statures_of_adults(sample):
    changed = other_bodies.other_body(Rng(1), sample[0])
    stature = body.stature(changed[:, 0])
    assert 1.39 < float(stature.min()) < 1.6 < float(stature.max()) < 2.01
    # one body per window; the file's half floats are good to a millimetre or two
    torch.testing.assert_close(lengths(changed), lengths(changed)[:, :1].expand(-1, 27, -1), atol=4e-3, rtol=0)


def test_upper_body_of_another_faces_the_same_way(sample):
    joints, _ = sample
    donor = body.turn_about_up(joints.roll(1, 0), torch.tensor(2.0))
    mixed = augmentation.other_upper_body(joints, donor)
    legs = [row for side in body.SIDES for row in body.LEG[side]]
    torch.testing.assert_close(mixed[:, :, legs], joints[:, :, legs])
    torch.testing.assert_close(body.heading(mixed, "shoulder"), body.heading(joints), atol=1e-4, rtol=0)


def test_low_people_stand_on_the_floor_and_stay_there(sample):
    joints, root = augmentation.widen(Rng(3), *sample, WidenConfig(**{**NOTHING, "legs": 1.0}))
    lowest = (joints + root[:, :, None])[..., 2].mean(1).amin(-1)
    torch.testing.assert_close(lowest, torch.full_like(lowest, 0.08), atol=1e-5, rtol=0)
    assert float(root.std(1).max()) < 1e-5
    assert float(root[:, 0, 2].max()) < 0.85  # everybody's pelvis is lower than standing


@pytest.mark.parametrize("change", [augmentation.low_legs, augmentation.joint_noise])
def test_knees_bend_backward_only(sample, change):
    joints = change(Rng(4), sample[0])
    vectors = body.bones(joints)
    left, _, _ = body.axes(joints)
    for side in body.SIDES:
        _, thigh, shin = body.LEG[side]
        forward = augmentation.knee_forward(vectors[:, :, thigh], vectors[:, :, shin], left)[1]
        assert float(forward.max()) < 0.05


def test_knee_check_finds_a_wrong_knee():
    down, ahead_down = torch.tensor([0.0, 0.0, -0.4]), torch.tensor([0.2, 0.0, -0.35])
    left = torch.tensor([0.0, 1.0, 0.0])  # facing +x
    assert float(augmentation.knee_forward(down, ahead_down, left)[1]) > 0.4
    assert float(augmentation.knee_forward(down, -ahead_down * torch.tensor([1.0, 1.0, -1.0]), left)[1]) < -0.4


def test_wrists_pass_in_front_of_the_trunk(sample):
    joints, _ = sample
    place = augmentation._wrist_places(Rng(1), 500, 2)
    inward = place[..., 1] < 0
    assert float(place[..., 0][inward].min()) > 0.15
    moved = augmentation.reaching_arms(Rng(1), joints)
    used = (moved - joints).norm(dim=-1).amax(1) > 1e-4
    arms = [row for side in body.SIDES for row in body.ARM[side][1:]]
    assert set(used.any(0).nonzero()[:, 0].tolist()) == set(arms)


def test_every_bone_is_drawn_on_its_own_as_wide_as_people_and_definitions_are(motion_file):
    with_feet, _ = motion.load([motion_file], skeleton="body19").sample(Rng(2), 600, 2, 30.0, torch.ones(600))
    changed = other_bodies.other_body(Rng(1), with_feet)
    found = 1000 * bone_lengths(changed[:, 0], body.SKELETON)
    for name, low, high in (("clavicle", 150, 195), ("upper_arm", 255, 310), ("hip", 80, 115), ("foot", 115, 155)):
        spread = found[:, NAMES.index(name)]
        assert float(spread.quantile(0.05)) < low
        assert float(spread.quantile(0.95)) > high
    lengths_of = found / (1000 * body.stature(changed[:, 0]))[:, None]
    together = torch.corrcoef(lengths_of[:, [NAMES.index("clavicle"), NAMES.index("upper_arm")]].T)[0, 1]
    assert abs(float(together)) < 0.2


def test_other_definitions_move_trunk_and_head_only(sample):
    joints, _ = sample
    moved = (other_bodies.other_definitions(Rng(1), joints) - joints).norm(dim=-1).amax((0, 1))
    places = {name for name, row in body.J.items() if row < 17 and moved[row] > 1e-6}
    assert places == {"spine", "nose", "head_top"}
    assert float(moved.max()) < 0.16


def test_feet_stand_on_the_floor(motion_file):
    with_feet = motion.load([motion_file], skeleton="body19").sample(Rng(2), 64, 9, 30.0, torch.ones(64))
    joints, root = augmentation.widen(Rng(3), *with_feet, WidenConfig(**{**NOTHING, "legs": 1.0}))
    height = (joints + root[:, :, None])[..., 2].mean(1)
    toes = height[:, list(body.TOE.values())]
    assert float(toes.min()) > 0.029
    assert float(height[:, :17].min()) > 0.079

"""Rotations of segments, from people that were made with known ones."""

import numpy as np
import pytest
from pose3d_testing.made_people import ROW, SKELETON, joints_of, xyz_of
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.geometry.articulation import PALM_AT_REST, SEGMENTS, articulate, places, unknown

WHERE = places(SKELETON)
WITH_TOES = formats.get("body19")
STEP_S = np.array([1 / 30])


def turned(axis, degrees):
    return Rotation.from_euler(axis, degrees, degrees=True).as_matrix()


def made(trunk=np.eye(3), **segments):
    """Axes (15, 3, 3): everything with the trunk but what is named, in the trunk's axes."""
    axes = np.array([trunk @ segments.get(segment, np.eye(3)) for segment in SEGMENTS])
    for side in ("left", "right"):  # what hangs on a segment goes with it unless it is named
        for child, parent in (("shank", "thigh"), ("foot", "shank"), ("forearm", "arm"), ("hand", "forearm")):
            if f"{side}_{child}" not in segments:
                axes[ROW[f"{side}_{child}"]] = axes[ROW[f"{side}_{parent}"]]
    return axes


def settled(xyz_m, where=WHERE, palms=None, frames=8):
    memory = unknown(1)
    for _ in range(frames):
        memory = articulate(xyz_m[None], where, palms, memory, STEP_S)
    return memory.axes[0]


def off_deg(found, truth):
    return np.degrees((Rotation.from_matrix(found).inv() * Rotation.from_matrix(truth)).magnitude())


def test_at_rest_every_axis_is_that_of_the_room():
    assert off_deg(settled(xyz_of(made())), made()).max() < 0.5


@pytest.mark.parametrize("trunk", [turned("z", 120), turned("x", 90), turned("xyz", (20, -35, 200))])
def test_a_bent_person_in_any_frame_gets_the_rotations_he_was_made_with(trunk):
    left_arm, right_arm = turned("x", -60), turned("x", 60) @ turned("y", 20)
    left_thigh, right_thigh = turned("y", -70), turned("y", -40) @ turned("x", -15)
    truth = made(
        trunk, head=turned("z", 30), left_arm=left_arm, right_arm=right_arm, left_thigh=left_thigh,
        right_thigh=right_thigh, left_forearm=left_arm @ turned("z", -80), right_forearm=right_arm @ turned("z", 70),
        left_shank=left_thigh @ turned("y", 90), right_shank=right_thigh @ turned("y", 60),
    )  # fmt: skip
    found = off_deg(settled(xyz_of(truth)), truth)
    assert found[[ROW["pelvis"], ROW["chest"]]].max() < 0.5
    assert found[ROW["head"]] < 15  # half of how far it is turned is put down to the chest
    assert np.delete(found, ROW["head"]).max() < 6


def test_straight_limbs_do_not_flip_while_they_pass_through_straight():
    """Elbows and knees that noise bends the wrong way, 20 s of them."""
    rng = np.random.default_rng(0)
    memory, before, worst = unknown(1), None, 0.0
    for frame in range(600):
        bend = 12 * np.sin(frame / 20)  # to both sides of straight
        arms = {f"{side}_arm": turned("x", sign * 80) for side, sign in (("left", -1), ("right", 1))}
        truth = made(
            **arms, left_forearm=arms["left_arm"] @ turned("z", -bend),
            right_forearm=arms["right_arm"] @ turned("z", bend),
            left_shank=turned("y", bend), right_shank=turned("y", -bend),
        )  # fmt: skip
        xyz_m = xyz_of(truth) + rng.normal(0, 0.01, (17, 3))
        memory = articulate(xyz_m[None], WHERE, None, memory, STEP_S)
        if before is not None:
            worst = max(worst, off_deg(memory.axes[0], before)[ROW["left_thigh"] :].max())
        before = memory.axes[0]
    assert worst < 40
    assert off_deg(before, truth).max() < 30


def test_toes_turn_a_straight_leg_and_give_the_foot():
    out = turned("z", 35)
    truth = made(left_thigh=out, right_foot=turned("y", 25))
    at = joints_of(truth)
    xyz_m = np.array([at[joint] for joint in WITH_TOES.joints])
    found = off_deg(settled(xyz_m, places(WITH_TOES)), truth)
    assert found[ROW["left_foot"]] < 8
    assert found[ROW["right_foot"]] < 1
    assert found[ROW["left_thigh"]] < 20  # between the foot's direction and the pelvis'
    assert off_deg(settled(xyz_of(truth)), truth)[ROW["left_foot"]] > 30  # which nothing else tells


def test_the_palm_turns_the_forearm_and_is_held_when_the_hand_is_lost():
    pronation, bent = turned("y", 70), turned("z", -25)
    arm = turned("x", -40)
    forearm = arm @ turned("z", -70)
    truth = made(left_arm=arm, left_forearm=forearm @ pronation, left_hand=forearm @ pronation @ bent)
    palms = np.full((1, 2, 3, 3), np.nan)
    palms[0, 0] = truth[ROW["left_hand"]] @ PALM_AT_REST[0]
    memory = unknown(1)
    for seen in [True] * 8 + [False] * 30:
        memory = articulate(xyz_of(truth)[None], WHERE, palms if seen else None, memory, STEP_S)
        assert off_deg(memory.axes[0, ROW["left_hand"]], truth[ROW["left_hand"]]) < 3
    assert off_deg(memory.axes[0, ROW["left_forearm"]], truth[ROW["left_forearm"]]) < 5


def test_the_palms_at_rest_face_the_floor_thumbs_ahead():
    for side, fingers in ((0, (0, 1, 0)), (1, (0, -1, 0))):
        x, y, z = PALM_AT_REST[side].T
        assert x == pytest.approx(fingers)
        assert z == pytest.approx((0, 0, -1))
        assert y == pytest.approx(np.cross(z, x))


def test_joints_that_coincide_keep_what_was_and_unknown_joints_give_nan():
    memory = articulate(xyz_of(made())[None], WHERE, None, unknown(1), STEP_S)
    flat = xyz_of(made())
    flat[SKELETON.indices(["left_hip", "right_hip"])] = flat[SKELETON.index("pelvis")]
    kept = articulate(flat[None], WHERE, None, memory, STEP_S).axes[0]
    assert kept[ROW["pelvis"]] == pytest.approx(memory.axes[0, ROW["pelvis"]])
    flat[SKELETON.index("left_wrist")] = np.nan
    lost = articulate(flat[None], WHERE, None, unknown(1), STEP_S).axes[0]
    assert np.isnan(lost[ROW["left_forearm"]]).all()
    assert np.isfinite(lost[ROW["right_forearm"]]).all()
    assert np.isnan(lost[ROW["pelvis"]]).all()


def test_several_people_at_once_are_each_as_if_alone():
    rng = np.random.default_rng(5)
    xyz_m = np.stack([xyz_of(made(turned("z", angle))) for angle in (0, 50, 100)]) + rng.normal(0, 0.02, (3, 17, 3))
    together = articulate(xyz_m, WHERE, None, unknown(3), np.zeros(3))
    for i in range(3):
        alone = articulate(xyz_m[i : i + 1], WHERE, None, unknown(1), np.zeros(1))
        assert together.axes[i] == pytest.approx(alone.axes[0], abs=1e-9)

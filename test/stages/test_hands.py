"""Hands in the pipeline: whose they are, where they are put, and what becomes of bad input."""

import dataclasses

import numpy as np
import pytest
from pose3d_testing.networks import Known

from pose3d_ros.core.types import JointState, Keypoints2D, Person2D
from pose3d_ros.geometry import hand
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.hand import J
from pose3d_ros.models import Lifter, ModelSpec
from pose3d_ros.pipeline import Pipeline, PipelineConfig
from pose3d_ros.settings import HandConfig
from pose3d_ros.tracking.hand_matching import HandReason

CAMERA = Camera.from_fov(640, 480, 60.0)
STEP_NS = 33_333_333
BODY = {  # metres, standing 2 m before the camera, arms raised in front
    "pelvis": (0, 0.3), "right_hip": (-0.1, 0.3), "right_knee": (-0.1, 0.7), "right_ankle": (-0.1, 1.1),
    "left_hip": (0.1, 0.3), "left_knee": (0.1, 0.7), "left_ankle": (0.1, 1.1), "spine": (0, 0.05),
    "thorax": (0, -0.2), "nose": (0, -0.35), "head_top": (0, -0.5), "left_shoulder": (0.17, -0.18),
    "left_elbow": (0.3, 0.05), "left_wrist": (0.35, -0.2), "right_shoulder": (-0.17, -0.18),
    "right_elbow": (-0.3, 0.05), "right_wrist": (-0.35, -0.2),
}  # fmt: skip
BODY_M = np.array([(x, y, 2.0) for x, y in BODY.values()])


def right_hand(curl=0.1):
    """An open right hand, fingers up, its palm to the camera: joints (21, 3) about the wrist in camera axes."""
    angles = np.full(20, curl)
    angles[0], angles[1] = 0.2, -0.6
    palm = 0.09 * np.array([(0.23, -0.29, 0.17), (0.97, -0.26, 0.04), (1, 0, 0), (0.94, 0.23, 0), (0.84, 0.42, 0.04)])
    lengths = 0.09 * np.array(
        [(0.45, 0.35, 0.23), (0.45, 0.28, 0.2), (0.5, 0.3, 0.2), (0.45, 0.28, 0.2), (0.35, 0.2, 0.2)]
    )
    # x (fingers) up, z (out of the palm) to the camera: y, to the little finger, is left in the image
    axes = np.array([(0, -1, 0), (0, 0, 0), (0, 0, -1.0)]).T
    axes[:, 1] = np.cross(axes[:, 2], axes[:, 0])
    return hand.joints_of(angles, palm, lengths) @ axes.T


RIGHT = right_hand()
LEFT = RIGHT * (-1, 1, 1)


def canonical(xyz):
    """As the lifter sees it: wrist straight below the middle."""
    down = -xyz[:, :2].mean(0) / np.linalg.norm(xyz[:, :2].mean(0))
    return xyz @ np.array([(down[1], down[0], 0), (-down[0], down[1], 0), (0, 0, 1.0)])


def make(**changes):
    body = Lifter(Known(BODY_M - BODY_M[0], log_sigma=-4.0), ModelSpec("body", "h36m17", 27, 30.0))
    hands = Lifter(Known(canonical(RIGHT), log_sigma=-4.0), ModelSpec("hand", "hand21", 27, 30.0))
    return Pipeline(PipelineConfig(hands=HandConfig(**changes)), lifter=body, hand_lifter=hands)


def person(name="anna"):
    return Person2D("h36m17", CAMERA.project(BODY_M), np.ones(17), id=name)


def hand2d(side, at=None, label=None, keep=slice(None), name=""):
    shape = LEFT if side == "left" else RIGHT
    at = BODY_M[list(BODY).index(f"{side}_wrist")] if at is None else np.asarray(at)
    score = np.zeros(21)
    score[keep] = 0.9
    return Person2D("hand21", CAMERA.project(shape + at), score, id=name, side=label or side)


def push(pipeline, *people, frame=0):
    return pipeline.push(Keypoints2D(10**9 + frame * STEP_NS, people, "camera", 640, 480), CAMERA)


def sides(result):
    return sorted((h.person_id, h.side) for h in result.hands)


def test_hands_hang_on_the_wrists_of_their_body():
    result = push(make(), person(), hand2d("left"), hand2d("right"))
    assert sides(result) == [("anna", "left"), ("anna", "right")]
    body = result.people[0]
    for found in result.hands:
        wrist = body.xyz_m[list(BODY).index(f"{found.side}_wrist")]
        assert found.track == body.track
        assert found.wrist_m == pytest.approx(wrist, abs=0.02)
        assert found.wrist_m[2] == pytest.approx(wrist[2], abs=1e-5)
        assert (found.state == JointState.MEASURED).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_palm_turned_to_the_camera_faces_it_on_both_sides(side):
    found = push(make(), hand2d(side, at=(0, 0.1, 1.0))).hands[0]
    axes = hand.palm_axes(found.xyz_m[None].astype(float), np.array([side == "left"]))[0][0]
    assert axes[:, 2] == pytest.approx((0, 0, -1), abs=0.1)
    assert axes[:, 0] == pytest.approx((0, -1, 0), abs=0.1)
    truth = LEFT if side == "left" else RIGHT
    assert found.xyz_m - found.wrist_m == pytest.approx(truth, abs=0.006)
    assert found.joint_angles_rad.shape == (20,)
    assert found.curl.shape == (5,)
    assert found.aperture_m == pytest.approx(np.linalg.norm(truth[4] - truth[8]), abs=0.003)


def test_both_hands_given_as_left_are_told_apart_by_the_body():
    result = push(make(), person(), hand2d("left"), hand2d("right", label="left"))
    assert sides(result) == [("anna", "left"), ("anna", "right")]
    assert result.reasons.count(HandReason.SIDE_CORRECTED) == 1


def test_an_id_decides_between_people_who_stand_close():
    pipeline = make()
    other = Person2D("h36m17", CAMERA.project(BODY_M + np.array((0.6, 0, 0))), np.ones(17), id="bert")
    # at anna's left wrist, 10 cm from bert's right one
    result = push(pipeline, person(), other, hand2d("right", at=BODY_M[13], name="bert"))
    assert sides(result) == [("bert", "right")]
    assert HandReason.SIDE_CORRECTED not in result.reasons


def test_a_hand_far_from_every_wrist_belongs_to_nobody():
    result = push(make(), person(), hand2d("right", at=(0.9, -0.6, 2.0)))
    assert sides(result) == [("", "right")]
    assert result.reasons.count(HandReason.FAR_FROM_WRISTS) == 1
    assert result.hands[0].track not in {p.track for p in result.people}


def test_a_hand_without_any_body_is_placed_by_its_own_rays():
    result = push(make(), hand2d("left", at=(0.1, 0.1, 0.7)))
    assert sides(result) == [("", "left")]
    assert result.hands[0].wrist_m == pytest.approx((0.1, 0.1, 0.7), abs=0.03)


def test_seen_joints_are_pulled_to_their_keypoints_sideways():
    off = hand2d("right", at=(0, 0, 0.7))
    xy_px = off.xy_px + np.where(np.arange(21)[:, None] == J["index_tip"], (12.0, 0.0), 0.0)
    moved = dataclasses.replace(off, xy_px=xy_px)

    def miss_px(sigma_m):
        (found,) = push(make(keypoint_sigma_m=sigma_m), moved).hands
        return abs(CAMERA.project(found.xyz_m)[J["index_tip"], 0] - xy_px[J["index_tip"], 0])

    assert miss_px(0.002) < miss_px(0.015) < miss_px(0.0) - 0.5
    assert miss_px(0.002) < 1.5


def test_a_known_size_moves_a_hand_without_a_body():
    size = float(hand.hand_length(RIGHT))
    plain = push(make(), hand2d("right", at=(0, 0, 0.7))).hands[0]
    doubled = push(make(hand_size_m=min(1.5 * size, 0.3)), hand2d("right", at=(0, 0, 0.7))).hands[0]
    assert hand.hand_length(doubled.xyz_m) == pytest.approx(min(1.5 * size, 0.3), rel=0.02)
    assert doubled.wrist_m[2] == pytest.approx(1.5 * plain.wrist_m[2], rel=0.02)


def test_a_lost_hand_is_held_and_then_absent():
    pipeline = make(hold_s=0.2)
    push(pipeline, person(), hand2d("left"))
    for frame in range(1, 12):
        result = push(pipeline, person(), frame=frame)
        held = frame * STEP_NS <= 0.2e9
        assert len(result.hands) == held
        if held:
            assert (result.hands[0].state == JointState.INFERRED).all()


def test_a_hand_that_is_not_seen_goes_with_its_arm():
    pipeline = make()
    push(pipeline, person(), hand2d("left"))
    walked = dataclasses.replace(person(), xy_px=CAMERA.project(BODY_M + np.array((0.15, 0, 0))))
    for frame in range(1, 4):
        result = push(pipeline, walked, frame=frame)
    (found,) = result.hands
    wrist = result.people[0].xyz_m[list(BODY).index("left_wrist")]
    assert found.wrist_m == pytest.approx(wrist, abs=1e-4)
    assert found.wrist_m[0] > BODY["left_wrist"][0] + 0.1


def test_a_hand_seen_again_after_the_hold_is_there_at_once():
    pipeline = make(hold_s=0.1)
    push(pipeline, person(), hand2d("left"))
    for frame in range(1, 10):
        push(pipeline, person(), frame=frame)
    assert sides(push(pipeline, person(), hand2d("left"), frame=10)) == [("anna", "left")]


def test_one_finger_is_not_published_until_more_was_seen():
    pipeline = make()
    result = push(pipeline, person(), hand2d("left", keep=slice(5, 9)))
    assert result.hands == ()
    assert result.reasons.count(HandReason.TOO_FEW_JOINTS) == 1
    push(pipeline, person(), hand2d("left"), frame=1)
    result = push(pipeline, person(), hand2d("left", keep=slice(5, 9)), frame=2)
    assert [h.state.tolist().count(JointState.MEASURED) for h in result.hands] == [4]


def test_twenty_one_identical_points_are_no_hand():
    point = Person2D("hand21", np.full((21, 2), 200.0), np.ones(21), side="left")
    result = push(make(), person(), point)
    assert result.hands == ()
    assert result.reasons.count(HandReason.ONE_POINT) == 1


def test_impossible_proportions_are_refused():
    rng = np.random.default_rng(3)
    at = CAMERA.project(BODY_M[13])
    wild = Person2D("hand21", at + rng.normal(0, 25, (21, 2)), np.ones(21), side="left")
    result = push(make(), person(), wild)
    assert result.hands == ()
    assert result.reasons.count(HandReason.IMPLAUSIBLE) == 1


def test_a_hand_outlives_its_body():
    pipeline = make()
    push(pipeline, person(), hand2d("left"))
    for frame in range(1, 45):
        result = push(pipeline, hand2d("left"), frame=frame)
        assert len(result.hands) == 1
    assert result.people == ()
    assert sides(result) == [("", "left")]
    back = push(pipeline, person(), hand2d("left"), frame=45)
    assert sides(back) == [("anna", "left")]


def test_two_detections_of_one_hand_are_one():
    result = push(
        make(), person(), hand2d("left"), hand2d("left", at=BODY_M[13] + np.array((0.005, 0, 0)), label="right")
    )
    assert sides(result) == [("anna", "left")]
    assert result.reasons.count(HandReason.DUPLICATE) == 1


def test_hands_of_a_whole_body_format():
    names = __import__("pose3d_ros.core.formats", fromlist=["get"]).get("coco_wholebody133").joints
    xy, score = np.full((133, 2), np.nan), np.zeros(133)
    for joint, at in zip(BODY, BODY_M, strict=True):
        if joint in names:
            xy[names.index(joint)], score[names.index(joint)] = CAMERA.project(at), 1
    row = names.index("left_hand_wrist")
    xy[row : row + 21], score[row : row + 21] = CAMERA.project(LEFT + BODY_M[13]), 1
    result = push(make(), Person2D("coco_wholebody133", xy, score))
    assert [h.side for h in result.hands] == ["left"]
    assert HandReason.NOTHING_VISIBLE not in result.reasons


def test_without_hand_weights_there_are_no_hands():
    body = Lifter(Known(BODY_M - BODY_M[0], log_sigma=-4.0), ModelSpec("body", "h36m17", 27, 30.0))
    result = push(Pipeline(PipelineConfig(hands=HandConfig(weights="")), lifter=body), person(), hand2d("left"))
    assert len(result.people) == 1
    assert result.hands == ()


def test_live_parameters_take_effect():
    pipeline = make()
    push(pipeline, hand2d("right", at=(0, 0, 0.7)))
    pipeline.reconfigure(dataclasses.replace(pipeline.config, hands=HandConfig(hand_size_m=0.25)))
    found = push(pipeline, hand2d("right", at=(0, 0, 0.7)), frame=1).hands[0]
    assert hand.hand_length(found.xyz_m) == pytest.approx(0.25, rel=0.02)


def test_smoothing_follows_slowly_and_can_be_switched_off():
    still = make()
    calm = make(smoothing=dataclasses.replace(HandConfig().smoothing, min_cutoff_hz=1.0, beta=0.0))
    first, second = hand2d("right", at=(0, 0, 0.7)), hand2d("right", at=(0.02, 0, 0.7))
    moved = []
    for pipeline in (still, calm):
        before = push(pipeline, first).hands[0].wrist_m[0]
        moved.append(push(pipeline, second, frame=1).hands[0].wrist_m[0] - before)
    assert moved[0] == pytest.approx(0.02, abs=0.003)
    assert 0.0 < moved[1] < 0.3 * moved[0]

"""Hands looked at: what the network is shown, where its hands are put, and when the lifter's stay."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Hand3D, Method
from pose3d_ros.geometry import hand
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageLifter, ImageOutput, ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.settings import HandConfig, PipelineConfig, RefineConfig
from pose3d_ros.stages.hand_image import HandRefiner
from pose3d_ros.stages.image_refiner import ImageFrame, RefineReason, fuse

CAMERA = Camera.from_fov(640, 480, 60.0)
STEP_NS = 33_333_334
SMALL = ExtPoseConfig(
    ViTConfig(32, 24, patch=8, padding=0, width=24, depth=2, heads=2), DecoderConfig(24, 1, 2, 12, 24), frames=4
)
SPEC = ImageSpec("small", "hand21", 4, 30.0)
# red tells the column and green the row of every pixel of the image
X, Y = np.meshgrid(np.linspace(0, 255, 640), np.linspace(0, 255, 480))
IMAGE = np.stack((X, Y, np.zeros_like(X)), -1).round().astype(np.uint8)


def right_hand():
    """An open right hand, fingers up, its palm to the camera: joints (21, 3) about the wrist in camera axes."""
    palm = 0.09 * np.array([(0.23, -0.29, 0.17), (0.97, -0.26, 0.04), (1, 0, 0), (0.94, 0.23, 0), (0.84, 0.42, 0.04)])
    lengths = 0.09 * np.tile((0.45, 0.28, 0.2), (5, 1))
    axes = np.array([(0, -1, 0), (-1, 0, 0), (0, 0, -1.0)]).T
    return hand.joints_of(np.full(20, 0.1), palm, lengths) @ axes.T


RIGHT = right_hand()
SIDES = {"right": RIGHT, "left": RIGHT * (-1, 1, 1)}


class Knowing(ImageLifter):
    """Stands for a trained network: says the same right hand to every crop, and keeps what it was shown."""

    def __init__(self, xyz_m=RIGHT, sigma_m=0.001):
        super().__init__(ExtPose(SMALL), SPEC)
        self.xyz_m, self.sigma_m, self.shown = xyz_m, sigma_m, []

    def warm_up(self, streams=1):
        pass

    def __call__(self, crops_rgb, skeletons, *rest, **given):
        self.shown.append((crops_rgb, skeletons))
        many = (len(crops_rgb), 1, 1)
        xyz_m = np.tile(self.xyz_m.astype(np.float32), many)
        return ImageOutput(
            xyz_m, np.full(xyz_m.shape[:2], self.sigma_m, np.float32), np.ones((len(xyz_m), 3), np.float32)
        )


def lifted(side="right", at=(0.0, 0.0, 0.8), track=1, sigma_m=0.02):
    """A hand as the lifter has it: in its place, but closed a little."""
    xyz_m = (0.9 * SIDES[side] + at).astype(np.float32)
    pose = hand.describe(xyz_m[None], np.array([side == "left"]))
    return Hand3D(
        "anna", track, side, xyz_m[0], pose.quat_xyzw[0], xyz_m, np.full(21, sigma_m, np.float32),
        np.ones(21, np.uint8), pose.angles_rad[0], 0.1, pose.curl[0],
    )  # fmt: skip


def keypoints(*hands, seen=slice(None)):
    """Rays and scores of the true hands."""
    true_m = np.stack([SIDES[one.side] + one.wrist_m for one in hands])
    score = np.zeros(true_m.shape[:2])
    score[:, seen] = 0.9
    rays = np.where(score[..., None] > 0, true_m[..., :2] / true_m[..., 2:], np.nan)
    return rays.astype(np.float32), score


def look(max_sigma=1.0, cutoff_hz=0.0, hands=HandConfig(), **changes):
    config = PipelineConfig(hands=hands, refine=RefineConfig(max_sigma=max_sigma, cutoff_hz=cutoff_hz))
    return ImageFrame(10**9, IMAGE, CAMERA, config)._replace(**changes)


@pytest.mark.parametrize("side", ["right", "left"])
def test_what_the_image_says_takes_the_place_of_the_lifters_hand(side):
    at = (0.02 if side == "right" else -0.02, 0.09, 0.8)  # the crop's middle lies on the optical axis
    given = lifted(side, at)
    (found,), reasons = HandRefiner(Knowing()).refine(look(), [given], *keypoints(given))
    assert reasons == []
    assert (found.method, found.person_id, found.side) == (Method.EXTPOSE, "anna", side)
    np.testing.assert_allclose(found.xyz_m - found.wrist_m, SIDES[side], atol=0.005)
    assert found.wrist_m == pytest.approx(at, abs=0.005)
    toward_camera = hand.palm_axes(found.xyz_m, np.array(side == "left"))[0][2, 2]
    assert toward_camera < -0.9  # the palm faces it on both sides


def test_a_left_hand_is_shown_as_a_right_one():
    lifter = Knowing()
    for side in ("right", "left"):
        given = lifted(side)
        HandRefiner(lifter).refine(look(), [given], *keypoints(given))
    right, left = lifter.shown[-2], lifter.shown[-1]
    np.testing.assert_allclose(right[1], left[1], atol=1e-4)  # drawn alike
    red = left[0][0, ..., 0].astype(int)
    assert (np.diff(red, axis=1) < 0).mean() > 0.5  # the image's columns run backward
    np.testing.assert_allclose(right[0][0, ..., 0] + red, 255, atol=3)  # both sit at the image's middle


def test_joints_that_are_hidden_are_not_drawn():
    lifter = Knowing()
    given = lifted()
    HandRefiner(lifter).refine(look(), [given], *keypoints(given))
    HandRefiner(lifter).refine(look(), [given], *keypoints(given, seen=[0, 5, 9, 13, 17]))
    whole, palm = lifter.shown[-2][1], lifter.shown[-1][1]
    assert 0 < palm.sum() < 0.7 * whole.sum()


@pytest.mark.parametrize(("sigma_m", "share"), [(0.02, 0.5), (0.01, 0.8), (0.04, 0.2)])
def test_lifter_and_image_count_as_they_are_sure(sigma_m, share):
    given = lifted(sigma_m=0.02)
    unpulled = look(max_sigma=10.0, hands=HandConfig(keypoint_sigma_m=0.0))
    refiner = HandRefiner(Knowing(sigma_m=sigma_m))
    (found,), _ = refiner.refine(unpulled, [given], *keypoints(given))
    tip = np.linalg.norm((found.xyz_m - found.wrist_m)[12]) / np.linalg.norm(RIGHT[12])
    assert tip == pytest.approx(0.9 + 0.1 * share, abs=0.006)  # the lifter's is 0.9 of the true one
    assert min(sigma_m, 0.02) - 1e-6 <= found.sigma_m.mean() <= max(sigma_m, 0.02) + 1e-6


def test_weighing_takes_the_surer_and_lies_between():
    a, b = np.zeros((2, 21, 3)), np.ones((2, 21, 3))
    joints, sigma = fuse((a, np.full((2, 21), 1e-4)), (b, np.full((2, 21), 0.1)))
    assert joints.max() < 1e-5
    assert sigma.max() < 2e-4
    joints, sigma = fuse((a, np.full((2, 21), 0.1)), (b, np.zeros((2, 21))))  # a root that is where it is
    assert joints.min() > 0.999
    assert np.isfinite(sigma).all()


@pytest.mark.parametrize(("change", "reason"), [
    ({"sigma_m": 0.05}, RefineReason.UNSURE),
    ({"xyz_m": RIGHT * np.nan}, RefineReason.IMPLAUSIBLE),
    ({"xyz_m": RIGHT[np.random.default_rng(0).permutation(21)]}, RefineReason.IMPLAUSIBLE),
])  # fmt: skip
def test_the_lifters_hand_stays_where_the_image_does_not_help(change, reason):
    given = lifted()
    (found,), reasons = HandRefiner(Knowing(**change)).refine(look(), [given], *keypoints(given))
    assert found is given
    assert reasons == [reason.of("hand")]


def test_a_hand_of_a_few_pixels_and_one_outside_stay_and_others_do_not():
    far, outside, near = lifted(at=(0, 0, 40.0)), lifted(at=(3.0, 0, 0.8), track=2), lifted(track=3)
    found, reasons = HandRefiner(Knowing()).refine(look(), [far, outside, near], *keypoints(far, outside, near))
    assert [one.method for one in found] == [Method.DTF, Method.DTF, Method.EXTPOSE]
    assert reasons == ["hand_crop"] * 2


def test_a_hand_that_is_carried_on_unseen_stays_on_its_arm():
    given = lifted(at=(0.1, 0.05, 0.8))
    rays, score = keypoints(given)
    open_hand = RIGHT * (1.3, 1.3, 1.0)
    (found,), reasons = HandRefiner(Knowing(open_hand)).refine(look(), [given], np.full_like(rays, np.nan), 0 * score)
    assert reasons == []
    assert found.method == Method.EXTPOSE
    np.testing.assert_allclose(found.wrist_m, given.wrist_m, atol=1e-5)


def test_a_known_size_holds_for_images_too():
    given = lifted()
    known = look(hands=HandConfig(hand_size_m=0.15, keypoint_sigma_m=0.0))
    (found,), _ = HandRefiner(Knowing()).refine(known, [given], *keypoints(given))
    assert hand.hand_length(found.xyz_m) == pytest.approx(0.15, rel=1e-3)


def test_what_the_image_changes_comes_slowly_and_again_when_the_setting_changes():
    lifter = Knowing()
    refiner = HandRefiner(lifter)

    def length(frame, size, cutoff_hz):
        lifter.xyz_m = size * RIGHT
        now = look(stamp_ns=10**9 + frame * STEP_NS, cutoff_hz=cutoff_hz, hands=HandConfig(keypoint_sigma_m=0.0))
        given = lifted()
        (found,), _ = refiner.refine(now, [given], *keypoints(given))
        return hand.hand_length(found.xyz_m) / hand.hand_length(RIGHT)

    assert length(0, 1.0, 0.5) == pytest.approx(1.0, abs=0.01)
    assert length(1, 1.2, 0.5) < 1.05  # stays behind
    assert length(2, 1.2, 0.6) == pytest.approx(1.2, abs=0.01)
    assert length(3, 1.0, 0.6) > 1.15
    assert length(4, 1.0, 0.0) == pytest.approx(1.0, abs=0.01)


def test_every_hand_has_a_past_of_its_own():
    torch.manual_seed(0)
    lifter = ImageLifter(ExtPose(SMALL), SPEC)
    torch.nn.init.normal_(lifter.network.backbone.pos_embed)
    one, other = lifted(sigma_m=50.0), lifted("left", at=(0.3, 0.1, 0.9), track=2, sigma_m=50.0)  # say nothing

    def run(*frames):
        refiner = HandRefiner(lifter)
        for number, hands in enumerate(frames):
            now = look(stamp_ns=10**9 + number * STEP_NS, image=np.roll(IMAGE, 40 * number, 1), max_sigma=100.0)
            found, _ = refiner.refine(now, list(hands), *keypoints(*hands))
        return found[-1].sigma_m  # of the last hand; it is the network's own

    alone = run([one], [one], [one])
    np.testing.assert_allclose(run([one], [other, one], [other, one]), alone, rtol=1e-4)
    assert np.abs(run([one]) - alone).max() > 1e-5  # the past is looked at
    late = look(stamp_ns=10**9 + 100 * STEP_NS, max_sigma=100.0)
    refiner = HandRefiner(lifter)
    refiner.refine(look(max_sigma=100.0), [one], *keypoints(one))
    (after,), _ = refiner.refine(late, [one], *keypoints(one))
    np.testing.assert_allclose(after.sigma_m, run([one]), rtol=1e-4)  # and forgotten


def test_weights_of_another_skeleton_are_refused():
    body = replace(SMALL, skeleton="h36m17")
    with pytest.raises(ConfigError, match="expected ExtPose weights of hand21"):
        HandRefiner(ImageLifter(ExtPose(body), replace(SPEC, skeleton="h36m17")))

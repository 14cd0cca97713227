"""Bodies looked at: what the network is shown, where they are put, when the lifter's stay, whose past is whose."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import JointState, Method, Person3D, TrackState
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import boxes
from pose3d_ros.geometry.crop_camera import look_at_crops
from pose3d_ros.geometry.placement import PlacementConfig, stature_m
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.frame_attention import AttentionCache
from pose3d_ros.models.image_lifter import ImageLifter, ImageOutput, ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.settings import PipelineConfig, RefineConfig
from pose3d_ros.stages.body_image import BodyRefiner
from pose3d_ros.stages.image_refiner import ImageFrame, RefineReason

CAMERA = Camera.from_fov(640, 480, 60.0)
STEP_NS = 33_333_334
SMALL = ExtPoseConfig(
    ViTConfig(32, 24, patch=8, padding=0, width=24, depth=2, heads=2),
    DecoderConfig(24, 1, 2, 12, 24),
    skeleton="h36m17",
    frames=4,
)
SPEC = ImageSpec("small", "h36m17", 4, 30.0)
X, Y = np.meshgrid(np.linspace(0, 255, 640), np.linspace(0, 255, 480))
IMAGE = np.stack((X, Y, np.zeros_like(X)), -1).round().astype(np.uint8)
# metres from the pelvis, camera axes: somebody who walks towards the camera and reaches out
BODY = np.array([
    (0, 0, 0), (-0.13, 0, 0), (-0.14, 0.44, -0.15), (-0.14, 0.87, -0.02), (0.13, 0, 0), (0.14, 0.44, 0.1),
    (0.14, 0.8, 0.35), (0, -0.24, 0), (0, -0.49, 0.02), (0, -0.6, -0.06), (0, -0.71, 0), (0.17, -0.47, 0),
    (0.28, -0.25, -0.15), (0.2, -0.2, -0.4), (-0.17, -0.47, 0), (-0.26, -0.2, 0.05), (-0.3, 0.02, -0.1),
])  # fmt: skip


class Knowing(ImageLifter):
    """Stands for a trained network: knows everybody's joints in the camera frame, and keeps what it was shown."""

    def __init__(self, *true_m, sigma_m=0.01, spoil=lambda xyz_m: xyz_m):
        super().__init__(ExtPose(SMALL), SPEC)
        self.true_m, self.sigma_m, self.spoil, self.shown = true_m, sigma_m, spoil, []

    def warm_up(self, streams=1):
        pass

    def __call__(self, crops_rgb, skeletons, *rest, **given):
        self.shown.append((crops_rgb, skeletons))
        true_m = np.stack(self.true_m)
        crops, _ = boxes(CAMERA.project(true_m), np.ones(true_m.shape[:2]), (640, 480), self.size, SPEC.crop)
        xyz_m = look_at_crops(crops, CAMERA).from_camera(true_m - true_m[:, :1]).astype(np.float32)
        sigma_m = np.full(xyz_m.shape[:2], self.sigma_m, np.float32)
        return ImageOutput(self.spoil(xyz_m), sigma_m, np.ones((len(xyz_m), 3), np.float32))


def at(x=0.0, z=3.5):
    """True joints (17, 3) in the camera frame."""
    return BODY + np.array((x, 0.0, z))


def lifted(true_m, track=1, scale=0.95, sigma_m=0.05):
    """As the lifter has them: nearer, and reaching back instead of forth."""
    wrong = true_m - true_m[0]
    wrong[:, 2] *= -0.5
    xyz_m = scale * (wrong + true_m[0])
    state = np.full(17, JointState.MEASURED)
    return Person3D(f"id{track}", track, "h36m17", xyz_m, np.full(17, sigma_m), state, TrackState.TRACKED)


def keypoints(*true_m, hidden=()):
    """Rays and scores of the true joints."""
    true_m = np.stack(true_m)
    score = np.full(true_m.shape[:2], 0.9)
    score[:, formats.get("h36m17").indices(hidden)] = 0
    return np.where(score[..., None] > 0, true_m[..., :2] / true_m[..., 2:], np.nan).astype(np.float32), score


def look(frame=0, image=IMAGE, max_sigma=1.0, cutoff_hz=0.0, **config):
    config = PipelineConfig(refine=RefineConfig(max_sigma=max_sigma, cutoff_hz=cutoff_hz), **config)
    return ImageFrame(10**9 + frame * STEP_NS, image, CAMERA, config)


def error_m(person, true_m):
    return np.linalg.norm(person.xyz_m - true_m, axis=-1).mean()


@pytest.mark.parametrize("hidden", [(), ("left_wrist", "left_elbow", "right_ankle", "right_knee")])
@pytest.mark.parametrize("x", [0.0, -1.2])
def test_what_the_image_says_takes_the_place_of_the_lifters_body(x, hidden):
    true_m = at(x)
    given = lifted(true_m)
    (found,), reasons = BodyRefiner(Knowing(true_m)).refine(look(), [given], *keypoints(true_m, hidden=hidden))
    assert reasons == []
    assert found.method == Method.EXTPOSE
    assert (found.id, found.track, found.track_state) == (given.id, given.track, given.track_state)
    np.testing.assert_array_equal(found.state, given.state)
    assert 0.01 < found.sigma_m.min() <= found.sigma_m.max() < 0.02  # the lifter's is 0.05
    assert error_m(given, true_m) > 0.2
    assert error_m(found, true_m) < 0.05  # in its place too
    relative = np.linalg.norm(found.xyz_m - found.xyz_m[0] - BODY, axis=-1)
    assert relative.max() < 0.03  # the lifter, wrong by ten times that, counts a twenty-fifth


def test_the_less_sure_the_image_the_more_counts_the_lifters_distance():
    true_m, nearer = at(), []
    for sigma_m in (0.001, 0.02, 0.05):
        refiner = BodyRefiner(Knowing(true_m, sigma_m=sigma_m))
        (found,), _ = refiner.refine(look(), [lifted(true_m, scale=0.9)], *keypoints(true_m))
        nearer.append(1 - found.xyz_m[0, 2] / true_m[0, 2])
    assert nearer[0] == pytest.approx(0, abs=0.003)
    assert nearer[0] + 0.002 < nearer[1] < nearer[2] - 0.01
    assert nearer[2] < 0.05


def test_people_are_looked_at_together_and_each_keeps_their_own_place():
    true_m = [at(-0.9, 3.0), at(0.8, 4.0), at(0.0, 5.0)]
    lifter = Knowing(*true_m)
    given = [lifted(one, track) for track, one in enumerate(true_m)]
    found, _ = BodyRefiner(lifter).refine(look(), given, *keypoints(*true_m))
    assert [len(crops) for crops, _ in lifter.shown] == [3]
    for person, one in zip(found, true_m, strict=True):
        assert error_m(person, one) < 0.06
    # red tells the column: who stands left was shown the image's left
    columns = [crop[..., 0].mean() for crop in lifter.shown[0][0]]
    assert columns[0] < columns[2] < columns[1]


@pytest.mark.parametrize(("change", "reason"), [
    ({"sigma_m": 0.06}, RefineReason.UNSURE),
    ({"spoil": lambda xyz_m: xyz_m * np.nan}, RefineReason.IMPLAUSIBLE),
    ({"spoil": lambda xyz_m: xyz_m[:, ::-1] - xyz_m[:, -1:]}, RefineReason.IMPLAUSIBLE),
    ({"spoil": lambda xyz_m: -xyz_m}, RefineReason.IMPLAUSIBLE),
])  # fmt: skip
def test_the_lifters_body_stays_where_the_image_does_not_help(change, reason):
    true_m = at()
    given = lifted(true_m)
    (found,), reasons = BodyRefiner(Knowing(true_m, **change)).refine(look(), [given], *keypoints(true_m))
    assert found is given
    assert reasons == [reason.of("person")]


def test_a_person_of_eight_pixels_and_one_outside_stay_and_others_do_not():
    far, outside, near = at(0, 110.0), at(9.0), at()
    assert 7 < np.ptp(CAMERA.project(far)[:, 1]) < 9
    given = [lifted(one, track) for track, one in enumerate((far, outside, near))]
    found, reasons = BodyRefiner(Knowing(near)).refine(look(), given, *keypoints(far, outside, near))
    assert [one.method for one in found] == [Method.DTF, Method.DTF, Method.EXTPOSE]
    assert reasons == ["person_crop"] * 2


def test_of_whom_the_image_shows_a_half_that_half_is_looked_at():
    true_m = at()
    true_m = true_m + np.array((0, 240 / CAMERA.K[1, 1] * true_m[0, 2], 0))  # the pelvis at the lower border
    lifter = Knowing(true_m)
    BodyRefiner(lifter).refine(look(), [lifted(true_m)], *keypoints(true_m))
    (crop,), _ = lifter.shown[-1]
    assert (crop[..., 1] == 0).mean() < 0.25  # green is 0 beyond the image; around the whole body it is half


def test_who_is_hidden_is_drawn_nowhere_and_stays_where_the_lifter_has_them():
    true_m, nothing = at(), formats.get("h36m17").joints
    lifter = Knowing(true_m)
    (found,), reasons = BodyRefiner(lifter).refine(
        look(), [lifted(true_m, scale=1.0)], *keypoints(true_m, hidden=nothing)
    )
    assert reasons == []
    assert lifter.shown[0][1].max() == 0
    assert found.xyz_m[0] == pytest.approx(true_m[0], abs=0.1)


def test_nobody_is_nothing_to_look_at():
    lifter = Knowing(at())
    empty = np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.float32)
    assert BodyRefiner(lifter).refine(look(), [], *empty) == ([], [])
    assert lifter.shown == []


def test_a_known_stature_holds_for_images_too():
    true_m = at()
    known = look(placement=PlacementConfig(stature_m=1.5, keypoint_sigma_m=0.0))
    (found,), _ = BodyRefiner(Knowing(true_m)).refine(known, [lifted(true_m)], *keypoints(true_m))
    assert stature_m(found.xyz_m[None].astype(float)) == pytest.approx(1.5, rel=0.01)


def test_what_the_image_changes_comes_and_goes_slowly_and_what_the_lifter_does_at_once():
    true_m = at()
    refiner = BodyRefiner(Knowing(true_m))

    def found(frame, moved_m, given):
        refiner.lifter.true_m = (true_m + moved_m,)
        (person,), _ = refiner.refine(look(frame, cutoff_hz=1.5), [given], *keypoints(true_m + moved_m))
        return person.xyz_m

    bent = lifted(true_m)
    first = found(0, 0.0, bent)
    assert error_m(replace(bent, xyz_m=first), true_m) < 0.05  # the first answer counts at once
    later = found(1, 0.0, replace(bent, xyz_m=bent.xyz_m + np.float32(0.1)))
    np.testing.assert_allclose(later - first, 0.1, atol=0.03)  # as the lifter moved, the image's change stays


def test_the_smoothing_lasts_over_slow_cameras_and_networks_without_a_past():
    true_m = at()
    bent = lifted(true_m)

    def left(frames):
        """Share of the first image's change that is left so many frames later, when the lifter has it right."""
        refiner = BodyRefiner(Knowing(true_m))
        refiner.lifter.spec = replace(SPEC, frames=1)
        refiner.refine(look(0, cutoff_hz=1.5), [bent], *keypoints(true_m))
        right = replace(bent, xyz_m=true_m)
        (person,), _ = refiner.refine(look(frames, cutoff_hz=1.5), [right], *keypoints(true_m))
        return error_m(person, true_m) / error_m(bent, true_m)

    assert 0.3 < left(3) < 0.7  # ten images a second
    assert left(20) < 0.01  # not looked at for too long


@pytest.mark.parametrize("wrong", [{"spoil": lambda xyz_m: xyz_m * np.nan}, {"sigma_m": np.nan}])
def test_an_answer_that_is_not_finite_spoils_no_later_one(wrong):
    true_m, lifter = at(), Knowing(at())
    refiner = BodyRefiner(lifter)
    for frame in range(3):
        lifter.__dict__.update({"spoil": lambda xyz_m: xyz_m, "sigma_m": 0.01} | (wrong if frame == 1 else {}))
        (person,), reasons = refiner.refine(look(frame, cutoff_hz=1.5), [lifted(true_m)], *keypoints(true_m))
        assert reasons == ([RefineReason.IMPLAUSIBLE.of("person")] if frame == 1 else [])
    assert error_m(person, true_m) < 0.15


@pytest.fixture
def random_network():
    """A network that looks at image, keypoints and past, though it has learned nothing."""
    torch.manual_seed(0)
    lifter = ImageLifter(ExtPose(SMALL), SPEC)
    torch.nn.init.normal_(lifter.network.backbone.pos_embed)
    return lifter


@pytest.fixture
def sigma(random_network, monkeypatch):
    """sigma(*(frame number, tracks), ...) -> the network's sigma of the last person of the last frame."""
    # whatever a random network says is taken, so that its sigma is seen
    monkeypatch.setattr("pose3d_ros.stages.body_image.MAX_MISFIT", np.inf)
    places = {1: at(-0.8), 2: at(0.6), 3: at(0.0, 5.0)}

    def run(*frames):
        refiner = BodyRefiner(random_network)
        for number, tracks in frames:
            given = [lifted(places[track], track, sigma_m=50.0) for track in tracks]  # says nothing
            now = look(number, np.roll(IMAGE, 40 * number, 1), max_sigma=100.0)
            found, reasons = refiner.refine(now, given, *keypoints(*(places[track] for track in tracks)))
            assert reasons == []
        return found[-1].sigma_m

    return run


def test_everybody_has_a_past_of_their_own(sigma):
    alone = sigma((0, [1]), (1, [1]), (2, [1]))
    np.testing.assert_allclose(sigma((0, [1]), (1, [2, 1]), (2, [3, 2, 1])), alone, rtol=1e-4)
    np.testing.assert_allclose(sigma((0, [1, 2]), (1, [1, 2]), (2, [2, 1])), alone, rtol=1e-4)
    assert np.abs(sigma((2, [1])) - alone).max() > 1e-5  # the past is looked at


def test_who_comes_back_soon_is_known_and_after_the_networks_reach_is_new(sigma):
    gone = sigma((0, [2, 1]), (1, [2]), (2, [2, 1]))
    np.testing.assert_allclose(gone, sigma((0, [1]), (2, [1])), rtol=1e-4)
    assert np.abs(gone - sigma((2, [1]))).max() > 1e-5
    np.testing.assert_allclose(sigma((0, [2, 1]), (5, [2]), (6, [2, 1])), sigma((6, [1])), rtol=1e-4)
    np.testing.assert_allclose(sigma((6, [1]), (2, [1])), sigma((2, [1])), rtol=1e-4)  # time went back


def test_pasts_are_copied_only_when_others_are_looked_at(sigma, monkeypatch):
    joins = []
    join = AttentionCache.join
    monkeypatch.setattr(AttentionCache, "join", lambda caches: joins.append(len(caches)) or join(caches))
    sigma(*((number, [1, 2]) for number in range(6)), *((number, [1]) for number in range(6, 9)))
    assert joins == [2, 1]


def test_a_past_that_is_not_finite_is_left_out(random_network, sigma):
    refiner, given = BodyRefiner(random_network), [lifted(at(-0.8), 1, sigma_m=50.0)]
    sigmas = []
    for number in range(3):
        if number == 1:
            refiner._cache.keys[:] = torch.nan
        now = look(number, np.roll(IMAGE, 40 * number, 1), max_sigma=100.0)
        (found,), reasons = refiner.refine(now, given, *keypoints(at(-0.8)))
        assert reasons == ([RefineReason.IMPLAUSIBLE.of("person")] if number == 1 else [])
        sigmas.append(found.sigma_m)
    np.testing.assert_allclose(sigmas[2], sigma((2, [1])), rtol=1e-4)


def test_reset_forgets_everybody(random_network):
    refiner = BodyRefiner(random_network)
    refiner.refine(look(), [lifted(at())], *keypoints(at()))
    refiner.reset()
    assert not refiner._memory
    assert refiner._cache is None


def test_weights_of_another_skeleton_are_refused():
    hand = ImageLifter(ExtPose(replace(SMALL, skeleton="hand21")), replace(SPEC, skeleton="hand21"))
    with pytest.raises(ConfigError, match=r"refine\.body: expected ExtPose weights of h36m17, got small \(hand21\)"):
        BodyRefiner(hand)

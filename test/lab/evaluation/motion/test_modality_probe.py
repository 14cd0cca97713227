"""What images alone say is kept apart, and how a rendered hand comes through the way that photographs go."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from pose3d_testing.networks import Known
from scipy.spatial.transform import Rotation

from pose3d_ros.core.types import Hand3D, Keypoints2D, Method, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.hand import describe
from pose3d_ros.lab.evaluation.motion.modality_probe import ProbedPipeline, RecordingHands, SingleModality
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig
from pose3d_ros.lab.synthesis.image_windows import shoot
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models import Lifter, ModelSpec, registry
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageLifter, ImageOutput, ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.settings import HandConfig, PipelineConfig, RefineConfig
from pose3d_ros.stages.image_refiner import ImageFrame

CAMERA = Camera.from_fov(640, 480, 60.0)
IMAGE = np.zeros((480, 640, 3), np.uint8)
# somebody upright with the arms out, metres about the pelvis
BODY = np.array([
    (0, 0, 0), (-0.1, 0, 0), (-0.1, 0.4, 0), (-0.1, 0.8, 0), (0.1, 0, 0), (0.1, 0.4, 0), (0.1, 0.8, 0), (0, -0.25, 0),
    (0, -0.5, 0), (0, -0.6, 0), (0, -0.75, 0), (0.2, -0.5, 0), (0.45, -0.5, 0), (0.7, -0.5, 0), (-0.2, -0.5, 0),
    (-0.45, -0.5, 0), (-0.7, -0.5, 0),
])  # fmt: skip
TURNED = Rotation.from_rotvec((0, 0.5, 0)).apply(BODY)


class Saying(ImageLifter):
    """Stands for an image network: says `TURNED`, as sure as the lifter; `told`: of what."""

    def __init__(self):
        vit = ViTConfig(32, 24, patch=8, padding=0, width=24, depth=1, heads=2)
        config = ExtPoseConfig(vit, DecoderConfig(24, 1, 2, 12, 24), skeleton="h36m17", frames=1)
        super().__init__(ExtPose(config), ImageSpec("turned", "h36m17", 1, 30.0))
        self.told = []

    def warm_up(self, streams=1):
        pass

    def __call__(self, crops_rgb, skeletons, *past, image_present=(True,), pose_present):
        self.told.append((*image_present, *pose_present))
        xyz_m = np.repeat(TURNED[None].astype(np.float32), len(crops_rgb), 0)
        return ImageOutput(
            xyz_m, np.full(xyz_m.shape[:2], np.exp(-3.0), np.float32), np.ones((len(xyz_m), 3), np.float32)
        )


def pushed(given):
    """The published pelvis-relative joints, those of the image alone, and the lifter that was asked."""
    asked = Saying()
    body = Lifter(Known(BODY), ModelSpec("body", "h36m17", 27, 30.0))
    config = PipelineConfig(refine=RefineConfig(hands="", cutoff_hz=0.0), hands=HandConfig(weights=""))
    pipeline = ProbedPipeline(config, given, lifter=body, body_images=asked)
    person = Person2D("h36m17", CAMERA.project(BODY + np.array((0, 0, 3))), np.ones(17), id="anna")
    result = pipeline.push(Keypoints2D(10**9, (person,), "", 640, 480), CAMERA, IMAGE)
    (found,), alone = result.people, pipeline.people_alone[result.people[0].track]
    assert found.method == Method.EXTPOSE
    return found.xyz_m - found.xyz_m[0], alone - alone[0], asked


def test_the_image_alone_is_told_beside_what_is_published_of_both():
    published, alone, asked = pushed("both")
    np.testing.assert_allclose(alone, TURNED, atol=0.01)  # about the optical axis
    away = [np.linalg.norm(published - each, axis=1).mean() for each in (BODY, TURNED)]
    assert min(away) > 0.03  # it is neither
    assert asked.told == [(True, True)]


@pytest.mark.parametrize(("given", "told"), [("image", (True, False)), ("keypoints", (False, True))])
def test_half_of_the_input_is_blanked(given, told):
    _, alone, asked = pushed(given)
    np.testing.assert_allclose(alone, TURNED, atol=0.01)
    assert asked.told == [told]


def test_nothing_is_told_of_a_frame_without_an_image():
    body = Lifter(Known(BODY), ModelSpec("body", "h36m17", 27, 30.0))
    config = PipelineConfig(refine=RefineConfig(hands=""), hands=HandConfig(weights=""))
    pipeline = ProbedPipeline(config, lifter=body, body_images=Saying())
    person = Person2D("h36m17", CAMERA.project(BODY + np.array((0, 0, 3))), np.ones(17), id="anna")
    told = []
    for number, image in enumerate((IMAGE, None, IMAGE)):
        pipeline.push(Keypoints2D(10**9 + number * 33_333_333, (person,), "", 640, 480), CAMERA, image)
        told.append(len(pipeline.people_alone))
    assert told == [1, 0, 1]
    assert pipeline.hands_alone == {}
    assert ProbedPipeline(config, lifter=body).people_alone == {}


WIDTH, HEIGHT, COUNT = 72, 96, 16


@pytest.fixture(scope="module")
def rendered():
    """Hands before a camera whose image is a wide crop: images, cameras, joints (N, 21, 3), rays and scores."""
    config = ImageWindowConfig(
        by_keypoints=0.0, zoom=0.0, shift=0.0, unsteady=0.0,
        render=RenderConfig(width=WIDTH, height=HEIGHT, samples=1, before=0.0, held=0.0, pasted=0.0),
    )  # fmt: skip
    shot = shoot(Rng(3), COUNT, replace(config, crop=replace(config.crop, padding=1.8)), HANDS)
    images = (255 * shot.rgb[:, 0].permute(0, 2, 3, 1).numpy()).round().astype(np.uint8)
    focal = HEIGHT / 2 / shot.view.half.numpy()
    middle = np.array(((WIDTH - 1) / 2, (HEIGHT - 1) / 2)) - focal[:, None] * shot.view.centre.numpy()
    K = [np.array(((f, 0, x), (0, f, y), (0, 0, 1))) for f, (x, y) in zip(focal, middle, strict=True)]
    return images, K, *(value[:, 0].numpy() for value in (shot.xyz, shot.rays, shot.score))


def turns(lifter, rendered, side):
    """By how many degrees the shipped network, told of no keypoints, has hands turned wrong."""
    refiner, found = RecordingHands(lifter), []
    refiner.lifter = SingleModality(lifter, "image")
    for image, K, xyz_m, rays, score in zip(*rendered, strict=True):
        if side == "left":
            image = np.ascontiguousarray(image[:, ::-1])
            K = K * [[1, 1, -1], [1, 1, 1], [1, 1, 1]] + [[0, 0, WIDTH - 1], [0, 0, 0], [0, 0, 0]]
            xyz_m, rays = xyz_m * np.float32((-1, 1, 1)), rays * np.float32((-1, 1))
        pose = describe(xyz_m[None], np.array([side == "left"])).of(0)
        lifted = Hand3D("", 1, side, xyz_m[0], xyz_m=xyz_m, sigma_m=np.ones(21), state=np.ones(21, np.uint8), **pose)
        refiner.reset()
        camera = Camera(K, np.zeros(5), "plumb_bob", WIDTH, HEIGHT)
        refiner.refine(ImageFrame(10**9, image, camera), [lifted], rays[None], score[None])
        own = refiner.alone[1, side]
        rotation, _ = Rotation.align_vectors(xyz_m - xyz_m[0], own - own[0])
        found.append(np.degrees(rotation.magnitude()))
    return np.array(found)


def test_a_rendered_hand_comes_through_cropping_and_mirroring_as_the_network_knows_it(rendered):
    with closing(registry.load("hand_extpose")) as lifter:
        right, left = (turns(lifter, rendered, side) for side in ("right", "left"))
    assert np.median(right) < 40  # of hands turned at random it is 132
    np.testing.assert_allclose(left, right, atol=3)

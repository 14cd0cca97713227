"""The node with eyes: keypoints meet their image, and go on without it when it does not come in time."""

import dataclasses
import time

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")
pytest.importorskip("torch")

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from pose3d_testing.body_models import Statue
from pose3d_testing.networks import Known
from sensor_msgs.msg import CompressedImage

from pose3d_ros.models import Lifter, ModelSpec, checkpoint
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageLifter, ImageOutput, ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.msg import Skeleton3DArray
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.ros import conversions, images
from pose3d_ros.ros.pose_vit_node import pose_vit_node

PIXELS = np.full((480, 640, 3), (10, 20, 30), np.uint8)


@pytest.fixture
def vit(bench, make):
    """vit(**parameters) -> bench of an active node, with the images that its pipeline was given in `b.seen`."""

    class Seeing(make.pipeline):
        def push(self, frame, camera, image=None, pose=None):
            seen[frame.stamp_ns] = image
            return super().push(frame, camera)

    seen = {}

    def start(transport="raw", **parameters):
        b = bench(Seeing, node=pose_vit_node, image__transport=transport, **parameters).up().calibrate(make.camera)
        b.seen = seen
        b.images = b.ros.publisher(images.MESSAGES[transport], b.node.image_topic)
        return b

    return start


def image(frame, late_ns=0, pixels=PIXELS, encoding="rgb8"):
    msg = images.from_array(pixels, encoding)
    msg.header = conversions.header(frame.stamp_ns + late_ns, frame.frame_id)
    return msg


def answer(b, out, frame):
    out.wait_for(lambda msg: conversions.stamp_to_ns(msg.header.stamp) == frame.stamp_ns)
    return b.seen[frame.stamp_ns]


def test_keypoints_meet_their_image_whichever_comes_first(vit, make):
    b = vit(image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    first, second = make.frame(0), make.frame(1)
    b.images.publish(image(first))
    b.send(first)
    np.testing.assert_array_equal(answer(b, out, first), PIXELS)
    b.send(second)
    b.ros.until(lambda: b.node.health.counts["received"] == 2, "the keypoints")
    b.images.publish(image(second))
    np.testing.assert_array_equal(answer(b, out, second), PIXELS)
    assert "image" not in b.node.health.reasons()


def test_a_node_that_looks_at_nothing_says_what_to_set(vit):
    assert vit().node._facts()["looks at"] == "nothing: set refine.body, or refine.hands and hands.weights"


def test_without_any_image_the_lifters_result_goes_out(vit, make):
    b = vit()
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.send(make.frame(0))
    assert answer(b, out, make.frame(0)) is None
    assert "/image (1 publishers): no image has arrived" in b.reason("image")


def test_stamps_that_never_match_are_told_with_their_difference(vit, make):
    b = vit()
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.images.publish(image(make.frame(0), late_ns=4_000_000))
    b.ros.until(lambda: b.node._images._pairing._image_ns, "the image")
    b.send(make.frame(0))
    assert answer(b, out, make.frame(0)) is None
    assert "4.0 ms apart" in b.reason("image")


def test_slop_pairs_stamps_that_differ(vit, make):
    b = vit(image__slop_s=0.01, image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.images.publish(image(make.frame(0), late_ns=4_000_000))
    b.send(make.frame(0))
    assert answer(b, out, make.frame(0)) is not None


def test_a_lost_image_does_not_hold_up_those_after_it(vit, make):
    b = vit(image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    first, second = make.frame(0), make.frame(1)
    b.send(first, second)
    b.ros.until(lambda: b.node.health.counts["received"] == 2, "the keypoints")
    began = time.monotonic()
    b.images.publish(image(second))
    assert answer(b, out, second) is not None
    assert time.monotonic() - began < 1.0
    assert b.seen.get(first.stamp_ns) is None


@pytest.mark.parametrize(("encoding", "words"), [("infrared7", "infrared7"), ("16UC1", "16UC1 is no image")])
def test_an_image_that_cannot_be_read_is_told_and_the_stream_goes_on(vit, make, encoding, words):
    b = vit(image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    broken = image(make.frame(0))
    broken.encoding = encoding
    b.images.publish(broken)
    b.send(make.frame(0))
    assert answer(b, out, make.frame(0)) is None
    assert words in b.reason("error")
    b.images.publish(image(make.frame(1)))
    b.send(make.frame(1))
    assert answer(b, out, make.frame(1)) is not None


def test_half_a_jpeg_is_told_and_a_whole_one_is_taken(vit, make):
    import cv2

    b = vit("compressed", image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    data = cv2.imencode(".jpg", PIXELS)[1].tobytes()
    for number, sent in enumerate((data[: len(data) // 2], data)):
        header = image(make.frame(number)).header
        b.images.publish(CompressedImage(header=header, format="bgr8; jpeg compressed bgr8", data=sent))
        b.send(make.frame(number))
        seen = answer(b, out, make.frame(number))
        assert (seen is None) == (number == 0)
    assert "cannot decode" in b.reason("error")


def test_images_without_keypoints_are_told(vit, make):
    b = vit(diagnostic_updater__period=0.1)
    b.images.publish(image(make.frame(0)))
    told = b.ros.inbox(DiagnosticArray, "/diagnostics", 50)
    told.wait_for(lambda array: any("no message on /keypoints" in status.message for status in array.status))


def test_gray_images(vit, make):
    b = vit(image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.images.publish(image(make.frame(0), pixels=np.ascontiguousarray(PIXELS[..., 0]), encoding="mono8"))
    b.send(make.frame(0))
    assert (answer(b, out, make.frame(0)) == np.full_like(PIXELS, 10)).all()


def test_gray_and_compressed_images(vit, make):
    import cv2

    b = vit("compressed", image__wait_s=1.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    frame = make.frame(0)
    data = cv2.imencode(".png", PIXELS[..., 0])[1].tobytes()
    b.images.publish(CompressedImage(header=image(frame).header, format="mono8; png compressed", data=data))
    b.send(frame)
    seen = answer(b, out, frame)
    assert seen.shape == (480, 640, 3)
    assert (seen == 10).all()


def test_deactivation_leaves_nothing_subscribed(vit):
    b = vit()
    assert b.node.trigger_deactivate().name == "SUCCESS", b.node.last_error
    assert b.node.trigger_cleanup().name == "SUCCESS", b.node.last_error
    assert b.pipeline.closed
    inputs = {"/image", "/keypoints", "/camera_info"}
    assert not inputs & {subscription.topic_name for subscription in b.node.subscriptions}


class Looking(ImageLifter):
    """Stands for an image network: says the same, and is surer."""

    def __init__(self, xyz_m):
        vit = ViTConfig(32, 24, patch=8, padding=0, width=24, depth=1, heads=2)
        network = ExtPose(ExtPoseConfig(vit, DecoderConfig(24, 1, 2, 12, 24), skeleton="h36m17", frames=2))
        super().__init__(network, ImageSpec("looking", "h36m17", 2, 30.0))
        self.xyz_m, self.closed = np.float32(xyz_m), False

    def __call__(self, crops_rgb, *rest, **given):
        xyz_m = np.repeat(self.xyz_m[None], len(crops_rgb), 0)
        return ImageOutput(xyz_m, np.full(xyz_m.shape[:2], 0.01, np.float32), np.ones((len(xyz_m), 3), np.float32))

    def close(self):
        self.closed = True
        super().close()


@pytest.fixture
def standing(make):
    """Joints (17, 3) about the pelvis of whom the keypoints show."""
    return np.pad((make.standing_px - make.standing_px[0]) / 200, ((0, 0), (0, 1)))


@pytest.fixture
def lifter(standing):
    return Lifter(Known(standing), ModelSpec("standing", "h36m17", 9, 30.0))


@pytest.fixture
def looking(bench, make, standing, lifter):
    """looking() -> bench of an active node with the real pipeline, and its image network in `b.looks`."""

    def start(**parameters):
        looks = Looking(standing)

        def pipeline(config):
            return Pipeline(config, lifter, body_images=looks)

        b = bench(pipeline, node=pose_vit_node, hands__weights="", image__wait_s=1.0, **parameters)
        b.up().calibrate(make.camera)
        b.looks = looks
        b.images = b.ros.publisher(images.MESSAGES["raw"], b.node.image_topic)
        return b

    return start


def published(b, out, frame, *images):
    for msg in images:
        b.images.publish(msg)
    b.send(frame)
    return out.wait_for(lambda msg: conversions.stamp_to_ns(msg.header.stamp) == frame.stamp_ns)


def test_the_message_says_which_method_gave_each_body(looking, make):
    b = looking()
    out = b.inbox(Skeleton3DArray, "skeletons")
    frame = make.frame(0)
    (person,) = published(b, out, frame, image(frame)).people
    assert person.method == "extpose"
    np.testing.assert_allclose(person.xyz_m[:3], (0, 0, 3), atol=0.05)
    assert "looking" in b.node._facts()["model"]
    assert b.node._facts()["looks at"] == "person"


def test_a_body_too_small_for_the_image_stays_the_lifters_and_is_told(looking, make):
    b = looking(tracking__gate=False, tracking__min_size_px=0.0)
    out = b.inbox(Skeleton3DArray, "skeletons")
    near = make.body("anna")
    far = dataclasses.replace(near, id="ben", xy_px=(near.xy_px - near.xy_px[0]) / 36 + (120, 240))
    frame = make.frame(0, near, far)
    people = published(b, out, frame, image(frame)).people
    assert {person.id: person.method for person in people} == {"anna": "extpose", "ben": "dtf"}
    assert b.reason("people").startswith("person_crop")


def test_cleanup_frees_the_image_network(looking):
    b = looking()
    assert b.node.trigger_deactivate().name == "SUCCESS", b.node.last_error
    assert b.node.trigger_cleanup().name == "SUCCESS", b.node.last_error
    assert b.looks.closed


@pytest.fixture
def configured(bench, lifter, tmp_path):
    """configured(**parameters) -> a node that was told to configure; `smpl` in them stands for SMPL weights' path."""
    config = ExtPoseConfig(ViTConfig(32, 24, patch=8, padding=0, width=24, depth=1, heads=2), DecoderConfig(24, 1, 2))
    config = dataclasses.replace(config, skeleton="h36m17", head="smpl", frames=1, uncertainty=False)
    weights = tmp_path / "hmr2.safetensors"
    checkpoint.save(weights, ExtPose(config), ImageSpec("hmr2", "h36m17", 1, 30.0, drawn=False))

    def made(**parameters):
        given = {name: str(weights) if value == "smpl" else value for name, value in parameters.items()}
        settings = {"hands__weights": "", "body__device": "cpu", "body__backend": "torch"}
        node = bench(lambda config: Pipeline(config, lifter), node=pose_vit_node, **settings, **given).node
        return node, node.trigger_configure().name

    return made


@pytest.mark.parametrize(("parameters", "words"), [
    ({"refine__body": "no/such.safetensors"}, "no/such.safetensors: there is no such file"),
    ({"refine__body": "smpl"}, "in refine.body_model"),
    ({"refine__body": "smpl", "refine__body_model": "no/SMPL.pkl"}, "body model no/SMPL.pkl: there is no such file"),
])  # fmt: skip
def test_weights_that_cannot_refine_bodies_fail_configure_with_the_reason(configured, parameters, words):
    node, result = configured(**parameters)
    assert result == "FAILURE"
    assert words in node.last_error


def test_the_node_looks_at_bodies_with_smpl_weights_and_their_model(configured, monkeypatch):
    monkeypatch.setattr("pose3d_ros.models.image_lifter.BodyModel", Statue)
    node, result = configured(refine__body="smpl", refine__body_model="my/SMPL_NEUTRAL.pkl")
    assert result == "SUCCESS", node.last_error
    assert "hmr2 with SMPL_NEUTRAL.pkl, torch" in node._facts()["model"]
    assert node._facts()["looks at"] == "person"

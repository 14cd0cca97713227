"""`Pipeline`: bodies first, hands on their wrists, and what becomes of a frame whose image is of no use."""

from contextlib import closing

import numpy as np
import pytest
import torch
from pose3d_testing.body_models import Statue, write
from pose3d_testing.networks import Known

from pose3d_ros.core import formats
from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError
from pose3d_ros.core.types import Keypoints2D, Method, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import boxes
from pose3d_ros.geometry.crop_camera import look_at_crops
from pose3d_ros.models import Lifter, ModelSpec, checkpoint
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageLifter, ImageOutput, ImageSpec
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.pipeline import STAGES, Pipeline
from pose3d_ros.settings import BodyConfig, PipelineConfig, RefineConfig
from pose3d_ros.tracking.track import TrackingConfig

CAMERA = Camera.from_fov(640, 480, 60.0)
IMAGE = np.zeros((480, 640, 3), np.uint8)
STEP_NS = 33_333_334
VIT = ViTConfig(32, 24, patch=8, padding=0, width=24, depth=1, heads=2)
# standing 2.5 m before the camera, the left hand stretched out towards it
BODY = np.array([
    (0, 0.3, 2.5), (-0.1, 0.3, 2.5), (-0.1, 0.7, 2.5), (-0.1, 1.1, 2.5), (0.1, 0.3, 2.5), (0.1, 0.7, 2.5),
    (0.1, 1.1, 2.5), (0, 0.05, 2.5), (0, -0.2, 2.5), (0, -0.35, 2.45), (0, -0.5, 2.5), (0.17, -0.18, 2.5),
    (0.25, -0.1, 2.25), (0.3, -0.15, 2.0), (-0.17, -0.18, 2.5), (-0.3, 0.05, 2.5), (-0.35, -0.2, 2.5),
])  # fmt: skip
WRIST = formats.get("h36m17").index("left_wrist")
# a hand that points up with spread fingers: five chains of four joints
CHAINS = [(x * (1 + 0.2 * k), -0.08 - 0.02 * k, 0) for x in (0.05, 0.025, 0, -0.02, -0.04) for k in range(4)]
HAND = np.array([(0, 0, 0), *CHAINS])


class Knowing(ImageLifter):
    """Stands for an image network: knows where the body is."""

    def __init__(self, skeleton="h36m17", true_m=BODY):
        config = ExtPoseConfig(VIT, DecoderConfig(24, 1, 2, 12, 24), skeleton=skeleton, frames=2)
        super().__init__(ExtPose(config), ImageSpec(f"images of {skeleton}", skeleton, 2, 30.0))
        self.true_m, self.closed = true_m, False

    def warm_up(self, streams=1):
        pass

    def close(self):
        self.closed = True
        super().close()

    def __call__(self, crops_rgb, skeletons, *rest, **given):
        true_m = self.true_m[None]
        crops, _ = boxes(CAMERA.project(true_m), np.ones(true_m.shape[:2]), (640, 480), self.size, self.spec.crop)
        xyz_m = look_at_crops(crops, CAMERA).from_camera(true_m - true_m[:, :1]).astype(np.float32)
        xyz_m = np.repeat(xyz_m, len(crops_rgb), 0)
        return ImageOutput(xyz_m, np.full(xyz_m.shape[:2], 0.005, np.float32), np.ones((len(xyz_m), 3), np.float32))


@pytest.fixture
def make():
    """make(**networks of images) -> a pipeline whose body lifter sees a flat body, the arm not stretched out."""

    def made(**images):
        flat = (BODY - BODY[0]) * (1, 1, 0)
        body = Lifter(Known(flat), ModelSpec("body", "h36m17", 27, 30.0))
        hands = Lifter(Known(HAND), ModelSpec("hand", "hand21", 27, 30.0))
        # no others than those given, and everybody, however far
        config = PipelineConfig(refine=RefineConfig(hands=""), tracking=TrackingConfig(gate=False, min_size_px=0))
        return Pipeline(config, body, hands, **images)

    return made


def push(pipeline, image=IMAGE, frame=0, camera=CAMERA):
    body = Person2D("h36m17", camera.project(BODY), np.ones(17), id="anna")
    hand = Person2D("hand21", camera.project(HAND * (-1, 1, 1) + BODY[WRIST]), np.ones(21), id="anna", side="left")
    frame = Keypoints2D(10**9 + frame * STEP_NS, (body, hand), "camera", camera.width, camera.height)
    return pipeline.push(frame, camera, image)


def test_the_hand_hangs_on_the_arm_that_the_image_stretched_out(make):
    plain, seen = push(make()), push(make(body_images=Knowing()))
    assert (plain.people[0].method, seen.people[0].method) == (Method.DTF, Method.EXTPOSE)
    assert plain.people[0].xyz_m[WRIST, 2] > 2.3
    assert seen.people[0].xyz_m[WRIST, 2] == pytest.approx(2.0, abs=0.05)
    for result in (plain, seen):
        assert result.hands[0].method == Method.DTF
        assert result.hands[0].wrist_m[2] == pytest.approx(result.people[0].xyz_m[WRIST, 2], abs=1e-4)
    assert seen.hands[0].wrist_m == pytest.approx(seen.people[0].xyz_m[WRIST], abs=0.03)
    assert seen.hands[0].wrist_m == pytest.approx(BODY[WRIST], abs=0.05)


def test_both_are_refined_in_one_frame_and_timed(make):
    hand_m = HAND * (-1, 1, 1) + BODY[WRIST]
    pipeline = make(body_images=Knowing(), hand_images=Knowing("hand21", hand_m))
    assert "images of h36m17" in pipeline.description
    assert "images of hand21" in pipeline.description
    result = push(pipeline)
    assert result.people[0].method == Method.EXTPOSE
    assert tuple(result.timings_ms) == (*STAGES, "refine", "total")
    assert 0 < result.timings_ms["refine"] < result.timings_ms["total"]
    assert sum(result.timings_ms[stage] for stage in (*STAGES, "refine")) <= result.timings_ms["total"]


@pytest.mark.parametrize(("name", "looks_at"), [("hand_extpose", ["hand"]), ("", [])])
def test_shipped_weights_look_at_hands_unless_they_are_switched_off(name, looks_at):
    assert RefineConfig().hands == "hand_extpose"
    body = BodyConfig(device="cpu", backend="torch")
    with closing(Pipeline(PipelineConfig(body=body, refine=RefineConfig(hands=name)))) as pipeline:
        assert pipeline.looks_at == looks_at
        assert ("hand_extpose" in pipeline.description) == bool(looks_at)


def test_without_an_image_the_lifters_result_goes_out(make):
    pipeline = make(body_images=Knowing())
    push(pipeline)
    result = push(pipeline, None, 1)
    assert result.people[0].method == Method.DTF
    assert result.reasons == ()
    assert "refine" not in result.timings_ms


def test_an_image_of_another_size_is_told_once_and_not_used(make):
    result = push(make(body_images=Knowing(), hand_images=Knowing("hand21")), IMAGE[:240])
    assert result.people[0].method == Method.DTF
    assert result.hands[0].method == Method.DTF
    assert result.reasons == ("image_of_another_size",)


def test_who_gives_no_crop_is_the_lifters_and_others_are_not(make):
    pipeline = make(body_images=Knowing())
    far = BODY - BODY[0] + (0, 0, 120.0)  # 8 pixels high
    people = [
        Person2D("h36m17", CAMERA.project(body), np.ones(17), id=name) for name, body in (("anna", BODY), ("ben", far))
    ]
    result = pipeline.push(Keypoints2D(10**9, tuple(people), "camera", 640, 480), CAMERA, IMAGE)
    assert {person.id: person.method for person in result.people} == {"anna": Method.EXTPOSE, "ben": Method.DTF}
    assert result.reasons == ("person_crop",)


def test_a_camera_that_does_not_tell_its_size_is_taken_at_the_images(make):
    camera = Camera(CAMERA.K)
    assert push(make(body_images=Knowing()), camera=camera).people[0].method == Method.EXTPOSE


def test_another_camera_and_a_reset_forget_what_was_seen(make):
    pipeline = make(body_images=Knowing())
    push(pipeline)
    assert pipeline.body_refiner._memory
    push(pipeline, None, 1, Camera.from_fov(640, 480, 61.0))
    assert not pipeline.body_refiner._memory
    push(pipeline, frame=2)
    pipeline.reset()
    assert not pipeline.body_refiner._memory


def test_close_frees_both(make):
    images = Knowing(), Knowing("hand21")
    pipeline = make(body_images=images[0], hand_images=images[1])
    pipeline.close()
    assert all(one.closed for one in images)
    with pytest.raises(EngineError, match="closed"):
        push(pipeline)


def parametric(path, **options):
    """A pipeline whose bodies are refined by SMPL weights, written to `path`."""
    config = ExtPoseConfig(VIT, DecoderConfig(24, 1, 2, 12, 24), "h36m17", "smpl", 1, uncertainty=False)
    torch.manual_seed(0)
    checkpoint.save(path, ExtPose(config), ImageSpec("hmr", "h36m17", 1, 30.0, sigma_seen=0.2, drawn=False))
    refine = RefineConfig(body=str(path), hands="", cutoff_hz=0.0, **options)
    flat = Lifter(Known((BODY - BODY[0]) * (1, 1, 0)), ModelSpec("body", "h36m17", 27, 30.0))
    return Pipeline(PipelineConfig(BodyConfig(device="cpu", backend="torch"), refine=refine), flat)


def test_bodies_are_refined_by_weights_that_speak_smpl(tmp_path, monkeypatch):
    crops, _ = boxes(CAMERA.project(BODY[None]), np.ones((1, 17)), (640, 480), (24, 32))
    seen = look_at_crops(crops, CAMERA).from_camera((BODY - BODY[0])[None])[0]
    monkeypatch.setattr("pose3d_ros.models.image_lifter.BodyModel", lambda kind, path: Statue(kind, path, seen))
    with closing(parametric(tmp_path / "hmr.safetensors", body_model="my/SMPL_NEUTRAL.pkl")) as pipeline:
        assert "hmr with SMPL_NEUTRAL.pkl, torch" in pipeline.description
        (person,) = push(pipeline).people
    assert person.method == Method.EXTPOSE
    assert person.xyz_m[WRIST, 2] < 2.25  # stretched out, which the lifter knows nothing of
    assert person.sigma_m.shape == (17,)


def test_a_real_reader_of_body_models_in_the_pipeline(tmp_path):
    pytest.importorskip("smplx", reason="SMPL and MANO need the optional package smplx")
    model = write(tmp_path / "model.npz", "smpl")
    with closing(parametric(tmp_path / "hmr.safetensors", body_model=model)) as pipeline:
        result = push(pipeline)
    assert result.reasons == ("person_image_implausible",)  # made-up joints look like nobody
    hand = write(tmp_path / "hand.npz", "mano")
    with pytest.raises(CheckpointError, match="expected 24 joints and 6890 vertices, got 16 and 778"):
        parametric(tmp_path / "hmr.safetensors", body_model=hand)


@pytest.fixture
def weights(tmp_path):
    """weights(kind) -> path of a file that is of no use for bodies in images."""

    def written(kind):
        path = tmp_path / f"{kind}.safetensors"
        if kind == "lifter":
            network = DTF(DTFConfig(frames=9, channels=32, hidden=32, heads=4, generator_layers=1))
            checkpoint.save(path, network, ModelSpec("lifter", "h36m17", 9, 30.0))
        elif kind != "missing":
            changes = {
                "hands": {"skeleton": "hand21"},
                "smpl": {"head": "smpl"},
                "heatmaps": {"pose_input": "heatmaps"},
            }.get(kind, {})  # fmt: skip
            config = ExtPoseConfig(
                VIT, DecoderConfig(24, 1, 2, 12, 24), **({"skeleton": "h36m17", "frames": 2} | changes)
            )
            checkpoint.save(path, ExtPose(config), ImageSpec(kind, config.skeleton, 2, 30.0))
        if kind == "another size":
            path.write_bytes(path.read_bytes().replace(b'\\"width\\": 24', b'\\"width\\": 36'))
        return str(path)

    return written


@pytest.mark.parametrize(("kind", "error", "words"), [
    ("missing", CheckpointError, "no such file"),
    ("lifter", CheckpointError, "expected the weights of an image model"),
    ("hands", ConfigError, r"refine\.body: expected ExtPose weights of h36m17, got hands \(hand21\)"),
    ("smpl", CheckpointError, r"name SMPL_NEUTRAL\.pkl from .* in refine\.body_model"),
    ("heatmaps", CheckpointError, "that takes heatmaps"),
    ("another size", CheckpointError, "size mismatch"),
])  # fmt: skip
def test_weights_that_are_no_use_for_bodies_are_refused_with_the_reason(make, weights, kind, error, words):
    config = PipelineConfig(body=BodyConfig(device="cpu", backend="torch"), refine=RefineConfig(body=weights(kind)))
    networks = make()
    with pytest.raises(error, match=words):
        Pipeline(config, networks.bodies.lifter, networks.hands.lifter)

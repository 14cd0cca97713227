"""`ImageLifter`: weights with their spec, arrays in and out, streams."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pose3d_testing.body_models import Statue

from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError, InputError
from pose3d_ros.geometry.crop import CropConfig, as_input
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig
from pose3d_ros.models import checkpoint, registry
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.frame_attention import AttentionCache
from pose3d_ros.models.image_lifter import ImageLifter, ImageSpec
from pose3d_ros.models.lifter import DEFAULT_SIGMA_M
from pose3d_ros.models.parametric import SKELETONS
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig

VIT = ViTConfig(image_height=48, image_width=32, width=24, depth=2, heads=2)
CONFIG = ExtPoseConfig(VIT, DecoderConfig(32, 1, 2, 16, 32), frames=3)
SPEC = ImageSpec(
    "tiny",
    "hand21",
    3,
    30.0,
    CropConfig(padding=1.5),
    SkeletonImageConfig(threshold=0.2),
    sigma_seen=0.9,
    sigma_hidden=1.4,
)
RNG = np.random.default_rng(0)
CROPS = RNG.integers(0, 256, (4, 2, 48, 32, 3), np.uint8)
DRAWN = RNG.random((4, 2, 3, 48, 32), np.float32)


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = ExtPose(CONFIG).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.fixture
def written(tmp_path, network):
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(path, network, SPEC)
    return path


def test_weights_come_back_with_everything_that_belongs_to_them(written, network):
    lifter = registry.load(written)
    assert lifter.spec == SPEC
    assert lifter.network.config == CONFIG
    assert lifter.size == (32, 48)
    for ours, theirs in zip(lifter(CROPS[0], DRAWN[0]), ImageLifter(network, SPEC)(CROPS[0], DRAWN[0]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_image_weights_where_keypoints_are_lifted_are_refused(written):
    with pytest.raises(CheckpointError, match=r"they take images.*refine\.hands"):
        registry.load_lifter(written)


def test_a_stream_is_the_causal_network(network):
    lifter = ImageLifter(network, SPEC)
    cache = lifter.start(2)
    image = torch.stack([torch.from_numpy(as_input(crops)) for crops in CROPS], 1)
    there = np.array([[True, True], [True, False], [False, True], [True, True]])
    with torch.inference_mode():
        wanted = network(image, torch.from_numpy(DRAWN).transpose(0, 1), torch.from_numpy(there.T), causal=True)
    for t in range(4):
        seen = lifter(CROPS[t], DRAWN[t], cache, np.array([t, t]), image_present=there[t])
        np.testing.assert_allclose(seen.xyz_m, wanted["xyz"][:, t].numpy(), atol=1e-5)
        np.testing.assert_allclose(seen.sigma_m, wanted["log_sigma"][:, t].exp().clamp(max=10).numpy(), rtol=1e-4)
        np.testing.assert_allclose(seen.weak, wanted["camera"][:, t].numpy(), atol=1e-4)


def test_people_come_and_go(network):
    lifter = ImageLifter(network, SPEC)
    cache = lifter.start(2)
    lifter(CROPS[0], DRAWN[0], cache)
    joined = AttentionCache.join([cache.pick(torch.tensor([1])), lifter.start(1)])  # the first has gone, somebody came
    both = lifter(CROPS[1], DRAWN[1], joined)
    stays = lifter(CROPS[1, [1, 0]], DRAWN[1, [1, 0]], cache)
    new = lifter(CROPS[1], DRAWN[1])
    np.testing.assert_allclose(both.xyz_m[1], new.xyz_m[1], atol=1e-5)
    assert np.abs(both.xyz_m[0] - new.xyz_m[0]).max() > 1e-4  # has a past
    np.testing.assert_allclose(both.xyz_m[0], stays.xyz_m[1], atol=1e-5)  # and its own
    assert joined.newest.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("crops", "drawn", "words"),
    [
        (CROPS[0, :, :40], DRAWN[0], r"expected crops of shape \(2, 48, 32, 3\), got \(2, 40, 32, 3\)"),
        (CROPS[0], DRAWN[0, :1], r"expected crops of shape \(1, 48, 32, 3\), got \(2, 48, 32, 3\)"),
        (CROPS[0], DRAWN[0, :, :1], r"expected skeletons of shape \(2, 3, 48, 32\), got \(2, 1, 48, 32\)"),
    ],
)
def test_shapes_that_do_not_fit(network, crops, drawn, words):
    with pytest.raises(InputError, match=words):
        ImageLifter(network, SPEC)(crops, drawn)


def test_nobody_in_the_image(network):
    seen = ImageLifter(network, SPEC)(CROPS[0, :0], DRAWN[0, :0])
    assert seen.xyz_m.shape == (0, 21, 3)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_network_that_knows_no_drawn_skeletons_is_shown_the_image_alone(network, frames):
    alone = ExtPose(replace(CONFIG, frames=frames)).eval()
    alone.load_state_dict({k: v for k, v in network.state_dict().items() if "temporal" not in k}, strict=False)
    lifter = ImageLifter(alone, replace(SPEC, frames=frames, drawn=False))
    cache = lifter.start(2)
    image = torch.stack([torch.from_numpy(as_input(crops)) for crops in CROPS], 1)
    with torch.inference_mode():
        wanted = alone(image, causal=True)["xyz"] if frames > 1 else alone(image.flatten(0, 1)[:, None])["xyz"][:, 0]
    wanted = wanted if frames > 1 else wanted.unflatten(0, (2, 4))
    for t in range(4):
        seen = lifter(CROPS[t], DRAWN[(t + 1) % 4], cache, pose_present=np.array([True, False]))
        np.testing.assert_allclose(seen.xyz_m, wanted[:, t].numpy(), atol=1e-5)


@pytest.mark.parametrize("head", ["smpl", "mano"])
def test_a_body_model_beside_the_network_gives_the_joints_of_one_inside(head):
    config = replace(CONFIG, head=head, skeleton=SKELETONS[head], uncertainty=False)
    spec = replace(SPEC, skeleton=config.skeleton)
    statue = Statue(head, "somewhere/statue.pkl")
    torch.manual_seed(0)
    inside, beside = ExtPose(config, statue), ExtPose(config)
    beside.load_state_dict(inside.state_dict())
    lifters = ImageLifter(inside, spec), ImageLifter(beside, spec, body_model=statue)
    assert lifters[1].description.startswith("tiny with statue.pkl, eager torch")
    caches = [lifter.start(2) for lifter in lifters]
    for t in range(4):
        wanted, got = (lifter(CROPS[t], DRAWN[t], cache) for lifter, cache in zip(lifters, caches, strict=True))
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.abs(got.xyz_m).max() > 0.1
    np.testing.assert_array_equal(got.sigma_m, np.float32(DEFAULT_SIGMA_M))  # it says none: the spec's factors decide


def test_the_body_model_of_a_weights_file(tmp_path, written, monkeypatch):
    monkeypatch.setattr("pose3d_ros.models.image_lifter.BodyModel", Statue)
    config = replace(CONFIG, head="mano")
    checkpoint.save(tmp_path / "mano.safetensors", ExtPose(config), SPEC)
    lifter = registry.load(tmp_path / "mano.safetensors", body_model="my/MANO_RIGHT.pkl")
    assert (lifter.body_model.kind, lifter.body_model.file) == ("mano", "MANO_RIGHT.pkl")
    with pytest.raises(CheckpointError, match=r"their head is kinematic.*got my/MANO_RIGHT\.pkl"):
        registry.load(written, body_model="my/MANO_RIGHT.pkl")


def test_closed_and_foreign(network):
    lifter = ImageLifter(network, SPEC)
    lifter.warm_up()
    lifter.close()
    with pytest.raises(EngineError, match="was closed"):
        lifter(CROPS[0], DRAWN[0])
    with pytest.raises(EngineError, match="takes coordinates, no images"):
        ImageLifter(ExtPose(ExtPoseConfig(VIT, frames=3, pose_input="coordinates")), SPEC)(CROPS[0], DRAWN[0])
    with pytest.raises(EngineError, match="need a body model"):
        ImageLifter(ExtPose(ExtPoseConfig(VIT, frames=3, head="mano")), SPEC)(CROPS[0], DRAWN[0])
    with pytest.raises(ConfigError, match="its spec promises"):
        ImageLifter(ExtPose(ExtPoseConfig(VIT, frames=9)), SPEC)


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("config", lambda c: c["vit"].update(patch=7), "expected whole patches of 7"),
        ("config", lambda c: c["vit"].update(width=48), "size mismatch"),
        ("config", lambda c: c.update(head="smpl"), "head smpl gives h36m17"),
        ("config", lambda c: c.pop("decoder"), "header does not fit.*decoder"),
        ("spec", lambda s: s.update(frames=9), "takes 3 frames of 21 joints, but its spec promises 9 of 21"),
        ("spec", lambda s: s["crop"].update(padding=0), "padding: expected at least 1"),
        ("spec", lambda s: s["drawing"].update(colour="red"), "header does not fit.*colour"),
    ],
)
def test_headers_that_do_not_fit(written, network, monkeypatch, part, change, words):
    read = checkpoint.read_header

    def changed(path):
        header = read(path)
        change(header[part])
        return header

    monkeypatch.setattr(checkpoint, "read_header", changed)
    with pytest.raises(CheckpointError, match=words):
        registry.load(written)

"""ExtPose: what it shares with the plain ViT, what it sees, and the cached step against all frames at once."""

from dataclasses import replace

import pytest
import torch

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.models.extpose import FUSIONS, POSE_INPUTS, ExtPose, ExtPoseConfig
from pose3d_ros.models.frame_attention import AttentionCache, Sight
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig

VIT = ViTConfig(image_height=48, image_width=32, width=24, depth=2, heads=2)
SMALL = ExtPoseConfig(vit=VIT, decoder=DecoderConfig(width=32, depth=2, heads=2, head_width=16, mlp=32), frames=4)
KEYS = ("xyz", "log_sigma", "camera", "shape", "rotations")


def network(**changes) -> ExtPose:
    """With every parameter away from its start, the temporal embedding too."""
    torch.manual_seed(0)
    made = ExtPose(replace(SMALL, **changes))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval().requires_grad_(False)


def images(frames: int, seed: int = 1, shape: tuple = (3, 48, 32)) -> torch.Tensor:
    return torch.randn(2, frames, *shape, generator=torch.Generator().manual_seed(seed))


def poses(frames: int, pose_input: str = "image") -> torch.Tensor:
    return images(frames, 2, {"image": (3, 48, 32), "heatmaps": (21, 48, 32), "coordinates": (21, 3)}[pose_input])


def same(a: dict, b: dict, tolerance: float = 1e-5) -> None:
    for key in KEYS:
        torch.testing.assert_close(a[key], b[key], atol=tolerance, rtol=tolerance)


def differ(a: dict, b: dict) -> bool:
    return bool((a["xyz"] - b["xyz"]).abs().max() > 1e-4)


def at(out: dict, frames: slice) -> dict:
    return {key: value[:, frames] for key, value in out.items()}


def test_one_frame_of_one_modality_is_the_plain_vit():
    made, image = network(), images(1)
    out = made(image)
    plain = made.head(made.backbone(image[:, 0]))
    torch.testing.assert_close(out["log_sigma"][:, 0], plain["log_sigma"], atol=0, rtol=0)
    torch.testing.assert_close(out["shape"][:, 0], plain["shape"], atol=0, rtol=0)
    # the skeleton image goes the same way: no modality embedding
    same(out, made(pose=image), 0)


def test_one_frame_of_both_is_one_attention_over_all_tokens():
    made, image, pose = network(), images(1), poses(1)
    backbone = made.backbone
    x = torch.cat((backbone.embed(image[:, 0]), backbone.embed(pose[:, 0])), 1)
    for block in backbone.blocks:
        x = block(x)
    wanted = made.head(backbone.last_norm(x))["log_sigma"]
    torch.testing.assert_close(made(image, pose)["log_sigma"][:, 0], wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("pose_input", POSE_INPUTS)
def test_variants_and_their_shapes(fusion, pose_input, frames):
    if (fusion, pose_input) == ("channel_concat", "coordinates"):
        with pytest.raises(ConfigError, match="needs a pose input that is an image"):
            network(fusion=fusion, pose_input=pose_input)
        return
    made = network(fusion=fusion, pose_input=pose_input)
    image, pose = images(frames), poses(frames, pose_input)
    out = made(image, pose)
    assert out["xyz"].shape == (2, frames, 21, 3)
    assert out["log_sigma"].shape == out["shape"].shape == (2, frames, 21)
    assert out["camera"].shape == (2, frames, 3)
    assert out["rotations"].shape == (2, frames, 21, 3, 3)
    for other in (made(image), made(pose=pose)):
        assert other["xyz"].shape == out["xyz"].shape
        assert differ(out, other)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("frames", [1, 3])
def test_an_absent_modality_is_as_if_it_were_not_given(fusion, frames):
    made, image, pose = network(fusion=fusion), images(frames), poses(frames)
    none = torch.zeros(2, frames, dtype=torch.bool)
    same(made(image, pose, pose_present=none), made(image), 2e-5)
    same(made(image, pose, image_present=none), made(pose=pose), 2e-5)
    # for each sample of a batch by itself
    first = torch.tensor([[True], [False]]).expand(2, frames)
    mixed = made(image, pose, image_present=first, pose_present=~first)
    torch.testing.assert_close(mixed["xyz"][0], made(image)["xyz"][0], atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(mixed["xyz"][1], made(pose=pose)["xyz"][1], atol=2e-5, rtol=2e-5)


def test_absent_frames_reach_no_other_frame_and_are_filled():
    made, image, pose = network(), images(4), poses(4)
    there = torch.tensor([[True, True, False, True]]).expand(2, 4)
    out = made(image, pose, there, there)
    image[:, 2], pose[:, 2] = 7.0, -7.0
    changed = made(image, pose, there, there)
    for frames in (slice(0, 2), slice(3, 4)):
        same(at(out, frames), at(changed, frames))
    assert torch.isfinite(out["xyz"]).all()
    image[:, 1] += 1  # a lost frame is worked out from its neighbours
    assert differ(at(changed, slice(2, 3)), at(made(image, pose, there, there), slice(2, 3)))


def test_frames_see_each_other_both_ways_or_only_back():
    made, image, pose = network(), images(4), poses(4)
    later = image.clone()
    later[:, 3] += 1
    assert differ(at(made(image, pose), slice(0, 3)), at(made(later, pose), slice(0, 3)))
    same(at(made(image, pose, causal=True), slice(0, 3)), at(made(later, pose, causal=True), slice(0, 3)))
    earlier = image.clone()
    earlier[:, 0] += 1
    assert differ(at(made(image, pose, causal=True), slice(3, 4)), at(made(earlier, pose, causal=True), slice(3, 4)))


def test_each_frame_sees_the_other_modality_of_its_own_frame_directly():
    """With one block the tokens' keys are those of the input: nothing of another frame's other modality arrives."""
    made = network(vit=replace(VIT, depth=1))
    image, pose = images(2), poses(2)
    tokens, sizes = made._embed(image, pose, None)
    sight = Sight(2, sizes, None, 4, False)

    def out(x):
        return made.backbone.blocks[0](x, lambda q, k, v: made.attention(0, q, k, v, sight))

    changed = tokens.clone()
    changed[:, 0, sizes[0] :] += torch.randn_like(changed[:, 0, sizes[0] :])
    gap = (out(tokens) - out(changed)).abs().amax((0, 3))
    assert (gap[0] > 1e-4).all()  # its own frame: both modalities
    assert (gap[1, sizes[0] :] > 1e-4).all()  # the other frame: the same modality
    assert (gap[1, : sizes[0]] < 1e-6).all()  # and not the other one


@pytest.mark.parametrize(
    ("fusion", "pose_input", "kept"),
    [
        ("cross_modal", "image", 1),
        ("cross_modal", "image", 3),
        ("cross_modal", "coordinates", 2),
        ("late", "image", 3),
        ("channel_concat", "heatmaps", 3),
    ],
)
def test_cached_steps_equal_all_frames_at_once(fusion, pose_input, kept):
    made = network(fusion=fusion, pose_input=pose_input, frames=kept)
    frames = 2 * kept + 3  # the ring is overwritten more than once
    image, pose = images(frames), poses(frames, pose_input)
    generator = torch.Generator().manual_seed(3)
    image_present, pose_present = (torch.rand(2, frames, generator=generator) < 0.6 for _ in range(2))
    for masks in ((None, None), (image_present, pose_present)):
        wanted = made(image, pose, *masks, causal=True)
        cache = made.start(2)
        for t in range(frames):
            now = [None if mask is None else mask[:, t] for mask in masks]
            same(made.step(image[:, t], pose[:, t], cache, *now), at(wanted, slice(t, t + 1)))


def test_one_modality_steps_too():
    made, pose = network(), poses(6)
    wanted, cache = made(pose=pose, causal=True), made.start(2, image=False)
    for t in range(6):
        same(made.step(None, pose[:, t], cache), at(wanted, slice(t, t + 1)))


def test_skipped_slots_are_absent_frames():
    made, image, pose = network(), images(9), poses(9)
    slots = [0, 1, 3, 8]
    there = torch.zeros(2, 9, dtype=torch.bool)
    there[:, slots] = True
    wanted, cache = made(image, pose, there, there, causal=True), made.start(2)
    for t in slots:
        out = made.step(image[:, t], pose[:, t], cache, slot=torch.tensor([t, t]))
        same(out, at(wanted, slice(t, t + 1)))


def test_a_stream_of_hours_is_as_good_as_a_new_one():
    """Positions are relative: the slot's number does not matter, however large."""
    made, image, pose = network(), images(5), poses(5)
    early, late = made.start(2), made.start(2)
    for t in range(5):
        slot = torch.tensor([t, t])
        same(
            made.step(image[:, t], pose[:, t], early, slot=slot),
            made.step(image[:, t], pose[:, t], late, slot=slot + 10_000_000_000),
            1e-6,
        )


def test_streams_of_different_age_share_a_batch():
    made, image, pose = network(), images(6), poses(6)
    alone = [made.start(1), made.start(1)]
    for t in range(4):
        made.step(image[:1, t], pose[:1, t], alone[0])
    for t in range(2):
        made.step(image[1:, t], pose[1:, t], alone[1])
    together = AttentionCache.join([alone[1], alone[0]])
    out = made.step(image[[1, 0], 4], pose[[1, 0], 4], together)
    first, second = (made.step(image[i : i + 1, 4], pose[i : i + 1, 4], alone[i]) for i in (0, 1))
    torch.testing.assert_close(out["xyz"], torch.cat((second["xyz"], first["xyz"])), atol=1e-5, rtol=1e-5)
    picked = together.pick(torch.tensor([1]))
    made.step(image[:1, 5], pose[:1, 5], picked)
    assert picked.newest.tolist() == [5]
    assert together.newest.tolist() == [2, 4]


def test_before_training_the_extension_is_the_image_network():
    """The temporal embedding starts at 0: frames that are all alike give what one of them gives."""
    torch.manual_seed(0)
    made = ExtPose(SMALL).eval()
    image = images(1)
    out = made(image.expand(-1, 3, -1, -1, -1))
    same(at(out, slice(1, 2)), made(image))


def test_every_parameter_learns():
    made = ExtPose(SMALL).train()
    made(images(3), poses(3))["xyz"].square().sum().backward()
    without = {name for name, parameter in made.named_parameters() if parameter.grad is None}
    # the first layers of the decoder look at one query: its own queries and keys do not count, but share their weight
    assert without == {"head.decsigma.weight", "head.decsigma.bias", "head.deccam.weight", "head.deccam.bias"}
    for name, parameter in made.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


def test_exported_forward_gives_the_same():
    made, image, pose = network(), images(3), poses(3)
    there = torch.ones(2, 3, dtype=torch.bool)
    there[0, -1] = False
    inputs = (image, pose, there, ~there)
    program = torch.export.export(made, inputs)
    same(program.module()(*inputs), made(*inputs))


def test_exported_frame_gives_the_same():
    made, image, pose = network(), images(3), poses(3)
    cache = made.start(2)
    for t in range(2):
        made.step(image[:, t], pose[:, t], cache)

    class Frame(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.made = made

        def forward(self, image, pose, present, keys, values, shape, seen, slot, newest, age):
            return self.made.frame(image, pose, present, AttentionCache(keys, values, shape, seen, slot, newest), age)

    present = torch.ones(2, 2, dtype=torch.bool)
    age = cache.age(cache.newest + 1)
    inputs = (image[:, 2:], pose[:, 2:], present, *cache.tensors(), age)
    program = torch.export.export(Frame(), inputs)
    out, own = program.module()(*inputs)
    wanted, kept = made.frame(image[:, 2:], pose[:, 2:], present, cache, age)
    same(out, wanted)
    for a, b in zip(own, kept, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [((None, None), "got neither"), ((images(2), poses(3)), r"same people and frames, got \(2, 2\) and \(2, 3\)")],
)
def test_inputs_that_do_not_fit(inputs, words):
    with pytest.raises(InputError, match=words):
        network()(*inputs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fusion": "sum"}, "fusion: expected one of cross_modal, late, channel_concat, got 'sum'"),
        ({"pose_input": "text"}, "pose_input: expected one of"),
        ({"head": "bones"}, "head: expected one of kinematic, smpl, mano"),
        ({"frames": 0}, "frames: expected at least 1"),
        ({"skeleton": "coco17"}, "head kinematic gives hand21 or h36m17, got 'coco17'"),
        ({"head": "smpl"}, "head smpl gives h36m17, got 'hand21'"),
    ],
)
def test_settings_that_do_not_fit(changes, words):
    with pytest.raises(ConfigError, match=words):
        network(**changes)

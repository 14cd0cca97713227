"""HMR2.0 and HaMeR: their parameter names, strictly, and their numbers.

`golden_vit.npz` holds what the public code answers, in a small size, for the weights of `published` and the input of
`golden_input`, both made of numpy's frozen random stream; and its parameters' names and shapes.
"""

import numpy as np
import pytest
import torch
from pose3d_testing.published_vit import GOLDEN, HEADS, LOAD, published

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.published.vit import load_hamer, load_hmr2
from pose3d_ros.models.vit import PRESETS, ViT


def golden_input() -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(7).standard_normal((2, 3, 64, 48)).astype(np.float32))


@pytest.mark.parametrize("which", LOAD)
def test_same_numbers_as_the_public_code(which):
    network = LOAD[which](published(which), heads=HEADS)
    with torch.inference_mode():
        tokens = network.backbone(golden_input())
        out = network(golden_input()[:, None])
    wanted = torch.from_numpy(GOLDEN[f"{which}_tokens"])
    assert 0.5 < wanted.std() < 5  # the comparison means something
    torch.testing.assert_close(tokens, wanted, atol=1e-4, rtol=1e-4)
    for key in ("rotations", "shape", "camera"):
        wanted = torch.from_numpy(GOLDEN[f"{which}_{key}"])
        assert wanted.std() > 0.1
        torch.testing.assert_close(out[key][:, 0], wanted, atol=1e-4, rtol=1e-4)


def test_a_lightning_checkpoint_and_what_it_holds_besides():
    extra = {"smpl.v_template": torch.ones(3), "discriminator.fc.weight": torch.ones(1), "initialized": torch.ones(1)}
    plain = load_hmr2(published("hmr2"), heads=HEADS).state_dict()
    whole = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in {**published("hmr2"), **extra}.items()}}
    loaded = load_hmr2(whole, heads=HEADS).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in plain.items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("backbone.blocks.1.mlp.fc1.bias"), r"missing \['backbone\.blocks\.1\.mlp\.fc1\.bias'\]"),
        (lambda t: t.update({"backbone.cls_token": torch.ones(1)}), r"unexpected \['backbone\.cls_token'\]"),
        (lambda t: t.update({"smpl_head.deccam.weight": torch.ones(3, 7)}), "deccam"),
        (lambda t: t.update({"backbone.pos_embed": torch.ones(1, 198, 32)}), "an image of 4 : 3, got 197"),
        (lambda t: t.pop("smpl_head.init_body_pose"), "init_pose"),
        (lambda t: t.clear(), "not those of such a network"),
    ],
)
def test_weights_that_do_not_fit(change, words):
    tensors = published("hmr2")
    change(tensors)
    with pytest.raises(CheckpointError, match=words):
        load_hmr2(tensors, heads=HEADS)


def test_weights_of_the_other_network():
    with pytest.raises(CheckpointError, match="mano weights"):
        load_hamer(published("hmr2"), heads=HEADS)


def test_loaded_weights_see_time_only_once_trained():
    network = load_hmr2(published("hmr2"), heads=HEADS, frames=3)
    image = golden_input()[:, None]
    with torch.inference_mode():
        alone, three = network(image), network(image.expand(-1, 3, -1, -1, -1))
    torch.testing.assert_close(three["rotations"][:, 1], alone["rotations"][:, 0], atol=1e-5, rtol=1e-5)
    assert isinstance(network, ExtPose)


@pytest.mark.parametrize(("preset", "millions"), [("S", 21.6), ("B", 85.8), ("L", 303.3), ("H", 630.7)])
def test_presets_have_the_size_of_vitpose(preset, millions):
    with torch.device("meta"):
        backbone = ViT(PRESETS[preset])
    assert PRESETS[preset].tokens == 192
    assert round(sum(p.numel() for p in backbone.parameters()) / 1e6, 1) == pytest.approx(millions, abs=0.3)

"""What tokens are asked while training: patches of joints, what lies outside, one image or two."""

import pytest
import torch

from pose3d_ros.lab.training.places import DEPTH_M, Places
from pose3d_ros.models.extpose import ExtPoseConfig
from pose3d_ros.models.vit import ViTConfig

CONFIG = ExtPoseConfig(vit=ViTConfig(image_height=32, image_width=24, patch=8, padding=0, width=100, depth=1, heads=2))


@pytest.fixture
def places() -> Places:
    return Places(CONFIG)


@pytest.mark.parametrize(
    ("uv", "patch", "inside"),
    [
        ((0.0, -0.99), 1, True),  # middle of the first row
        ((0.74, 0.99), 11, True),  # lower right corner
        ((-0.74, -0.99), 0, True),
        ((0.76, 0.0), 0, False),  # the crop is narrower than high
        ((0.0, 1.01), 0, False),
        ((float("nan"), 0.0), 0, False),
    ],
)
def test_the_patch_of_a_joint(places, uv, patch, inside):
    found, there = places.patch_of(torch.tensor(uv))
    assert (int(found), bool(there)) == (patch, inside)


def test_right_tokens_cost_nothing_and_wrong_ones_something(places):
    uv = torch.rand(4, 1, 21, 2) * 1.4 - 0.7
    xyz = torch.randn(4, 1, 21, 3) * DEPTH_M["hand21"]
    joints = torch.arange(21)
    patch, _ = places.patch_of(uv)
    tokens = torch.zeros(4, 1, 12, 100)
    tokens[torch.arange(4)[:, None], 0, patch[:, 0], joints] = 30.0  # loud in the joint's own column
    tokens[torch.arange(4)[:, None], 0, patch[:, 0], 21 + joints] = xyz[:, 0, :, 2] / DEPTH_M["hand21"]
    with torch.no_grad():
        places.linear.weight.copy_(torch.eye(42, 100))
        places.linear.bias.zero_()
        right = places(tokens, uv, xyz)
        assert right < 1e-3
        assert places(tokens.roll(1, 0), uv, xyz) > 1
        both = torch.cat((tokens, tokens), 2)  # image and drawn skeleton: each answers for itself
        assert places(both, uv, xyz) == pytest.approx(float(right), abs=1e-6)
        half_wrong = places(torch.cat((tokens, tokens.roll(1, 0)), 2), uv, xyz)
        assert half_wrong == pytest.approx(float(right + places(tokens.roll(1, 0), uv, xyz)) / 2, rel=1e-4)


def test_what_is_outside_or_unknown_does_not_count(places):
    tokens = torch.randn(2, 1, 12, 100, requires_grad=True)
    uv, xyz = torch.zeros(2, 1, 21, 2), torch.zeros(2, 1, 21, 3)
    whole = places(tokens[:1], uv[:1], xyz[:1])
    uv[1], xyz[1] = 2.0, float("nan")
    assert places(tokens, uv, xyz).item() == pytest.approx(whole.item(), rel=1e-5)
    nothing = places(tokens[1:], uv[1:], xyz[1:])
    nothing.backward()
    assert nothing == 0
    assert torch.isfinite(tokens.grad).all()


def test_tokens_of_coordinates_are_not_asked(places):
    few = torch.randn(1, 1, 5, 100)
    assert places(few, torch.zeros(1, 1, 21, 2), torch.zeros(1, 1, 21, 3)) == 0

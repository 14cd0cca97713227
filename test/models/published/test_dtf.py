"""The published network: its size, its parameter names, and its numbers.

`golden_published.npz` holds what the authors' own code answers for the weights of `released` and the input of
`golden_input`, both made of numpy's frozen random stream.
"""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.models.dtf import DTF, PUBLISHED, load_published

GOLDEN = Path(__file__).parent / "golden_published.npz"
WIDTH, MIXED, COORDINATES = 512, 1024, 51


def linear(name: str, outputs: int, inputs: int, *kernel: int) -> dict[str, tuple]:
    return {f"{name}.weight": (outputs, inputs, *kernel), f"{name}.bias": (outputs,)}


def norm(name: str, width: int, batch: bool = False) -> dict[str, tuple]:
    shapes = {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    if batch:
        shapes |= {f"{name}.running_mean": (width,), f"{name}.running_var": (width,), f"{name}.num_batches_tracked": ()}
    return shapes


def self_attention(name: str, width: int) -> dict[str, tuple]:
    return linear(f"{name}.qkv", 3 * width, width) | linear(f"{name}.proj", width, width)


def mlp(name: str, width: int, hidden: int) -> dict[str, tuple]:
    return linear(f"{name}.fc1", hidden, width) | linear(f"{name}.fc2", width, hidden)


def released_shapes(frames: int) -> dict[str, tuple]:
    """Name -> shape of every tensor in a checkpoint of the authors."""
    shapes = {}
    for view in (1, 2):
        encoder = f"MVG_Encoder_{view}"
        shapes |= norm(f"norm_{view}", frames) | {f"{encoder}.pos_embed": (1, COORDINATES, frames)}
        for block in (f"{encoder}.blocks.{i}" for i in range(4)):
            shapes |= norm(f"{block}.norm1", frames) | self_attention(f"{block}.attn", frames)
            shapes |= norm(f"{block}.norm2", frames) | mlp(f"{block}.mlp", frames, 2 * frames)
        shapes |= norm(f"{encoder}.norm", frames)
        if frames > 27:
            shapes |= linear(f"embedding_{view}", WIDTH, COORDINATES, 1)
        else:
            shapes |= linear(f"embedding_{view}.0", WIDTH, COORDINATES, 1) | norm(
                f"embedding_{view}.1", WIDTH, batch=True
            )
        shapes[f"MVG_Views.pos_embed_{view}"] = (1, frames, WIDTH)
        for block in (f"MVG_Views.SRM_blocks.{i}" for i in range(2)):
            shapes |= norm(f"{block}.norm1_{view}", WIDTH) | self_attention(f"{block}.attn_{view}", WIDTH)
        fusion = "MVG_Views.IFM_blocks.0"
        shapes |= norm(f"{fusion}.norm3_{view}1", WIDTH) | norm(f"{fusion}.norm3_{view}2", WIDTH)
        for part in ("linear_q", "linear_k", "linear_v", "proj"):
            shapes |= linear(f"{fusion}.attn_{view}.{part}", WIDTH, WIDTH)
    for block in ("SRM_blocks.0", "SRM_blocks.1", "IFM_blocks.0"):
        shapes |= norm(f"MVG_Views.{block}.norm2", MIXED) | mlp(f"MVG_Views.{block}.mlp", MIXED, MIXED)
    shapes |= norm("MVG_Views.norm", MIXED) | norm("regression.0", MIXED, batch=True)
    return shapes | linear("regression.1", COORDINATES, MIXED, 1)


def value(name: str, shape: tuple) -> np.ndarray:
    """Numbers that depend on the name alone; linear layers keep their input's size."""
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.array(100)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = shape[1] ** -0.5 if name.endswith("weight") else 0.1
    return (spread * rng.standard_normal(shape)).astype(np.float32)


def released(frames: int) -> dict[str, torch.Tensor]:
    """A checkpoint as the authors' code would write it."""
    return {name: torch.from_numpy(value(name, shape)) for name, shape in released_shapes(frames).items()}


def golden_input(frames: int) -> torch.Tensor:
    """float32 (1, T, 17, 3)."""
    return torch.from_numpy(np.random.RandomState(frames).standard_normal((1, frames, 17, 3)).astype(np.float32))


@pytest.mark.parametrize(("frames", "millions"), [(27, 12.81), (81, 13.24), (243, 16.80), (351, 21.04)])
def test_parameters_as_published(frames, millions):
    network = DTF(PUBLISHED[frames])
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize("frames", [27, 81])
def test_same_numbers_as_the_authors_code(frames):
    network = load_published(released(frames))
    wanted = torch.from_numpy(np.load(GOLDEN)[str(frames)])
    with torch.inference_mode():
        ours = network(golden_input(frames))["xyz"]
    assert 0.5 < wanted.std() < 20  # the comparison means something
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def checkpoint():
    return released(27)


def test_data_parallel_prefix_is_dropped(checkpoint):
    plain = load_published(checkpoint).state_dict()
    prefixed = load_published({f"module.{name}": tensor for name, tensor in checkpoint.items()}).state_dict()
    assert all(torch.equal(plain[name], prefixed[name]) for name in plain)


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("norm_1.weight", "norm_one.weight"),
        ("MVG_Views.SRM_blocks.0.attn_1.qkv.weight", "MVG_Views.SRM_blocks.0.attention_1.qkv.weight"),
        ("regression.1.bias", "head.bias"),
    ],
)
def test_a_renamed_parameter_is_named(checkpoint, name, renamed):
    changed = {renamed if key == name else key: tensor for key, tensor in checkpoint.items()}
    with pytest.raises(CheckpointError, match=f"unexpected parameter {re.escape(renamed)}"):
        load_published(changed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MVG_Views.pos_embed_1", "MVG_Views.pos_embed_1, it is missing"),
        ("norm_2.bias", "missing .*generators.1.norm_in.bias"),
        ("MVG_Views.IFM_blocks.0.attn_2.linear_v.weight", "missing .*fusion.attentions.1.value.weight"),
        ("regression.1.weight", "missing .*regression.weight"),
    ],
)
def test_a_missing_parameter_is_named(checkpoint, name, words):
    with pytest.raises(CheckpointError, match=words):
        load_published({key: tensor for key, tensor in checkpoint.items() if key != name})


def test_a_parameter_too_many_is_named(checkpoint):
    extra = {"MVG_Encoder_3.norm.weight": torch.ones(27)}  # a third hypothesis, as its forerunner has
    with pytest.raises(CheckpointError, match=r"unexpected .*generators\.2\.norm_out\.weight"):
        load_published(checkpoint | extra)


def test_a_parameter_of_another_shape_is_named(checkpoint):
    with pytest.raises(CheckpointError, match=r"norm\.weight"):
        load_published(checkpoint | {"MVG_Views.norm.weight": torch.ones(512)})


def test_another_window_length_is_refused(checkpoint):
    with pytest.raises(CheckpointError, match=r"expected T in \[27, 81, 243, 351\], got 9"):
        load_published(checkpoint | {"MVG_Views.pos_embed_1": torch.zeros(1, 9, 512)})

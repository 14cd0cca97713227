"""Occlusion masks hide what they promise."""

import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.synthesis import occlusion
from pose3d_ros.lab.synthesis.body import ARM, LEG
from pose3d_ros.lab.synthesis.rng import Rng

RATE = 30.0


@pytest.fixture
def rays():
    return Rng(5).normal(40, 300, 17, 2)


def runs(hidden):
    """Lengths of the runs of True along a 1D tensor, those at the ends left out."""
    lengths, count, inside = [], 0, False
    for value in hidden.tolist():
        if value:
            count += 1
        else:
            if inside and count:
                lengths.append(count)
            count, inside = 0, True
    return lengths


@pytest.mark.parametrize("hidden", [0, 4, 8, 12, 16])
def test_random_hides_exactly_so_many_in_every_frame(rays, hidden):
    mask = occlusion.random(Rng(1), rays, hidden)
    assert mask.sum(-1).eq(hidden).all()
    if hidden:
        assert mask.float().mean((0, 1)).sub(hidden / 17).abs().max() < 0.03  # every joint alike


def test_random_takes_a_number_per_window(rays):
    hidden = torch.arange(40) % 17
    assert occlusion.random(Rng(1), rays, hidden).sum(-1).eq(hidden[:, None]).all()


@pytest.mark.parametrize(("rate", "low", "high"), [(15.0, 0.3, 2.0), (30.0, 0.3, 2.0), (60.0, 0.5, 3.0)])
def test_spans_last_as_many_seconds(rate, low, high):
    frames = int(20 * rate)
    spans = occlusion.spans(Rng(2), 30, frames, rate, 4.0, (low, high))
    lengths = [n / rate for window in spans.transpose(1, 2).reshape(-1, frames) for n in runs(window)]
    assert len(lengths) > 50
    assert min(lengths) >= low - 1 / rate
    assert max(lengths) <= high + 1 / rate
    assert max(lengths) - min(lengths) > 0.7 * (high - low)


def test_limb_hides_whole_limbs(rays):
    mask = occlusion.limb(Rng(1), rays, RATE)
    assert 0.05 < float(mask.float().mean()) < 0.6
    for rows in (ARM["left"], ARM["right"], LEG["left"], LEG["right"]):
        part = mask[:, :, rows]
        assert (part.all(-1) == part.any(-1)).all()


def test_burst_leaves_and_hides(rays):
    mask = occlusion.burst(Rng(1), rays, RATE)
    assert 0.2 < float(mask.float().mean()) < 0.9


def test_truncated_hides_a_side_all_the_time():
    still = Rng(5).normal(200, 1, 17, 2).expand(-1, 20, -1, -1)
    mask = occlusion.truncated(Rng(1), still)
    assert (mask == mask[:, :1]).all()
    below = 0
    for rays, hidden in zip(still[:, 0], mask[:, 0], strict=True):
        assert 0 < int(hidden.sum()) < 17
        below += bool(rays[hidden, 1].min() >= rays[~hidden, 1].max())
    assert below > 100  # mostly the legs: y points down


def test_lost_frames_are_lost_for_all_joints(rays):
    mask = occlusion.lost_frames(Rng(1), rays, RATE)
    assert (mask.all(-1) == mask.any(-1)).all()
    assert 0.15 < float(mask.float().mean()) < 0.55


def test_passer_covers_some_for_some_time(rays):
    still = rays[:, :1].expand(-1, 300, -1, -1)
    mask = occlusion.passer(Rng(1), still, RATE)
    assert mask.any(1).float().mean() > 0.8
    assert not mask.all(1).any()


@pytest.mark.parametrize(("share", "kept"), [(1.0, 1.0), (0.5, 0.5), (1 / 3, 1 / 3), (0.8, 0.8)])
def test_slower_leaves_the_slots_of_a_slower_camera(rays, share, kept):
    mask = occlusion.slower(Rng(1), rays, torch.full((40,), share))
    assert (mask.all(-1) == mask.any(-1)).all()
    assert not mask[:, -1].any()
    seen = ~mask[..., 0]
    assert float(seen.float().mean()) == pytest.approx(kept, abs=0.02)
    gaps = {int(gap) for window in seen for gap in window.nonzero()[:, 0].diff()}
    assert gaps <= {int(1 / share), int(1 / share) + 1}


@pytest.mark.parametrize("name", [*occlusion.PROTOCOLS, "passer"])
def test_every_protocol_is_a_mask_and_fixed_by_its_seed(rays, name):
    first, second = (occlusion.mask(name, Rng(9), rays, RATE) for _ in range(2))
    assert first.dtype == torch.bool
    assert first.shape == rays.shape[:3]
    assert (first == second).all()
    assert bool(first.any()) == (name != "clean")


@pytest.mark.parametrize("name", ["random:17", "random:", "fog"])
def test_unknown_protocol(rays, name):
    with pytest.raises(ConfigError, match="clean"):
        occlusion.mask(name, Rng(0), rays, RATE)

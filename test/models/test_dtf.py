"""The network itself: shapes, one slot against all, rows of a batch, variants, export."""

from dataclasses import replace

import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.models.dtf import DTF, DTFConfig

SMALL = DTFConfig(
    frames=9, joints=5, channels=16, hidden=32, layers=3, heads=4, generator_layers=2, generator_heads=3,
    uncertainty=True,
)  # fmt: skip


def network(**changes) -> DTF:
    """With weights and batch statistics that are not those of a fresh network."""
    torch.manual_seed(0)
    made = DTF(replace(SMALL, **changes))
    for name, tensor in [*made.named_parameters(), *made.named_buffers()]:
        with torch.no_grad():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point():
                tensor.add_(0.1 * torch.randn_like(tensor))
    return made.eval()


def window(people: int = 4, config: DTFConfig = SMALL) -> torch.Tensor:
    return torch.randn(people, config.frames, config.joints, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("views", [1, 2, 3, 4])
@pytest.mark.parametrize("layers", [1, 3])
def test_shapes(views, layers):
    out = network(views=views, layers=layers)(window())
    assert out["xyz"].shape == (4, 9, 5, 3)
    assert out["log_sigma"].shape == (4, 9, 5)
    assert torch.isfinite(out["xyz"]).all()


@pytest.mark.parametrize("views", [1, 2, 4])
@pytest.mark.parametrize("frame", [-1, 0, 4, 8])
def test_one_slot_equals_that_slot_of_all(views, frame):
    made = network(views=views)
    every, one = made(window()), made(window(), frame)
    for name in ("xyz", "log_sigma"):
        torch.testing.assert_close(one[name][:, 0], every[name][:, frame], atol=1e-5, rtol=1e-5)
        assert one[name].shape[1] == 1


def test_a_row_of_a_batch_is_that_person_alone():
    made, batch = network(), window(4)
    together = made(batch)["xyz"]
    for person in range(4):
        torch.testing.assert_close(made(batch[person : person + 1])["xyz"][0], together[person], atol=1e-5, rtol=1e-5)


def test_the_newest_slot_uses_the_whole_window():
    """The window is past only; inside of it nothing is thrown away: every slot and joint reaches the newest output."""
    x = window(1).requires_grad_()
    network()(x, frame=-1)["xyz"].sum().backward()
    assert (x.grad.abs().sum((0, 3)) > 0).all()


def test_confidence_matters():
    made, x = network(), window(1)
    unsure = x.clone()
    unsure[..., 2] *= 0.1
    assert (made(x)["xyz"] - made(unsure)["xyz"]).abs().max() > 1e-3


def test_uncertainty_head_is_extra_and_never_teaches_the_pose():
    made = network().train()
    assert "log_sigma" not in network(uncertainty=False)(window())
    made(window())["log_sigma"].sum().backward()
    taught = {name.split(".")[0] for name, p in made.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught == {"uncertainty"}


def test_embedding_norm_is_a_choice_of_the_config():
    def norms(made: DTF) -> int:
        return sum(isinstance(m, torch.nn.BatchNorm1d) for m in made.modules())

    assert norms(network(embedding_norm=True)) == norms(network(embedding_norm=False)) + SMALL.views


def test_training_reaches_every_parameter():
    made = network(drop_path=0.0, dropout=0.0).train()
    out = made(window())
    (out["xyz"].square().sum() + out["log_sigma"].square().sum()).backward()
    # a key's bias cancels in the softmax
    idle = [
        n for n, p in made.named_parameters() if (p.grad is None or not p.grad.any()) and not n.endswith("key.bias")
    ]
    assert idle == []


def test_drop_path_keeps_the_mean():
    made = network(drop_path=0.5, dropout=0.0)
    drop = made.refinements[1].drop_path.train()
    assert drop.rate == pytest.approx(0.25)
    torch.manual_seed(0)
    kept = drop(torch.ones(4000, 1, 1))
    assert kept.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert kept.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(kept), kept)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"frames": 10}, "frames: expected a multiple of 3"), ({"channels": 18}, "channels: expected a multiple of 4"),
     ({"views": 5}, "views: expected 1 to 4, got 5"), ({"views": 0}, "views")],
)  # fmt: skip
def test_impossible_sizes(change, words):
    with pytest.raises(ConfigError, match=words):
        replace(SMALL, **change)


@pytest.mark.slow
@pytest.mark.parametrize("frame", [-1, None])
def test_exports_with_static_shapes(frame):
    made, x = network(layers=2, generator_layers=1), window(2)
    exported = torch.export.export(made, (x, frame))
    other = torch.flip(x, (0,))
    for name, tensor in made(other, frame).items():
        torch.testing.assert_close(exported.module()(other, frame)[name], tensor)
    tensors = (node.meta.get("val") for node in exported.graph.nodes)
    assert all(isinstance(size, int) for one in tensors if isinstance(one, torch.Tensor) for size in one.shape)

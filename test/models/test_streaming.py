"""The streaming network: a step gives what the whole sequence gives."""

import pytest
import torch

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.models.streaming import State, StreamingConfig, StreamingDTF

SMALL = StreamingConfig(window=8, channels=24, hidden=32, heads=3, generator_hidden=16)
FRAMES = 100


@pytest.fixture(scope="module")
def network() -> StreamingDTF:
    torch.manual_seed(0)
    made = StreamingDTF(SMALL).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    return made


@pytest.fixture(scope="module")
def sequences() -> torch.Tensor:
    return torch.randn(3, FRAMES, SMALL.features, generator=torch.Generator().manual_seed(1))


def stepped(network: StreamingDTF, x: torch.Tensor, state: State) -> tuple[list[dict], State]:
    outs = []
    for t in range(x.shape[1]):
        out, state = network.step(x[:, t], state)
        outs.append(out)
    return outs, state


def test_steps_give_what_the_whole_sequence_gives(network, sequences):
    whole = network(sequences)
    outs, state = stepped(network, sequences, network.start(3))
    for name in ("xyz", "log_sigma"):
        torch.testing.assert_close(torch.cat([out[name] for out in outs], 1), whole[name], rtol=0, atol=1e-5)
    assert state.age.tolist() == [FRAMES] * 3
    assert whole["xyz"].std(1).min() > 1e-3  # it depends on its input


def test_streams_of_different_ages_share_a_batch(network, sequences):
    ages = (0, 3, 20)
    states = [stepped(network, sequences[i : i + 1, :age], network.start(1))[1] for i, age in enumerate(ages)]
    together = State(*(torch.cat(parts) for parts in zip(*states, strict=True)))
    new = torch.stack([sequences[i, age] for i, age in enumerate(ages)])
    out, state = network.step(new, together)
    for i, age in enumerate(ages):
        whole = network(sequences[i : i + 1, : age + 1], frame=-1)
        torch.testing.assert_close(out["xyz"][i : i + 1], whole["xyz"], rtol=0, atol=1e-5)
    assert state.age.tolist() == [1, 4, 21]


def test_the_newest_frame_can_be_replaced(network, sequences):
    x = sequences[:1]
    _, state = stepped(network, x[:, :20], network.start(1))
    _, wrong = network.step(x[:, 50], state)
    for _ in range(2):  # also a second time, with a frame in between
        right, wrong = network.step(x[:, 20], wrong.without_newest())
    torch.testing.assert_close(right["xyz"], network(x[:, :21], frame=-1)["xyz"], rtol=0, atol=1e-5)


def test_no_frame_sees_the_future_and_one_layer_no_farther_than_its_window(sequences):
    torch.manual_seed(0)
    network = StreamingDTF(StreamingConfig(window=8, channels=24, hidden=32, heads=3, layers=1)).eval()
    changed = sequences.clone()
    changed[:, 50] += 1
    moved = (network(changed)["xyz"] - network(sequences)["xyz"]).abs().amax((0, 2, 3)) > 1e-6
    # the fusion's second view asks with the first one's tokens, which looked back themselves
    assert moved[50]
    assert moved.nonzero().min() == 50
    assert moved.nonzero().max() <= 50 + 2 * 7


def test_what_is_kept_does_not_grow(network, sequences):
    _, early = stepped(network, sequences[:, :8], network.start(3))
    _, late = stepped(network, sequences, network.start(3))
    assert early.memory.shape == late.memory.shape == (3, 6, 3, 8, 16)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="multiple of 5 heads"):
        StreamingConfig(heads=5)
    with pytest.raises(ConfigError, match="window >= 2"):
        StreamingConfig(window=1)

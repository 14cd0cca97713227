"""A small motion file, and a network that costs nothing."""

from pathlib import Path

import pytest
import torch

from pose3d_ros.lab.synthesis import motion
from pose3d_ros.models import Lifter, ModelSpec
from pose3d_ros.models.dtf import DTF, DTFConfig
from pose3d_ros.models.streaming import StreamingConfig, StreamingDTF
from pose3d_ros.models.streaming_lifter import StreamingLifter

SAMPLE = Path(__file__).parents[2] / "data" / "motion_sample.npz"
SMALL = DTFConfig(
    channels=8,
    hidden=8,
    heads=1,
    layers=2,
    generator_layers=1,
    generator_heads=3,
    dropout=0,
    drop_path=0,
    uncertainty=True,
)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The network is tiny: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def sample() -> motion.MotionSet:
    return motion.load([SAMPLE])


@pytest.fixture(scope="session")
def small_network(sample) -> DTF:
    """Gives the sample's mean pose, and moves it a little with its input."""
    torch.manual_seed(3)
    network = DTF(SMALL).eval()
    with torch.no_grad():
        turned = sample.joints.mean(0)[:, [0, 2, 1]] * torch.tensor([1.0, -1.0, 1.0])  # z up -> y down
        network.regression.weight.mul_(0.1)
        network.regression.bias.copy_(turned.flatten())
        network.uncertainty.weight.mul_(0.1)
        network.uncertainty.bias.fill_(-2.0)
    return network


@pytest.fixture
def small_stream(small_network) -> StreamingLifter:
    """The same of a streaming network."""
    torch.manual_seed(3)
    network = StreamingDTF(StreamingConfig(window=20, channels=8, hidden=8, heads=1, generator_hidden=8, layers=2))
    with torch.no_grad():
        for mine, theirs in (
            (network.regression, small_network.regression),
            (network.uncertainty, small_network.uncertainty),
        ):
            mine.weight.mul_(0.1)
            mine.bias.copy_(theirs.bias)
    return StreamingLifter(network, ModelSpec("small_stream", "h36m17", 20, 30.0))


@pytest.fixture
def small_lifter(small_network) -> Lifter:
    return Lifter(small_network, ModelSpec("small", "h36m17", 27, 30.0))

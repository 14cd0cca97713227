"""Seeded random tensors on one device."""

import torch
from torch import Tensor


class Rng:
    """Draws from one generator, so that a seed fixes everything."""

    def __init__(self, seed: int, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.device)

    def log_uniform(self, *shape: int, low: float, high: float) -> Tensor:
        return low * (high / low) ** self.uniform(*shape)

    def normal(self, *shape: int, std: float = 1.0) -> Tensor:
        return std * torch.randn(shape, generator=self.generator, device=self.device)

    def chance(self, *shape: int, p: float) -> Tensor:
        """bool, true with probability p."""
        return self.uniform(*shape) < p

    def choice(self, weights: Tensor, count: int) -> Tensor:
        """`count` row numbers drawn with these weights."""
        return torch.multinomial(weights, count, replacement=True, generator=self.generator)

    def integers(self, *shape: int, low: int, high: int) -> Tensor:
        """int64 in low..high, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator, device=self.device)

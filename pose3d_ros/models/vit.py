"""The plain pose ViT: ViTPose's backbone, as HMR2.0 and HaMeR use it, in free sizes.

A crop of a person or a hand becomes patch tokens, which pass a stack of pre-norm transformer blocks. Parameters carry
the names of the public checkpoints, so that those load strictly (`models/published.py`). What a block's attention looks
at is given from outside: ExtPose (`models/extpose.py`) runs the same blocks over two modalities and several frames.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.models.dtf import DropPath

# Query, keys and values (..., N, heads, width of a head) to the attended values in the query's shape
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a backbone. Input (B, channels, image_height, image_width), output (B, tokens, width)."""

    image_height: int = 256
    image_width: int = 192
    patch: int = 16
    padding: int = 2  # on each side of the image; ViTPose's way of looking over the border
    width: int = 192
    depth: int = 6
    heads: int = 3
    mlp_ratio: int = 4
    drop_path: float = 0.0  # of the last block; it grows from 0

    def __post_init__(self) -> None:
        if min(self.image_height, self.image_width) < self.patch or self.patch < 1:
            raise ConfigError(f"image: expected at least one patch of {self.patch}, got {self.image_size}")
        if self.image_height % self.patch or self.image_width % self.patch:
            raise ConfigError(f"image: expected whole patches of {self.patch}, got {self.image_size}")
        if not 0 <= 2 * self.padding < self.patch:
            raise ConfigError(f"padding: expected less than half a patch of {self.patch}, got {self.padding}")
        if self.heads < 1 or self.width % self.heads:
            raise ConfigError(f"width: expected a multiple of {self.heads} heads, got {self.width}")
        if self.depth < 1 or not 0 <= self.drop_path < 1:
            raise ConfigError(f"expected depth >= 1 and 0 <= drop_path < 1, got {self}")

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image_height, self.image_width

    @property
    def tokens(self) -> int:
        """Patches of one image."""
        return (self.image_height // self.patch) * (self.image_width // self.patch)


# S to H are ViTPose's; tiny is for a CPU
PRESETS = {
    "tiny": ViTConfig(),
    "S": ViTConfig(width=384, depth=12, heads=12, drop_path=0.1),
    "B": ViTConfig(width=768, depth=12, heads=12, drop_path=0.3),
    "L": ViTConfig(width=1024, depth=24, heads=16, drop_path=0.5),
    "H": ViTConfig(width=1280, depth=32, heads=16, drop_path=0.55),
}


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention of queries (B, N, heads, d) to keys (B, K, heads, d). `mask` bool (B, K): the keys to look at."""
    allowed = None if mask is None else mask[:, None, None, :]
    out = functional.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=allowed
    )
    return out.transpose(1, 2)


class Attention(nn.Module):
    """Multi-head attention with one projection for query, key and value."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        # taken by index: every exporter takes that, not all of them chunk or unbind
        qkv = self.qkv(x).reshape(*x.shape[:-1], 3, self.heads, -1)
        out = attend(qkv[..., 0, :, :], qkv[..., 1, :, :], qkv[..., 2, :, :])
        return self.proj(out.reshape(x.shape))


class MLP(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block over tokens (..., N, width)."""

    def __init__(self, config: ViTConfig, drop_path: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attn = Attention(config.width, config.heads)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.mlp = MLP(config.width, config.mlp_ratio * config.width)

    def forward(self, x: Tensor, attend: Attend = attend) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x), attend))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class PatchEmbedding(nn.Module):
    """Images (B, channels, height, width) to one token for each patch, row by row."""

    def __init__(self, config: ViTConfig, channels: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, config.width, config.patch, stride=config.patch, padding=config.padding)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).transpose(1, 2)


class ViT(nn.Module):
    """The backbone. `forward`: images (B, channels, height, width), RGB, normalised by `geometry.crop.imagenet`, to
    tokens (B, tokens, width)."""

    def __init__(self, config: ViTConfig, channels: int = 3):
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbedding(config, channels)
        # its first row belonged to a class token; it is added to every other row, as in the public code
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens + 1, config.width))
        rates = torch.linspace(0, config.drop_path, config.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(Block(config, rate) for rate in rates)
        self.last_norm = nn.LayerNorm(config.width, eps=1e-6)
        self.apply(_initialise)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def embed(self, image: Tensor) -> Tensor:
        """Patch tokens with their position."""
        return self.place(self.patch_embed(image))

    def place(self, tokens: Tensor) -> Tensor:
        """Tokens (B, tokens, width) with the position embedding added."""
        return tokens + self.pos_embed[:, 1:] + self.pos_embed[:, :1]

    def forward(self, image: Tensor) -> Tensor:
        x = self.embed(image)
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)

"""The decoder of HMR2.0 and HaMeR: one query looks at an image's tokens and is read out as pose, shape and camera."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.models.vit import attend

CAMERA = 3  # scale, x, y of the weak-perspective camera


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a decoder. The defaults are those of HMR2.0 and HaMeR."""

    width: int = 1024
    depth: int = 6
    heads: int = 8
    head_width: int = 64
    mlp: int = 1024
    mean_query: bool = False  # the query is made of the mean parameters; else it is one learned vector

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads, self.head_width, self.mlp) < 1:
            raise ConfigError(f"decoder: expected positive sizes, got {self}")


TINY = DecoderConfig(width=192, depth=3, heads=3, mlp=384)


class SelfAttention(nn.Module):
    """Attention of the one query to itself: its weights are 1, so queries and keys are not computed."""

    def __init__(self, config: DecoderConfig):
        super().__init__()
        self.inner = config.heads * config.head_width
        self.to_qkv = nn.Linear(config.width, 3 * self.inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(self.inner, config.width))

    def forward(self, x: Tensor) -> Tensor:
        return self.to_out(functional.linear(x, self.to_qkv.weight[2 * self.inner :]))


class CrossAttention(nn.Module):
    """Attention of queries (B, 1, width) to a context (B, N, context)."""

    def __init__(self, config: DecoderConfig, context: int):
        super().__init__()
        self.heads = config.heads
        inner = config.heads * config.head_width
        self.to_kv = nn.Linear(context, 2 * inner, bias=False)
        self.to_q = nn.Linear(config.width, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, config.width))

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        q = self.to_q(x).reshape(*x.shape[:2], self.heads, -1)
        kv = self.to_kv(context).reshape(*context.shape[:2], 2, self.heads, -1)
        return self.to_out(attend(q, kv[:, :, 0], kv[:, :, 1], mask).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with GELU between them; the gaps in the numbering are the public code's dropouts."""

    def __init__(self, config: DecoderConfig):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(config.width, config.mlp), nn.GELU(), nn.Identity(), nn.Linear(config.mlp, config.width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class PreNorm(nn.Module):
    """Layer norm, then `fn`."""

    def __init__(self, width: int, fn: nn.Module):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, x: Tensor, *args: Tensor | None) -> Tensor:
        return self.fn(self.norm(x), *args)


class Layers(nn.Module):
    """Self-attention, cross-attention and feed-forward, `depth` times."""

    def __init__(self, config: DecoderConfig, context: int):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(
                PreNorm(config.width, part)
                for part in (SelfAttention(config), CrossAttention(config, context), FeedForward(config))
            )
            for _ in range(config.depth)
        )

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        for self_attention, cross_attention, feed_forward in self.layers:
            x = x + self_attention(x)
            x = x + cross_attention(x, context, mask)
            x = x + feed_forward(x)
        return x


class Transformer(nn.Module):
    """The query's embedding and the layers."""

    def __init__(self, config: DecoderConfig, context: int, query: int):
        super().__init__()
        self.to_token_embedding = nn.Linear(query, config.width)
        self.pos_embedding = nn.Parameter(torch.randn(1, 1, config.width))
        self.transformer = Layers(config, context)

    def forward(self, query: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        return self.transformer(self.to_token_embedding(query) + self.pos_embedding, context, mask)


class PoseDecoder(nn.Module):
    """Tokens (B, N, context) to `pose` (B, rotations, 6), `shape` (B, S), `camera` (B, 3) and, with `sigmas` joints,
    `log_sigma` (B, J).

    What it reads out is added to mean parameters, which are kept with the weights (`init_pose`, `init_betas`,
    `init_cam`). `mask` bool (B, N): the tokens to look at.
    """

    def __init__(self, config: DecoderConfig, context: int, mean: tuple[Tensor, Tensor, Tensor], sigmas: int = 0):
        super().__init__()
        self.config = config
        pose, shape, camera = (value.reshape(1, -1).float() for value in mean)
        self.register_buffer("init_pose", pose)
        self.register_buffer("init_betas", shape)
        self.register_buffer("init_cam", camera)
        outputs = pose.shape[1], shape.shape[1], camera.shape[1]
        self.transformer = Transformer(config, context, sum(outputs) if config.mean_query else 1)
        self.decpose, self.decshape, self.deccam = (nn.Linear(config.width, count) for count in outputs)
        for layer in (self.decpose, self.decshape, self.deccam):  # starts near the mean
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
            nn.init.zeros_(layer.bias)
        self.decsigma = nn.Linear(config.width, sigmas) if sigmas else None

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        means = torch.cat((self.init_pose, self.init_betas, self.init_cam), 1)
        query = means if self.config.mean_query else torch.zeros_like(means[:, :1])
        features = self.transformer(query[:, None].expand(tokens.shape[0], -1, -1), tokens, mask)[:, 0]
        out = {
            "pose": (self.decpose(features) + self.init_pose).unflatten(1, (-1, 6)),
            "shape": self.decshape(features) + self.init_betas,
            "camera": self.deccam(features) + self.init_cam,
        }
        if self.decsigma is not None:
            # detached: the spread is learned beside the pose, never at its cost
            out["log_sigma"] = self.decsigma(features.detach())
        return out

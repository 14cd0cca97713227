"""DTF, Dual Transformer Fusion (arXiv 2410.04574): keypoints over time with confidence -> 3D pose.

Multi-view generator -> embedding -> self-refinement -> information fusion -> regression. The published network and
the compact ones that we ship are this one class; `PUBLISHED` holds the paper's sizes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.models.kinds import register
from pose3d_ros.models.lifter import Lifter


@dataclass(frozen=True)
class DTFConfig:
    """Sizes of a DTF network. Input (B, frames, joints, 3), output (B, frames, joints, 3)."""

    frames: int = 27
    joints: int = 17
    channels: int = 512  # of one view's frame token
    hidden: int = 1024  # of the MLP that mixes all views
    views: int = 2
    layers: int = 3  # self-refinement (layers - 1), then one information fusion
    heads: int = 8
    generator_layers: int = 4
    generator_heads: int = 9
    dropout: float = 0.1
    drop_path: float = 0.2
    embedding_norm: bool = True  # batch norm, ReLU and dropout 0.25 after the embedding: published for T <= 27
    uncertainty: bool = False  # second head: log sigma per joint
    condition: int = 0  # numbers that it may be told beside (models/conditions.py); 0 = it takes none
    bones: int = 0  # lengths that it gives beside the pose, with their log sigma; 0 = none

    def __post_init__(self) -> None:
        if self.frames % self.generator_heads:
            raise ConfigError(f"frames: expected a multiple of {self.generator_heads} heads, got {self.frames}")
        if self.channels % self.heads:
            raise ConfigError(f"channels: expected a multiple of {self.heads} heads, got {self.channels}")
        if not 1 <= self.views <= 4:
            raise ConfigError(f"views: expected 1 to 4, got {self.views}")


PUBLISHED = {frames: DTFConfig(frames=frames, embedding_norm=frames <= 27) for frames in (27, 81, 243, 351)}


class DropPath(nn.Module):
    """Stochastic depth: in training, a sample's whole branch is dropped with probability `rate`."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(x.shape[0], *(1,) * (x.ndim - 1), device=x.device) >= self.rate
        return x * keep.to(x.dtype) / (1 - self.rate)


class Attention(nn.Module):
    """Multi-head attention. `forward(query, key)` takes the values from `value` (default: the key's tokens)."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        # plain matrix products: every exporter takes them, and training on short windows is twice as fast as fused
        weights = (q * (q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.drop(self.out((weights @ v).transpose(1, 2).reshape(query.shape)))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


class MLP(nn.Sequential):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)


class GeneratorBlock(nn.Module):
    """Pre-norm transformer block over coordinate tokens."""

    def __init__(self, width: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm_attention, self.norm_mlp = _norm(width), _norm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp = MLP(width, 2 * width, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm_attention(x)
        x = x + self.drop_path(self.attention(normed, normed, normed))
        return x + self.drop_path(self.mlp(self.norm_mlp(x)))


class Generator(nn.Module):
    """One stage of the multi-view generator: attention among coordinates, the time course is the embedding."""

    def __init__(self, config: DTFConfig):
        super().__init__()
        frames = config.frames
        self.norm_in = nn.LayerNorm(frames)
        self.position = nn.Parameter(torch.zeros(1, 3 * config.joints, frames))
        self.drop = nn.Dropout(config.dropout)
        rates = torch.linspace(0, config.drop_path, config.generator_layers, device="cpu").tolist()
        self.blocks = nn.ModuleList(
            GeneratorBlock(frames, config.generator_heads, config.dropout, rate) for rate in rates
        )
        self.norm_out = _norm(frames)

    def forward(self, x: Tensor) -> Tensor:
        h = self.drop(self.norm_in(x) + self.position)
        for block in self.blocks:
            h = block(h)
        return x + self.norm_out(h)


class Mixer(nn.Module):
    """The MLP over all views side by side, which ends a refinement and a fusion."""

    def __init__(self, config: DTFConfig, drop_path: float):
        super().__init__()
        width = config.views * config.channels
        self.norm = _norm(width)
        self.mlp = MLP(width, config.hidden, config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, views: list[Tensor]) -> Tensor:
        x = torch.cat(views, dim=-1)
        return x + self.drop_path(self.mlp(self.norm(x)))


class Refinement(nn.Module):
    """Self-refinement: temporal attention in each view, then the mixing MLP."""

    def __init__(self, config: DTFConfig, drop_path: float):
        super().__init__()
        self.norms = nn.ModuleList(_norm(config.channels) for _ in range(config.views))
        self.attentions = nn.ModuleList(
            Attention(config.channels, config.heads, config.dropout) for _ in range(config.views)
        )
        self.mixer = Mixer(config, drop_path)
        self.drop_path = DropPath(drop_path)

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        refined = []
        for x, norm, attention in zip(views, self.norms, self.attentions, strict=True):
            normed = norm(x)
            refined.append(x + self.drop_path(attention(normed, normed, normed)))
        return list(self.mixer(refined).chunk(len(views), dim=-1))


class Fusion(nn.Module):
    """Information fusion: each view asks with the other one's tokens; later views see the updated earlier ones.

    view_i += attention(query = other, key = view_i, value = other), other = the next view (the last takes the first).
    """

    def __init__(self, config: DTFConfig, drop_path: float):
        super().__init__()
        self.norms_other = nn.ModuleList(_norm(config.channels) for _ in range(config.views))
        self.norms_key = nn.ModuleList(_norm(config.channels) for _ in range(config.views))
        self.attentions = nn.ModuleList(
            Attention(config.channels, config.heads, config.dropout) for _ in range(config.views)
        )
        self.mixer = Mixer(config, drop_path)
        self.drop_path = DropPath(drop_path)

    def forward(self, views: list[Tensor], frame: int | None) -> Tensor:
        views = list(views)
        last = len(views) - 1
        for i, attention in enumerate(self.attentions):
            other = self.norms_other[i](views[(i + 1) % len(views)])
            key = self.norms_key[i](views[i])
            # no later view looks at the last one: with one frame wanted, only that one is asked for
            if i == last and frame is not None:
                mine, query = views[i][:, frame : frame + 1], other[:, frame : frame + 1]
            else:
                mine, query = views[i], other
            views[i] = mine + self.drop_path(attention(query, key, other))
        if frame is not None:
            views[:last] = [view[:, frame : frame + 1] for view in views[:last]]
        return self.mixer(views)


class DTF(nn.Module):
    """The network. Input (B, T, J, 3): x, y, confidence; output: dict of

    `xyz` (B, T, J, 3) in the units of its training (metres, root-relative, for the shipped ones), and
    `log_sigma` (B, T, J) where the config has the uncertainty head, `bones` and `log_sigma_bones` (B, T, bones) where
    it gives lengths in metres. With `frame` only that slot is computed: T = 1 in the output and the same numbers.
    `condition` (B, C): what is told beside, None = nothing.
    """

    # the batch norm magnifies small differences of the norm before it: rounded to half they cost 1.7 mm
    exact = ("norm", "regression_norm", "regression", "uncertainty", "bones")

    def __init__(self, config: DTFConfig):
        super().__init__()
        self.config = config
        width = config.views * config.channels
        self.generators = nn.ModuleList(Generator(config) for _ in range(config.views))
        self.embeddings = nn.ModuleList(self._embedding() for _ in range(config.views))
        self.positions = nn.ParameterList(
            nn.Parameter(torch.zeros(1, config.frames, config.channels)) for _ in range(config.views)
        )
        self.drop = nn.Dropout(config.dropout)
        *refine, fuse = torch.linspace(0, config.drop_path, config.layers, device="cpu").tolist()
        self.refinements = nn.ModuleList(Refinement(config, rate) for rate in refine)
        self.fusion = Fusion(config, fuse)
        self.norm = _norm(width)
        self.regression_norm = nn.BatchNorm1d(width, momentum=0.1)
        self.regression = nn.Linear(width, 3 * config.joints)
        self.uncertainty = nn.Linear(width, config.joints) if config.uncertainty else None
        self.condition = Condition(config.condition, width) if config.condition else None
        self.bones = nn.Linear(width, 2 * config.bones) if config.bones else None

    def _embedding(self) -> nn.Module:
        config = self.config
        layers: list[nn.Module] = [nn.Linear(3 * config.joints, config.channels)]
        if config.embedding_norm:
            layers += [FrameNorm(config.channels), nn.ReLU(), nn.Dropout(0.25 if config.dropout else 0.0)]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor, frame: int | None = None, condition: Tensor | None = None) -> dict[str, Tensor]:
        batch, frames, joints, _ = x.shape
        coordinates = x.reshape(batch, frames, 3 * joints).transpose(1, 2)
        views = []
        for generator, embedding, position in zip(self.generators, self.embeddings, self.positions, strict=True):
            coordinates = generator(coordinates)
            views.append(self.drop(embedding(coordinates.transpose(1, 2)) + position))
        if condition is not None and self.condition is not None:
            told = self.condition(condition)[:, None].chunk(len(views), dim=-1)
            views = [view + part for view, part in zip(views, told, strict=True)]
        for refinement in self.refinements:
            views = refinement(views)
        fused = self.fusion(views, None if frame is None else frame % frames)
        features = self.norm(fused.to(self.norm.weight.dtype))
        xyz = self.regression(self.regression_norm(features.transpose(1, 2)).transpose(1, 2))
        out = {"xyz": xyz.reshape(batch, -1, joints, 3)}
        if self.uncertainty is not None:
            # detached: the spread is learned beside the pose, never at its cost
            out["log_sigma"] = self.uncertainty(features.detach())
        if self.bones is not None:
            out["bones"], out["log_sigma_bones"] = self.bones(features).chunk(2, dim=-1)
        return out


class Condition(nn.Sequential):
    """What a network is told beside its keypoints, added to its tokens; at first it changes nothing."""

    HIDDEN = 96

    def __init__(self, numbers: int, width: int):
        first, last = nn.Linear(numbers, self.HIDDEN, bias=False), nn.Linear(self.HIDDEN, width, bias=False)
        super().__init__(first, nn.GELU(), last)
        nn.init.zeros_(last.weight)


class FrameNorm(nn.BatchNorm1d):
    """Batch norm over (B, T, C) with C last."""

    def __init__(self, channels: int):
        super().__init__(channels, momentum=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


@register("dtf", DTF, DTFConfig)
class DTFLifter(Lifter[DTF]):
    """Runs a DTF network over whole windows."""


def load_published(state_dict: dict[str, Tensor]) -> DTF:
    """The network of the authors' released checkpoint, from its state dict, strictly.

    Sizes are read from the tensors. Raises CheckpointError naming what is missing or left over.
    """
    from pose3d_ros.models.published.dtf import convert

    frames, converted = convert(state_dict)
    if frames not in PUBLISHED:
        raise CheckpointError(f"published DTF: expected T in {sorted(PUBLISHED)}, got {frames}")
    model = DTF(PUBLISHED[frames])
    wanted, given = set(model.state_dict()), set(converted)
    if wanted != given:
        raise CheckpointError(
            f"published DTF: missing {sorted(wanted - given)[:5]}, unexpected {sorted(given - wanted)[:5]}"
        )
    try:
        model.load_state_dict(converted)
    except RuntimeError as error:
        raise CheckpointError(f"published DTF: {error}") from None
    return model.eval()

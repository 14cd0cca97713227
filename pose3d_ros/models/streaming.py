"""The streaming lifter's network: DTF (arXiv 2410.04574) made causal, so that a new frame costs one frame of work.

The published generator embeds the time course of each coordinate, and its attention has absolute positions: nothing
in it can be kept from frame to frame. Here the generator sees one frame, and the attention of refinement and fusion
reaches a fixed number of frames back, with positions relative to the newest: keys and values of old frames never
change.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.models.dtf import MLP, Attention, Condition, Mixer

PER_JOINT = 4  # x, y, confidence, seen now
PER_FRAME = 4  # how the virtual camera moved since the frame before (3), and the angle that the person fills


@dataclass(frozen=True)
class StreamingConfig:
    """Sizes of a streaming network. Input (B, T, features), any T; output (B, T, joints, 3)."""

    window: int = 32  # frames that an attention sees, the newest among them
    joints: int = 17
    channels: int = 192  # of one view's frame token
    hidden: int = 384  # of the MLP that mixes all views
    views: int = 2
    layers: int = 3  # self-refinement (layers - 1), then one information fusion
    heads: int = 6
    generator_hidden: int = 256
    dropout: float = 0.0
    uncertainty: bool = True  # second head: log sigma per joint
    condition: int = 0  # numbers that it may be told beside (models/conditions.py); 0 = it takes none
    bones: int = 0  # lengths that it gives beside the pose, with their log sigma; 0 = none

    def __post_init__(self) -> None:
        if self.channels % self.heads:
            raise ConfigError(f"channels: expected a multiple of {self.heads} heads, got {self.channels}")
        if self.window < 2 or self.layers < 1 or not 1 <= self.views <= 4:
            raise ConfigError(f"expected window >= 2, layers >= 1 and 1 to 4 views, got {self}")

    @property
    def frames(self) -> int:
        """Slots of a window that a stream can start from."""
        return self.window

    @property
    def features(self) -> int:
        return PER_JOINT * self.joints + PER_FRAME


class State(NamedTuple):
    """What a network keeps of B streams, each of its own age.

    `memory` (B, attentions, heads, window, 2 x width of a head): keys and values, newest last. `age` int64 (B,): frames
    so far.
    """

    memory: Tensor
    age: Tensor

    def without_newest(self) -> "State":
        """As it was before the newest frame: to give another one in its place. Not twice in a row."""
        memory = torch.cat((torch.zeros_like(self.memory[:, :, :, :1]), self.memory[:, :, :, :-1]), 3)
        return State(memory, (self.age - 1).clamp(min=0))


class BandedAttention(Attention):
    """Attention to the newest `window` frames, with a learned bias for each head and distance."""

    def __init__(self, width: int, heads: int, window: int, dropout: float):
        super().__init__(width, heads, dropout)
        self.window = window
        slope = 2.0 ** -torch.linspace(1, 8, heads)  # of ALiBi (arXiv 2108.12409), as a start
        self.bias = nn.Parameter(-slope[:, None] * torch.arange(window))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """All frames (B, T, C) at once."""
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        scores = q * (q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + self._band(q.shape[-2])
        return self.drop(self.out((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(query.shape)))

    def step(self, query: Tensor, key: Tensor, value: Tensor, memory: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
        """One frame (B, 1, C) after those of `memory` (B, heads, window, 2 x width of a head), and the new memory.

        `absent` (B, 1, 1, window) is minus infinity where the stream is younger than the window, else 0.
        """
        q = self._split(self.query(query))
        new = torch.cat((self._split(self.key(key)), self._split(self.value(value))), -1)
        memory = torch.cat((memory[:, :, 1:], new), 2)
        width = q.shape[-1]
        k, v = memory[..., :width], memory[..., width:]
        scores = q * (width**-0.5) @ k.transpose(-2, -1) + self.bias.flip(1)[:, None] + absent
        return self.out((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(query.shape)), memory

    def _band(self, frames: int) -> Tensor:
        """(heads, T, T): the bias by distance, minus infinity for the future and beyond the window."""
        row = torch.arange(frames, device=self.bias.device)
        back = row[:, None] - row
        outside = (back < 0) | (back >= self.window)
        return self.bias[:, back.clamp(0, self.window - 1)].masked_fill(outside, float("-inf"))


class FrameGenerator(nn.Module):
    """One stage of the multi-view generator, on one frame's features."""

    def __init__(self, config: StreamingConfig):
        super().__init__()
        self.norm_in = nn.LayerNorm(config.features)
        self.mlp = MLP(config.features, config.generator_hidden, config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm_in(x))


class Layer(nn.Module):
    """Refinement (each view attends to its own past) or fusion (each asks with the next one's tokens and takes their
    values; later views see the updated earlier ones), then the MLP that mixes the views."""

    def __init__(self, config: StreamingConfig, fuse: bool):
        super().__init__()
        self.fuse = fuse
        self.norms = nn.ModuleList(nn.LayerNorm(config.channels) for _ in range(config.views * (1 + fuse)))
        self.attentions = nn.ModuleList(
            BandedAttention(config.channels, config.heads, config.window, config.dropout) for _ in range(config.views)
        )
        self.mixer = Mixer(config, 0.0)

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        views = list(views)
        for i, attention in enumerate(self.attentions):
            views[i] = views[i] + attention(*self._roles(views, i))
        return self._mix(views)

    def step(self, views: list[Tensor], memory: list[Tensor], absent: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        views, kept = list(views), []
        for i, attention in enumerate(self.attentions):
            change, new = attention.step(*self._roles(views, i), memory[i], absent)
            views[i] = views[i] + change
            kept.append(new)
        return self._mix(views), kept

    def _roles(self, views: list[Tensor], i: int) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of view i."""
        mine = self.norms[i](views[i])
        if not self.fuse:
            return mine, mine, mine
        other = self.norms[len(views) + i](views[(i + 1) % len(views)])
        return other, mine, other

    def _mix(self, views: list[Tensor]) -> list[Tensor]:
        mixed, width = self.mixer(views), views[0].shape[-1]
        return [mixed[..., i * width : (i + 1) * width] for i in range(len(views))]


class StreamingDTF(nn.Module):
    """The network. `forward` takes whole sequences (training), `step` one frame and the state; same numbers.

    Output: dict of `xyz` (B, T, J, 3), root-relative metres in the axes of each frame's own virtual camera,
    `log_sigma` (B, T, J) where the config has the uncertainty head, `bones` and `log_sigma_bones` (B, T, bones) where
    it gives lengths in metres. `condition`: what is told beside, None = nothing.
    """

    def __init__(self, config: StreamingConfig):
        super().__init__()
        self.config = config
        width = config.views * config.channels
        self.generators = nn.ModuleList(FrameGenerator(config) for _ in range(config.views))
        self.embeddings = nn.ModuleList(nn.Linear(config.features, config.channels) for _ in range(config.views))
        self.condition = Condition(config.condition, width) if config.condition else None
        self.layers = nn.ModuleList(Layer(config, fuse=i == config.layers - 1) for i in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.regression = nn.Linear(width, 3 * config.joints)
        self.uncertainty = nn.Linear(width, config.joints) if config.uncertainty else None
        self.bones = nn.Linear(width, 2 * config.bones) if config.bones else None

    def forward(self, x: Tensor, frame: int | None = None, condition: Tensor | None = None) -> dict[str, Tensor]:
        """Sequences (B, T, features) from their first frame on, `condition` (B, T, C); with `frame` only that one is
        returned: T = 1."""
        views = self._views(x, condition)
        for layer in self.layers:
            views = layer(views)
        out = self._heads(views)
        if frame is None:
            return out
        return {name: value[:, frame % x.shape[1]][:, None] for name, value in out.items()}

    def start(self, streams: int) -> State:
        """The state of streams without a frame."""
        config, like = self.config, self.regression.weight
        shape = (
            streams,
            config.layers * config.views,
            config.heads,
            config.window,
            2 * config.channels // config.heads,
        )
        memory = torch.zeros(shape, dtype=like.dtype, device=like.device)
        return State(memory, torch.zeros(streams, dtype=torch.int64, device=like.device))

    def step(self, x: Tensor, state: State, condition: Tensor | None = None) -> tuple[dict[str, Tensor], State]:
        """The next frame (B, features) of each stream, `condition` (B, C): output with T = 1, and the new state."""
        config = self.config
        back = torch.arange(config.window - 1, -1, -1, device=x.device)
        absent = torch.where(back > state.age[:, None], float("-inf"), 0.0).to(x.dtype)[:, None, None]
        views, kept = self._views(x[:, None], None if condition is None else condition[:, None]), []
        for i, layer in enumerate(self.layers):
            memory = [state.memory[:, i * config.views + view] for view in range(config.views)]
            views, new = layer.step(views, memory, absent)
            kept += new
        return self._heads(views), State(torch.stack(kept, 1), state.age + 1)

    def _views(self, x: Tensor, condition: Tensor | None) -> list[Tensor]:
        views = []
        for generator, embedding in zip(self.generators, self.embeddings, strict=True):
            x = generator(x)
            views.append(embedding(x))
        if condition is None or self.condition is None:
            return views
        told = self.condition(condition).chunk(len(views), dim=-1)
        return [view + part for view, part in zip(views, told, strict=True)]

    def _heads(self, views: list[Tensor]) -> dict[str, Tensor]:
        features = self.norm(torch.cat(views, dim=-1))
        out = {"xyz": self.regression(features).reshape(*features.shape[:2], self.config.joints, 3)}
        if self.uncertainty is not None:
            # detached: the spread is learned beside the pose, never at its cost
            out["log_sigma"] = self.uncertainty(features.detach())
        if self.bones is not None:
            out["bones"], out["log_sigma_bones"] = self.bones(features).chunk(2, dim=-1)
        return out

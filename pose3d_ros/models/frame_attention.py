"""Attention over modalities and frames, for all frames at once and for one frame after the cached ones."""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from pose3d_ros.models.vit import attend

NEVER = -(2**40)  # the slot of an empty row of a cache


class Sight:
    """Which token may look at which: frames, modalities, presence.

    `sizes`: tokens of each modality, side by side. `present` bool (B, T, modalities) or None. A token sees its own
    modality in the frames in which it is present and not `reach` or more away, and, causal, not later; the other
    modality in its own frame; itself and its neighbours always.
    """

    def __init__(self, frames: int, sizes: list[int], present: Tensor | None, reach: int, causal: bool):
        self.frames, self.sizes, self.present = frames, sizes, present
        self.slices = [slice(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)]
        self.reach, self.causal = reach, causal
        # a frame with neither modality is still worked out, from what is there
        self.readable = None if present is None else present | ~present.any(-1, keepdim=True)

    def offsets(self, device: torch.device) -> Tensor:
        """int64 (T, T): by how many frames the column is older than the row."""
        frame = torch.arange(self.frames, device=device)
        return frame[:, None] - frame

    def in_reach(self, device: torch.device) -> Tensor:
        """bool (T, T)."""
        older = self.offsets(device)
        return ((older >= 0) if self.causal else (older > -self.reach)) & (older < self.reach)

    @property
    def limited(self) -> bool:
        """Whether any token is hidden from any other of its modality."""
        return self.present is not None or (self.causal and self.frames > 1) or self.frames > self.reach

    def own_mask(self, modality: int, device: torch.device) -> Tensor:
        """bool (B or 1, T, T): frames of a modality that each of its frames sees."""
        allowed = self.in_reach(device)[None]
        if self.present is not None:
            allowed = allowed & self.present[:, None, :, modality]
        return allowed | torch.eye(self.frames, dtype=torch.bool, device=device)

    def context_mask(self) -> Tensor | None:
        """bool (B, T, N): tokens that the decoder looks at."""
        return None if self.readable is None else self.spread(self.readable)

    def spread(self, by_modality: Tensor) -> Tensor:
        """(..., modalities) to (..., N)."""
        return torch.cat(
            [by_modality[..., i : i + 1].expand(*by_modality.shape[:-1], n) for i, n in enumerate(self.sizes)], -1
        )

    def average(self, shape: Tensor) -> Tensor:
        """Shapes (B, T, S) of single frames, averaged over what each frame sees."""
        if self.frames == 1:
            return shape
        allowed = self.in_reach(shape.device)[None]
        if self.present is not None:
            allowed = allowed & self.present.any(-1)[:, None, :]
        weight = (allowed | torch.eye(self.frames, dtype=torch.bool, device=shape.device)).to(shape.dtype)
        return (weight / weight.sum(-1, keepdim=True)) @ shape


class FrameAttention(nn.Module):
    """Attention of a block's tokens (B, T, N, heads, d). Its only parameters are the temporal embedding: in each block
    a vector for each distance in time, which is added to the keys. It starts at 0 and has none for the distance 0."""

    def __init__(self, width: int, depth: int, frames: int, cross_modal: bool):
        super().__init__()
        self.cross_modal = cross_modal
        # (past, future) x (distance 1, 2, ...) x width
        self.temporal = nn.ParameterList(nn.Parameter(torch.zeros(2, frames - 1, width)) for _ in range(depth))

    def forward(self, layer: int, q: Tensor, k: Tensor, v: Tensor, sight: Sight) -> Tensor:
        """All frames at once."""
        batch, frames = q.shape[:2]
        if frames == 1 and (self.cross_modal or len(sight.sizes) == 1):
            mask = sight.context_mask()
            return attend(q[:, 0], k[:, 0], v[:, 0], None if mask is None else mask[:, 0])[:, None]
        by_distance = self._embedding(layer, sight.offsets(q.device)).unflatten(-1, k.shape[-2:])
        done = []
        for modality, part in enumerate(sight.slices):
            mine_k = (k[:, None, :, part] + by_distance[:, :, None]).flatten(2, 3)
            mine_v = v[:, None, :, part].expand(-1, frames, -1, -1, -1, -1).flatten(2, 3)
            mask = None
            if sight.limited:
                mask = sight.own_mask(modality, q.device).repeat_interleave(sight.sizes[modality], -1)
                mask = mask.expand(batch, -1, -1)
            keys, values, mask = self._with_others(modality, mine_k, mine_v, mask, k, v, sight)
            flat = None if mask is None else mask.flatten(0, 1)
            out = attend(q[:, :, part].flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1), flat)
            done.append(out.unflatten(0, (batch, frames)))
        return torch.cat(done, 2)

    def step(
        self, layer: int, q: Tensor, k: Tensor, v: Tensor, sight: Sight, cache: "AttentionCache", age: Tensor
    ) -> Tensor:
        """The newest frame (B, 1, N, heads, d) after those of the cache, `age` (B, R) frames ago each (0 = hidden)."""
        batch, heads = q.shape[0], q.shape[-2:]
        done = []
        for modality, part in enumerate(sight.slices):
            past = cache.keys[:, :, layer, part] + self._embedding(layer, age)[:, :, None]
            mine_k = torch.cat((past.flatten(1, 2).unflatten(-1, heads), k[:, 0, part]), 1)[:, None]
            past = cache.values[:, :, layer, part].flatten(1, 2).unflatten(-1, heads)
            mine_v = torch.cat((past, v[:, 0, part]), 1)[:, None]
            seen = (age > 0) & cache.present[..., modality]
            now = torch.ones_like(k[:, 0, part, 0, 0], dtype=torch.bool)
            mask = torch.cat((seen.repeat_interleave(sight.sizes[modality], -1), now), 1)[:, None]
            keys, values, mask = self._with_others(modality, mine_k, mine_v, mask, k, v, sight)
            done.append(attend(q[:, 0, part], keys[:, 0], values[:, 0], mask[:, 0]))
        return torch.cat(done, 1).reshape(batch, 1, -1, *heads)

    def _with_others(
        self, modality: int, keys: Tensor, values: Tensor, mask: Tensor | None, k: Tensor, v: Tensor, sight: Sight
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys, values (B, T, K, heads, d) and mask (B, T, K) with the other modality of the same frame behind."""
        if not self.cross_modal or len(sight.sizes) == 1:
            return keys, values, mask
        other = 1 - modality
        part = sight.slices[other]
        keys, values = torch.cat((keys, k[:, :, part]), 2), torch.cat((values, v[:, :, part]), 2)
        if mask is not None:
            if sight.readable is None:
                seen = torch.ones_like(k[:, :, part, 0, 0], dtype=torch.bool)
            else:
                seen = sight.readable[..., other : other + 1].expand(-1, -1, sight.sizes[other])
            mask = torch.cat((mask, seen), 2)
        return keys, values, mask

    def _embedding(self, layer: int, older: Tensor) -> Tensor:
        """(..., width) for int64 `older` (...): by how many frames a key is older than its query, within the reach."""
        table = self.temporal[layer]
        reach = table.shape[1]
        none = torch.zeros_like(table[0, :1]) if reach else table.new_zeros(1, table.shape[2])
        # ..., 2 and 1 frames newer, the same, 1, 2, ... older
        rows = torch.cat((table[1].flip(0), none, table[0]), 0)
        return rows[older.clamp(-reach, reach) + reach]


@dataclass
class AttentionCache:
    """What is kept of the last R frames of B streams: a ring in which slot s lies in row s modulo R.

    Keys and values hold no time of their own (that is added when they are looked at), so a row stays valid until it is
    overwritten. Rows of streams may be taken out, put together and reordered freely: `pick`, `join`.
    """

    keys: Tensor  # (B, R, depth, N, width)
    values: Tensor
    shape: Tensor  # (B, R, S)
    present: Tensor  # bool (B, R, modalities)
    slot: Tensor  # int64 (B, R)
    newest: Tensor  # int64 (B,)

    @classmethod
    def empty(
        cls, streams: int, rows: int, block: tuple, modalities: int, shape: int, like: Tensor
    ) -> "AttentionCache":
        """`block` = (depth, tokens, width). Nothing is in it."""

        def filled(value: int, *size: int) -> Tensor:
            return torch.full((streams, *size), value, dtype=torch.int64, device=like.device)

        return cls(
            like.new_zeros(streams, rows, *block),
            like.new_zeros(streams, rows, *block),
            like.new_zeros(streams, rows, shape),
            filled(0, rows, modalities).bool(),
            filled(NEVER, rows),
            filled(-1),
        )

    def age(self, slot: Tensor) -> Tensor:
        """int64 (B, R): by how many frames each row is older than `slot` (B,); 0 where it is out of reach."""
        older = slot[:, None] - self.slot
        return torch.where((older > 0) & (older <= self.slot.shape[1]), older, 0)

    def average(self, own: Tensor, age: Tensor) -> Tensor:
        """The frame's shape (B, S) averaged with those in sight."""
        weight = ((age > 0) & self.present.any(-1)).to(own.dtype)
        return (own + (weight[..., None] * self.shape).sum(1)) / (1 + weight.sum(1, keepdim=True))

    def write(self, slot: Tensor, present: Tensor, keys: Tensor, values: Tensor, shape: Tensor) -> None:
        """Keep a frame, in place of the oldest."""
        self.newest.copy_(slot)
        rows = self.slot.shape[1]
        if not rows:
            return
        at = (torch.arange(len(slot), device=slot.device), slot % rows)
        for kept, new in (
            (self.keys, keys), (self.values, values), (self.shape, shape), (self.present, present), (self.slot, slot),
        ):  # fmt: skip
            kept[at] = new

    def pick(self, streams: Tensor) -> "AttentionCache":
        """The named streams, int64 (B',), as a cache of their own."""
        return AttentionCache(*(each[streams] for each in self.tensors()))

    @classmethod
    def join(cls, caches: "list[AttentionCache]") -> "AttentionCache":
        """All streams in one."""
        return cls(*(torch.cat(each) for each in zip(*(cache.tensors() for cache in caches), strict=True)))

    def tensors(self) -> tuple[Tensor, ...]:
        return self.keys, self.values, self.shape, self.present, self.slot, self.newest

"""ExtPose (Chen et al., ICML 2025): the pose ViT extended to skeleton images and to video without new layers.

The crop of an image and the 2D pose, drawn as an image of the same size, pass the same patch embedding, position
embedding and blocks. In every block a token attends, in one softmax, to the tokens of all frames of its own modality
(cross-frame) and to those of the other modality in its own frame (cross-modal). With one frame and one modality that
is the plain ViT, exactly. Why it is built like this: docs/decisions.md.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.models.frame_attention import AttentionCache, FrameAttention, Sight
from pose3d_ros.models.kinematic import REST_MM, Kinematics, rotation_6d
from pose3d_ros.models.parametric import SKELETONS, BodyModel, ParametricHead
from pose3d_ros.models.pose_decoder import TINY, DecoderConfig, PoseDecoder
from pose3d_ros.models.vit import PatchEmbedding, ViT, ViTConfig

FUSIONS = ("cross_modal", "late", "channel_concat")
POSE_INPUTS = ("image", "heatmaps", "coordinates")
HEADS = ("kinematic", "smpl", "mano")


@dataclass(frozen=True)
class ExtPoseConfig:
    """What an ExtPose network is made of.

    `fusion`: cross_modal is the paper's; late = each modality alone, the decoder looks at both; channel_concat = both
    are the channels of one image. `pose_input`: image = drawn skeleton (B, T, 3, H, W); heatmaps (B, T, J, H, W);
    coordinates (B, T, J, 3), x and y from -1 to 1 over the crop, and confidence.
    """

    vit: ViTConfig = field(default_factory=ViTConfig)
    decoder: DecoderConfig = TINY
    skeleton: str = "hand21"
    head: str = "kinematic"
    frames: int = 16  # that an attention sees: the length of a bidirectional window, the reach of a causal one
    fusion: str = "cross_modal"
    pose_input: str = "image"
    uncertainty: bool = True  # log sigma per joint

    def __post_init__(self) -> None:
        formats.get(self.skeleton)
        for name, value, known in (
            ("fusion", self.fusion, FUSIONS),
            ("pose_input", self.pose_input, POSE_INPUTS),
            ("head", self.head, HEADS),
        ):
            if value not in known:
                raise ConfigError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
        skeletons = tuple(REST_MM) if self.head == "kinematic" else (SKELETONS[self.head],)
        if self.skeleton not in skeletons:
            raise ConfigError(f"skeleton: head {self.head} gives {' or '.join(skeletons)}, got {self.skeleton!r}")
        if self.frames < 1:
            raise ConfigError(f"frames: expected at least 1, got {self.frames}")
        if self.fusion == "channel_concat" and self.pose_input == "coordinates":
            raise ConfigError("channel_concat needs a pose input that is an image, got coordinates")

    @property
    def joints(self) -> int:
        """Joints of the output."""
        return len(formats.get(self.skeleton))

    @property
    def pose_channels(self) -> int:
        return self.joints if self.pose_input == "heatmaps" else 3


class ExtPose(nn.Module):
    """The network.

    `forward` takes all frames at once, `step` one frame and what is kept of those before; causal, both give the same
    numbers. Inputs: `image` (B, T, 3, H, W), RGB, normalised by `geometry.crop.imagenet`; `pose` as the config's
    `pose_input` says, images in 0..1; either may be left out. `image_present`, `pose_present` bool (B, T): frames in
    which the modality is there (default: all); what is absent is not looked at, and may hold anything finite.

    Output: dict of `xyz` (B, T, J, 3), metres from the root in the axes of the crop's virtual camera; `log_sigma`
    (B, T, J) where the config has it; `camera` (B, T, 3), weak-perspective: scale and shift with
    x_crop = scale (x + shift), in halves of the crop's height; `shape` (B, T, S), averaged over the frames in sight;
    `rotations` (B, T, R, 3, 3). SMPL and MANO networks give `xyz` only with a body model.
    """

    def __init__(self, config: ExtPoseConfig, body_model: BodyModel | None = None):
        super().__init__()
        self.config = config
        self.joined = config.fusion == "channel_concat"
        self.backbone = ViT(config.vit, 3 + config.pose_channels if self.joined else 3)
        self.pose_embed = None if self.joined else _pose_embedding(config)
        self.attention = FrameAttention(
            config.vit.width, config.vit.depth, config.frames, cross_modal=config.fusion == "cross_modal"
        )
        if config.head == "kinematic":
            self.body = Kinematics(config.skeleton)
        else:
            self.body = ParametricHead(config.head, body_model)
        sigmas = config.joints if config.uncertainty else 0
        self.head = PoseDecoder(config.decoder, config.vit.width, self.body.mean(), sigmas)

    def forward(
        self,
        image: Tensor | None = None,
        pose: Tensor | None = None,
        image_present: Tensor | None = None,
        pose_present: Tensor | None = None,
        causal: bool = False,
        tokens: bool = False,
    ) -> dict[str, Tensor]:
        """All frames. Causal: no frame sees a later one, nor one that is `config.frames` or more older. `tokens`: the
        output holds `tokens` (B, T, N, width) too, what the decoder looks at."""
        present = _present(image, pose, image_present, pose_present)
        x, sizes = self._embed(image, pose, present)
        present = None if present is None else self.kept(present)
        sight = Sight(x.shape[1], sizes, present, self.config.frames, causal)
        for layer, block in enumerate(self.backbone.blocks):
            x = block(x, lambda q, k, v, layer=layer: self.attention(layer, q, k, v, sight))
        x = self.backbone.last_norm(x)
        out = self._read_out(x, sight.context_mask())
        out["shape"] = sight.average(out["shape"])
        return self._pose(out) | ({"tokens": x} if tokens else {})

    def frame(
        self, image: Tensor | None, pose: Tensor | None, present: Tensor, cache: AttentionCache, age: Tensor
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """One frame (B, 1, ...) after those of the cache, without changing it: what an engine compiles.

        `present` bool (B, modalities); `age` int64 (B, R): by how many frames each row of the cache is older, 0 where
        it is not to be seen. Returns the output and the frame's own keys, values and shape, for the cache.
        """
        x, sizes = self._embed(image, pose, present[:, None])
        sight = Sight(1, sizes, self.kept(present)[:, None], self.config.frames, causal=True)
        keys, values = [], []

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys.append(k.flatten(-2)[:, 0])
            values.append(v.flatten(-2)[:, 0])
            return self.attention.step(layer, q, k, v, sight, cache, age)

        for layer, block in enumerate(self.backbone.blocks):
            x = block(x, lambda q, k, v, layer=layer: attend(layer, q, k, v))
        out = self._read_out(self.backbone.last_norm(x), sight.context_mask())
        own = out["shape"][:, 0]
        out["shape"] = cache.average(own, age)[:, None]
        return self._pose(out), (torch.stack(keys, 1), torch.stack(values, 1), own)

    def start(self, streams: int, image: bool = True, pose: bool = True) -> AttentionCache:
        """An empty cache of `streams` people or hands, for the modalities that will ever come."""
        config, like = self.config, self.backbone.pos_embed
        counts = (config.vit.tokens * image, self._pose_tokens() * pose)
        modalities, tokens = (1, config.vit.tokens) if self.joined else (image + pose, sum(counts))
        shape = self.head.init_betas.shape[1]
        return AttentionCache.empty(
            streams, config.frames - 1, (config.vit.depth, tokens, config.vit.width), modalities, shape, like
        )

    def step(
        self,
        image: Tensor | None,
        pose: Tensor | None,
        cache: AttentionCache,
        image_present: Tensor | None = None,
        pose_present: Tensor | None = None,
        slot: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The next frame (B, ...) of each stream; the cache is updated in place. Output with T = 1.

        `slot` int64 (B,): the frame's place on the grid of the model's rate, growing (default: one after the last one).
        Slots that are skipped count as frames with neither modality.
        """
        image, pose = (None if each is None else each[:, None] for each in (image, pose))
        masks = (None if each is None else each[:, None] for each in (image_present, pose_present))
        present = _present(image, pose, *masks)
        if present is None:
            like = pose if image is None else image
            streams = (image is not None) + (pose is not None)
            present = torch.ones(len(like), 1, streams, dtype=torch.bool, device=like.device)
        present = present[:, 0]
        slot = cache.newest + 1 if slot is None else slot
        out, own = self.frame(image, pose, present, cache, cache.age(slot))
        cache.write(slot, self.kept(present), *own)
        return out

    def kept(self, present: Tensor) -> Tensor:
        """bool (..., modalities given) to what a cache keeps of it: one column where both are one image."""
        return present.any(-1, keepdim=True) if self.joined else present

    def _pose_tokens(self) -> int:
        config = self.config
        return config.joints if config.pose_input == "coordinates" else config.vit.tokens

    def _embed(self, image: Tensor | None, pose: Tensor | None, present: Tensor | None) -> tuple[Tensor, list[int]]:
        """Tokens (B, T, N, width) of both modalities side by side, and how many each has."""
        like = pose if image is None else image
        batch = like.shape[:2]
        if self.joined:
            joined_input = self._join(image, pose, present)
            return self.backbone.embed(joined_input.flatten(0, 1)).unflatten(0, batch), [self.config.vit.tokens]
        parts = []
        if image is not None:
            parts.append(self.backbone.embed(image.flatten(0, 1)))
        if pose is not None:
            pose = pose.flatten(0, 1)
            parts.append(self.backbone.embed(pose) if self.pose_embed is None else self.pose_embed(pose, self.backbone))
        return torch.cat(parts, 1).unflatten(0, batch), [part.shape[1] for part in parts]

    def _join(self, image: Tensor | None, pose: Tensor | None, present: Tensor | None) -> Tensor:
        """One image of both modalities' channels, 0 where one is absent."""
        height, width = self.config.vit.image_size
        parts = [image, pose]
        like = pose if image is None else image
        row = 0
        for i, channels in enumerate((3, self.config.pose_channels)):
            if parts[i] is None:
                parts[i] = like.new_zeros(*like.shape[:2], channels, height, width)
                continue
            if present is not None:
                parts[i] = parts[i] * present[..., row, None, None, None].to(like.dtype)
            row += 1
        return torch.cat(parts, 2)

    def _read_out(self, x: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
        batch = x.shape[:2]
        out = self.head(x.flatten(0, 1), None if mask is None else mask.flatten(0, 1))
        return {name: value.unflatten(0, batch) for name, value in out.items()}

    def _pose(self, out: dict[str, Tensor]) -> dict[str, Tensor]:
        rotations = rotation_6d(out.pop("pose"))
        out["camera"] = self.body.camera(out["camera"])
        out["rotations"] = rotations
        xyz = self.body(rotations, out["shape"])
        return out if xyz is None else out | on_root(xyz, out["camera"])


def on_root(xyz: Tensor, camera: Tensor) -> dict[str, Tensor]:
    """`xyz` (..., J, 3) counted from the root instead of a model's origin, and the weak-perspective `camera` (..., 3)
    that then shows the root; how much deeper that lies than the origin (3 cm) is let go."""
    root = xyz[..., :1, :]
    return {"xyz": xyz - root, "camera": torch.cat((camera[..., :1], camera[..., 1:] + root[..., 0, :2]), -1)}


class HeatmapEmbedding(nn.Module):
    """Heatmaps (B, J, H, W) to patch tokens: a patch embedding of their own, the position embedding is shared."""

    def __init__(self, config: ExtPoseConfig):
        super().__init__()
        self.patches = PatchEmbedding(config.vit, config.pose_channels)

    def forward(self, heatmaps: Tensor, backbone: ViT) -> Tensor:
        return backbone.place(self.patches(heatmaps))


class CoordinateEmbedding(nn.Module):
    """Coordinates (B, J, 3) to one token for each joint."""

    def __init__(self, config: ExtPoseConfig):
        super().__init__()
        joints, width = config.joints, config.vit.width
        self.linear = nn.Linear(3, width)
        self.joint = nn.Parameter(0.02 * torch.randn(1, joints, width))

    def forward(self, coordinates: Tensor, backbone: ViT) -> Tensor:
        return self.linear(coordinates) + self.joint


def _pose_embedding(config: ExtPoseConfig) -> nn.Module | None:
    return {"heatmaps": HeatmapEmbedding, "coordinates": CoordinateEmbedding}.get(config.pose_input, lambda _: None)(
        config
    )


def _present(
    image: Tensor | None, pose: Tensor | None, image_present: Tensor | None, pose_present: Tensor | None
) -> Tensor | None:
    """bool (B, T, modalities given), None where everything is there."""
    if image is None and pose is None:
        raise InputError("ExtPose: expected an image, a pose, or both; got neither")
    if image is not None and pose is not None and image.shape[:2] != pose.shape[:2]:
        raise InputError(
            f"ExtPose: expected image and pose of the same people and frames, got {tuple(image.shape[:2])} and "
            f"{tuple(pose.shape[:2])}"
        )
    if image_present is None and pose_present is None:
        return None
    masks = []
    for given, mask in ((image, image_present), (pose, pose_present)):
        if given is not None:
            whole = torch.ones(given.shape[:2], dtype=torch.bool, device=given.device)
            masks.append(whole if mask is None else mask.expand_as(whole))
    return torch.stack(masks, -1)

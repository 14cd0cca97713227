"""Weights of HMR2.0 (4D-Humans) and HaMeR, loaded strictly into ours.

Both are one network: ViTPose's ViT-H and the transformer decoder, for SMPL bodies and MANO hands. Their backbone and
decoder keep their parameter names here; only what is around them is renamed. ExtPose starts from these weights.
"""

import math

import torch
from torch import Tensor

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.parametric import SHAPES, SKELETONS, BodyModel
from pose3d_ros.models.pose_decoder import CAMERA, DecoderConfig
from pose3d_ros.models.vit import ViTConfig

# Not of the network: the licensed body model's arrays, the training's discriminator, a training flag
IGNORED = ("smpl.", "mano.", "discriminator.", "initialized")
OURS = ("attention.temporal.",)  # starts at 0, and the network is then the published one
DECODER_HEAD_WIDTH = 64
DROP_PATH = 0.55


def load_hmr2(state_dict: dict, body_model: BodyModel | None = None, heads: int = 16, frames: int = 16) -> ExtPose:
    """The SMPL body network of an HMR2.0 checkpoint.

    `state_dict`: its parameters, or the whole Lightning checkpoint that holds them under "state_dict". `heads` of the
    backbone is not in the weights; `frames` is the reach of the attention over time. Raises CheckpointError naming what
    is missing or left over; what `IGNORED` lists is not looked at.
    """
    return _load("smpl", {"smpl_head.": "head.", "init_body_pose": "init_pose"}, state_dict, body_model, heads, frames)


def load_hamer(state_dict: dict, body_model: BodyModel | None = None, heads: int = 16, frames: int = 16) -> ExtPose:
    """The MANO hand network of a HaMeR checkpoint, of right hands; otherwise as `load_hmr2`."""
    return _load("mano", {"mano_head.": "head.", "init_hand_pose": "init_pose"}, state_dict, body_model, heads, frames)


def _load(
    kind: str, renamed: dict[str, str], state_dict: dict, body_model: BodyModel | None, heads: int, frames: int
) -> ExtPose:
    tensors = _ours(state_dict.get("state_dict", state_dict), renamed)
    try:
        config = _config(kind, tensors, heads, frames)
        with torch.device("meta"):  # names first: a made-up file must not cost the memory of what it promises
            wanted = {name for name in ExtPose(config).state_dict() if not name.startswith(OURS)}
        if wanted != set(tensors):
            raise CheckpointError(
                f"{kind} weights: missing {sorted(wanted - set(tensors))[:5]}, "
                f"unexpected {sorted(set(tensors) - wanted)[:5]}"
            )
        network = ExtPose(config, body_model)
    except (KeyError, IndexError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{kind} weights: not those of such a network ({error})") from None
    try:
        network.load_state_dict(tensors, strict=False)  # all names were compared, but for those of `OURS`
    except RuntimeError as error:
        raise CheckpointError(f"{kind} weights: {error}") from None
    return network.eval()


def _ours(state_dict: dict, renamed: dict[str, str]) -> dict[str, Tensor]:
    """Our names. "module." (data parallel) and "model." (wrapped) in front are dropped."""
    tensors = {}
    for name, tensor in state_dict.items():
        if not isinstance(name, str) or name.startswith(IGNORED):
            continue
        if not isinstance(tensor, Tensor):
            raise CheckpointError(f"weights: expected a tensor for {name:.80}, got {type(tensor).__name__}")
        name = name.removeprefix("module.").removeprefix("model.")
        if name.startswith(IGNORED):
            continue
        for theirs, ours in renamed.items():
            name = name.replace(theirs, ours)
        tensors[name] = tensor
    return tensors


def _config(kind: str, tensors: dict[str, Tensor], heads: int, frames: int) -> ExtPoseConfig:
    """Sizes as the tensors have them."""
    width, _, patch, _ = tensors["backbone.patch_embed.proj.weight"].shape
    tokens = tensors["backbone.pos_embed"].shape[1] - 1
    unit = math.isqrt(tokens // 12)
    if 12 * unit * unit != tokens:
        raise ConfigError(f"expected the tokens of an image of 4 : 3, got {tokens}")
    query = "head.transformer.to_token_embedding.weight"
    layer = "head.transformer.transformer.layers.0"
    decoder = DecoderConfig(
        width=tensors[query].shape[0],
        depth=_count(tensors, "head.transformer.transformer.layers."),
        heads=tensors[f"{layer}.1.fn.to_q.weight"].shape[0] // DECODER_HEAD_WIDTH,
        head_width=DECODER_HEAD_WIDTH,
        mlp=tensors[f"{layer}.2.fn.net.0.weight"].shape[0],
        mean_query=tensors[query].shape[1] == tensors["head.init_pose"].shape[1] + SHAPES + CAMERA,
    )
    vit = ViTConfig(
        image_height=4 * unit * patch,
        image_width=3 * unit * patch,
        patch=patch,
        width=width,
        depth=_count(tensors, "backbone.blocks."),
        heads=heads,
        drop_path=DROP_PATH,
    )
    return ExtPoseConfig(vit, decoder, SKELETONS[kind], kind, frames, uncertainty=False)


def _count(tensors: dict[str, Tensor], prefix: str) -> int:
    """How many layers; each has a tensor, so no more than there are tensors. Raises ConfigError."""
    count = 1 + max(int(name[len(prefix) :].split(".")[0]) for name in tensors if name.startswith(prefix))
    if count > len(tensors):
        raise ConfigError(f"{prefix}: {count} layers in {len(tensors)} tensors")
    return count

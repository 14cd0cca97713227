"""Parameter names of the DTF authors' released checkpoints, turned into ours.

Ours split the joint query/key/value projection and write the 1x1 convolutions as linear layers; numbers are equal.
"""

import re

from torch import Tensor

from pose3d_ros.core.errors import CheckpointError

# (their name, our name); {0} is the view counted from 1, {v} the same from 0. Longest first.
_RULES = [
    (r"MVG_Encoder_(\d)\.blocks\.(\d)\.norm1\.", "generators.{v}.blocks.{1}.norm_attention."),
    (r"MVG_Encoder_(\d)\.blocks\.(\d)\.norm2\.", "generators.{v}.blocks.{1}.norm_mlp."),
    (r"MVG_Encoder_(\d)\.blocks\.(\d)\.attn\.proj\.", "generators.{v}.blocks.{1}.attention.out."),
    (r"MVG_Encoder_(\d)\.blocks\.(\d)\.attn\.", "generators.{v}.blocks.{1}.attention."),
    (r"MVG_Encoder_(\d)\.blocks\.(\d)\.mlp\.fc1\.", "generators.{v}.blocks.{1}.mlp.0."),
    (r"MVG_Encoder_(\d)\.blocks\.(\d)\.mlp\.fc2\.", "generators.{v}.blocks.{1}.mlp.3."),
    (r"MVG_Encoder_(\d)\.pos_embed", "generators.{v}.position"),
    (r"MVG_Encoder_(\d)\.norm\.", "generators.{v}.norm_out."),
    (r"norm_(\d)\.", "generators.{v}.norm_in."),
    (r"embedding_(\d)\.(?=weight|bias)", "embeddings.{v}.0."),
    (r"embedding_(\d)\.", "embeddings.{v}."),
    (r"MVG_Views\.pos_embed_(\d)", "positions.{v}"),
    (r"MVG_Views\.SRM_blocks\.(\d)\.norm1_(\d)\.", "refinements.{0}.norms.{w}."),
    (r"MVG_Views\.SRM_blocks\.(\d)\.attn_(\d)\.proj\.", "refinements.{0}.attentions.{w}.out."),
    (r"MVG_Views\.SRM_blocks\.(\d)\.attn_(\d)\.", "refinements.{0}.attentions.{w}."),
    (r"MVG_Views\.SRM_blocks\.(\d)\.norm2\.", "refinements.{0}.mixer.norm."),
    (r"MVG_Views\.SRM_blocks\.(\d)\.mlp\.fc1\.", "refinements.{0}.mixer.mlp.0."),
    (r"MVG_Views\.SRM_blocks\.(\d)\.mlp\.fc2\.", "refinements.{0}.mixer.mlp.3."),
    (r"MVG_Views\.IFM_blocks\.0\.norm3_(\d)1\.", "fusion.norms_other.{v}."),
    (r"MVG_Views\.IFM_blocks\.0\.norm3_(\d)2\.", "fusion.norms_key.{v}."),
    (r"MVG_Views\.IFM_blocks\.0\.attn_(\d)\.linear_q\.", "fusion.attentions.{v}.query."),
    (r"MVG_Views\.IFM_blocks\.0\.attn_(\d)\.linear_k\.", "fusion.attentions.{v}.key."),
    (r"MVG_Views\.IFM_blocks\.0\.attn_(\d)\.linear_v\.", "fusion.attentions.{v}.value."),
    (r"MVG_Views\.IFM_blocks\.0\.attn_(\d)\.proj\.", "fusion.attentions.{v}.out."),
    (r"MVG_Views\.IFM_blocks\.0\.norm2\.", "fusion.mixer.norm."),
    (r"MVG_Views\.IFM_blocks\.0\.mlp\.fc1\.", "fusion.mixer.mlp.0."),
    (r"MVG_Views\.IFM_blocks\.0\.mlp\.fc2\.", "fusion.mixer.mlp.3."),
    (r"MVG_Views\.norm\.", "norm."),
    (r"regression\.0\.", "regression_norm."),
    (r"regression\.1\.", "regression."),
]


def convert(state_dict: dict[str, Tensor]) -> tuple[int, dict[str, Tensor]]:
    """(frames, our state dict) of a released state dict. A leading "module." (data parallel) is dropped.

    Raises CheckpointError for a name that the released network does not have.
    """
    converted: dict[str, Tensor] = {}
    for their_name, tensor in state_dict.items():
        name = _rename(their_name.removeprefix("module."))
        if tensor.ndim == 3 and "position" not in name:  # 1x1 convolution
            tensor = tensor.squeeze(-1)
        if ".qkv." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                converted[name.replace("qkv", part)] = piece.clone()
        else:
            converted[name] = tensor
    if "positions.0" not in converted:
        raise CheckpointError("published DTF: expected parameter MVG_Views.pos_embed_1, it is missing")
    return converted["positions.0"].shape[1], converted


def _rename(name: str) -> str:
    for pattern, ours in _RULES:
        match = re.match(pattern, name)
        if match:
            numbers = match.groups()
            fields = {"v": int(numbers[0]) - 1 if numbers else 0, "w": int(numbers[-1]) - 1 if numbers else 0}
            return ours.format(*numbers, **fields) + name[match.end() :]
    raise CheckpointError(f"published DTF: unexpected parameter {name}")

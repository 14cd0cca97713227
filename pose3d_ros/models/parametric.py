"""SMPL bodies and MANO hands. Their model files are licensed: users bring their own, none are shipped here."""

import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.models.kinematic import Mean

ROTATIONS = {"smpl": 24, "mano": 16}
SHAPES = 10
SKELETONS = {"smpl": "h36m17", "mano": "hand21"}
HOW_TO_GET = (
    "register at https://smpl.is.tue.mpg.de (body: SMPL_NEUTRAL.pkl) or https://mano.is.tue.mpg.de (hand: "
    "MANO_RIGHT.pkl), accept the licence, download the model, and give its path; its licence is not ours and forbids "
    "commercial use without an agreement. The kinematic head needs no such file"
)
MEAN_SCALE = 0.9  # of the weak-perspective camera, as in the public mean parameters


class ParametricHead(nn.Module):
    """The head of a network that speaks SMPL or MANO. `forward`: rotations (..., R, 3, 3) and shape (..., 10) to joints
    (..., J, 3) of our skeleton, metres from the root, or None without a body model."""

    def __init__(self, kind: str, skeleton: str, body_model: nn.Module | None = None):
        super().__init__()
        if skeleton != SKELETONS[kind]:
            raise ConfigError(f"head {kind}: expected skeleton {SKELETONS[kind]}, got {skeleton!r}")
        self.kind = kind
        # in a tuple: a user's licensed file must never end up in weights that are saved
        self._body_model = (body_model,)

    def mean(self) -> Mean:
        """Identity; weights bring the mean parameters that they were trained with."""
        identity = torch.tensor([[1.0, 0, 0, 0, 1, 0]])
        return Mean(
            identity.repeat(1, ROTATIONS[self.kind]), torch.zeros(1, SHAPES), torch.tensor([[MEAN_SCALE, 0.0, 0.0]])
        )

    def camera(self, raw: Tensor) -> Tensor:
        """The public networks give scale, x and y as they are."""
        return raw

    def forward(self, rotations: Tensor, shape: Tensor) -> Tensor | None:
        (body_model,) = self._body_model
        return None if body_model is None else body_model(rotations, shape)

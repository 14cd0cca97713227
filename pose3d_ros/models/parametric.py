"""SMPL bodies and MANO hands. Their model files are licensed: users bring their own, none are shipped here."""

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.models.kinematic import Mean

ROTATIONS = {"smpl": 24, "mano": 16}
SHAPES = 10
MESH = {"smpl": 6890, "mano": 778}  # vertices
SKELETONS = {"smpl": "h36m17", "mano": "hand21"}
MEAN_SCALE = 0.9  # of the weak-perspective camera, as in the public mean parameters
HOW_TO_GET = {
    "smpl": "SMPL_NEUTRAL.pkl from https://smpl.is.tue.mpg.de",
    "mano": "MANO_RIGHT.pkl from https://mano.is.tue.mpg.de",
}
PARAMETERS = {"smpl": "refine.body_model", "mano": "refine.hands_model"}  # that name these files, for messages
# Vertices that stand for joints which the models do not have: nose (as smplx names it) and top of the head (as HybrIK's
# leaves do); finger tips, thumb first (as smplx names them)
VERTICES = {"smpl": (332, 411), "mano": (744, 320, 443, 554, 671)}
# Our joints among the model's, its vertices behind them. Spine and thorax are SMPL's second spine joint and its neck.
ROWS = {
    "smpl": (0, 2, 5, 8, 1, 4, 7, 6, 12, 24, 25, 16, 18, 20, 17, 19, 21),
    "mano": (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20),
}


class BodyModel(nn.Module):
    """A licensed model of a body ("smpl") or of a right hand ("mano"), run by the package smplx.

    `forward`: rotations (..., R, 3, 3) and shape (..., 10) to joints (..., J, 3) of our skeleton, metres in the model's
    own frame; for HMR2.0's and HaMeR's weights these are the axes of the crop's camera. Raises CheckpointError (no such
    file, or none of this kind) and ConfigError (smplx is not installed).
    """

    def __init__(self, kind: str, path: str | Path):
        super().__init__()
        if kind not in ROTATIONS:
            raise ConfigError(f"body model: expected one of {', '.join(ROTATIONS)}, got {kind!r}")
        self.kind, self.file = kind, Path(path).name
        self.layer = _layer(kind, Path(path)).requires_grad_(False)
        _check(kind, self.layer, path)

    def forward(self, rotations: Tensor, shape: Tensor) -> Tensor:
        lead = rotations.shape[:-3]
        rotations, shape = rotations.reshape(-1, ROTATIONS[self.kind], 3, 3), shape.reshape(-1, SHAPES)
        pose = {"smpl": "body_pose", "mano": "hand_pose"}[self.kind]
        out = self.layer(betas=shape, global_orient=rotations[:, :1], pose2rot=False, **{pose: rotations[:, 1:]})
        joints = out.joints[:, : ROTATIONS[self.kind]]
        points = torch.cat((joints, out.vertices[:, list(VERTICES[self.kind])]), 1)
        return points[:, list(ROWS[self.kind])].reshape(*lead, len(ROWS[self.kind]), 3)


class ParametricHead(nn.Module):
    """The head of a network that speaks SMPL or MANO. `forward`: rotations (..., R, 3, 3) and shape (..., 10) to joints
    (..., J, 3), or None without a body model."""

    def __init__(self, kind: str, body_model: BodyModel | None = None):
        super().__init__()
        if body_model is not None and body_model.kind != kind:
            raise ConfigError(f"head {kind}: expected a body model of its kind, got {body_model.kind}")
        self.kind = kind
        # in a tuple, so that it is no part of the state: a licensed file must never end up in weights that are saved
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

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        if self._body_model[0] is not None:
            self._body_model[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)


def _layer(kind: str, path: Path) -> nn.Module:
    if not path.is_file():
        raise CheckpointError(
            f"body model {path}: there is no such file. This package may not ship it: register and download "
            f"{HOW_TO_GET[kind]}, read its licence (research; commercial use needs an agreement), and give its path. "
            "The kinematic head needs no such file"
        )
    try:
        import smplx
        from smplx.utils import Struct
    except ImportError:
        raise ConfigError(
            "SMPL and MANO need the package smplx, which is not installed: pip install 'pose3d_ros[smplx]' "
            "(its licence is for research). The kinematic head needs neither"
        ) from None
    layer = {"smpl": smplx.SMPLLayer, "mano": smplx.MANOLayer}[kind]
    options = {} if kind == "smpl" else {"is_rhand": True, "flat_hand_mean": False}
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:  # no pickles inside: nothing is executed
                options["data_struct"] = Struct(**{name: arrays[name] for name in arrays.files})
        with redirect_stdout(StringIO()):  # it prints how many shapes the file has
            return layer(str(path), num_betas=SHAPES, **options)
    except Exception as error:  # what a foreign or damaged file raises is anybody's guess
        raise CheckpointError(
            f"body model {path}: expected the file {HOW_TO_GET[kind]}, or its arrays as .npz; reading it failed "
            f"({type(error).__name__}: {error}). Files as they are downloaded may need the package chumpy, which wants "
            "an old Python and NumPy; tools/clean_ch.py of smplx's repository writes them again without"
        ) from None


def _check(kind: str, layer: nn.Module, path: str | Path) -> None:
    """smplx reads a hand as a body, and a left hand as a right one."""
    got, expected = tuple(layer.J_regressor.shape), (ROTATIONS[kind], MESH[kind])
    if got != expected:
        raise CheckpointError(
            f"body model {path}: expected {expected[0]} joints and {expected[1]} vertices, got {got[0]} and {got[1]}: "
            f"another model; these weights need {HOW_TO_GET[kind]}"
        )
    if kind == "mano":
        tips, wrist = layer.v_template[list(VERTICES[kind])], layer.J_regressor[0] @ layer.v_template
        if tips[:, 0].mean() > wrist[0]:  # of somebody with arms held out, whose left is +x
            raise CheckpointError(f"body model {path}: a left hand (they are mirrored), expected {HOW_TO_GET[kind]}")

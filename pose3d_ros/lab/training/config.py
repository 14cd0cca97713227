"""What a training run is: one frozen dataclass, read from a YAML file."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.files import read_yaml
from pose3d_ros.lab.evaluation.motion.images import MODALITIES
from pose3d_ros.lab.synthesis.hand_windows import HandWindowConfig
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig
from pose3d_ros.lab.synthesis.windows import WindowConfig
from pose3d_ros.models.dtf import DTFConfig
from pose3d_ros.models.extpose import ExtPoseConfig
from pose3d_ros.models.streaming import StreamingConfig

COMPACT = DTFConfig(
    channels=192,
    hidden=384,
    heads=6,
    generator_layers=2,
    generator_heads=3,
    dropout=0.0,
    drop_path=0.0,
    uncertainty=True,
)


@dataclass(frozen=True)
class PublishedConfig:
    """The paper's recipe, for people who hold the data sets."""

    dataset: str = param("h36m", "data set in the data folder", choices=("h36m", "mpi_inf_3dhp"))
    keypoints: str = param("cpn_ft_h36m_dbb", "2D of Human3.6M, as in data_2d_h36m_NAME.npz; gt for exact ones")
    hidden_low: int = param(12, "joints hidden in every frame of a training video, at least", low=0, high=16)
    hidden_high: int = param(16, "at most", low=0, high=16)
    hidden_test: int = param(16, "joints hidden in every frame of the test videos", low=0, high=16)
    epochs: int = param(19, "passes over all frames and their mirror images", low=1)
    trust_pickle: bool = param(False, "load the data sets' files, which are Python pickles and can run code")

    __post_init__ = validate


@dataclass(frozen=True)
class ImageTraining:
    """What the image models' training adds. Losses are means; lengths in metres, 2D in halves of the crop."""

    modalities: str = param("both", "what the network is shown", choices=MODALITIES)
    blank: float = param(
        0.5, "share of the windows of which one modality is blanked, image or pose in turns", low=0, high=1
    )
    causal: bool = param(False, "no frame looks at later ones")
    joints_weight: float = param(10.0, "of the absolute error of the joints (1/m)", low=0)
    pixels_weight: float = param(1.0, "of the absolute error of the joints in the crop", low=0)
    posture_weight: float = param(20.0, "of the absolute error of the joints in the axes of the root (1/m)", low=0)
    rotation_weight: float = param(0.1, "of the squared error of the rotations' columns", low=0)
    shape_weight: float = param(0.1, "of the squared error of the bones' lengths", low=0)
    steady_weight: float = param(
        5.0, "of the absolute error of the joints' differences from frame to frame (1/m)", low=0
    )
    places_weight: float = param(2.0, "of what the tokens are asked: each joint's patch and depth", low=0)
    start: str = param("", "weights or folder of a run to start from; only the temporal embedding may differ in size")
    folders: tuple[str, ...] = param((), "recorded images beside the rendered ones, in the data folder")
    trust_pickle: bool = param(False, "read HO3D's annotations, which are Python pickles and can run code")
    recorded: float = param(0.5, "share of recorded images, where there are some", low=0, high=1)

    __post_init__ = validate


@dataclass(frozen=True)
class TrainConfig:
    """A training run. Unknown names in the file are errors."""

    name: str = param("body_dtf27", "name of the weights")
    recipe: str = param(
        "views",
        "views made of motion, the same for a streaming lifter, generated hands, images of them, the paper's recipe",
        choices=("views", "stream", "hands", "extpose", "published"),
    )  # fmt: skip
    skeleton: str = param("h36m17", "what a body lifter takes and gives", choices=("h36m17", "body19"))
    motion: tuple[str, ...] = param((), "motion files (npz) or folders of BVH files, in the data folder")
    validation: tuple[str, ...] = param((), "motion files of other people, to report on while training")
    validation_windows: int = param(1024, "windows of them per occlusion protocol", low=1)
    source_weights: tuple[tuple[str, float], ...] = param((), "source and factor on how often it is drawn")
    hold_out: tuple[str, ...] = param((), "subjects kept for the calibration of sigma")
    calibration: tuple[str, ...] = param((), "motion files for it beside them, of motion that is not learned from")
    windows: int = param(1_000_000, "training windows in all", low=1)
    batch: int = param(128, "windows a step", low=1)
    worker: bool = param(False, "make the windows in a process beside; the same windows")
    draw_batches: int = param(1, "batches that are made at a time: synthesis is quicker in larger pieces", low=1)
    learning_rate: float = param(3e-3, "peak learning rate", low=0)
    weight_decay: float = param(0.02, "of AdamW", low=0)
    warmup: int = param(50_000, "windows over which the rate rises", low=0)
    decay: float = param(0.25, "last share of the run, over which the rate falls to zero", low=0, high=1)
    ema: float = param(0.999, "memory of the averaged weights per step", low=0, high=1)
    newest_weight: float = param(0.5, "share of the newest frame in the pose loss", low=0, high=1)
    velocity_weight: float = param(1.0, "of the velocity error against the position error", low=0)
    aperture_weight: float = param(0.5, "of the error of the apertures of hands against the position error", low=0)
    bones_weight: float = param(0.5, "of the error of the bones' lengths against the position error", low=0)
    short: int = param(
        0, "frames of a streaming run's sequences until the rate falls; then, or with 0, they have data.frames",
        low=0,
    )  # fmt: skip
    seed: int = param(1, "fixes initial weights and every draw", low=0)
    device: str = param("cpu", "cpu or cuda")
    precision: str = param("bf16", "of the matrix products", choices=("fp32", "bf16", "fp16"))
    compile: bool = param(False, "compile the network: 1.6 times as fast on a CPU, needs a C++ compiler")
    model: DTFConfig = field(default_factory=lambda: COMPACT)
    extpose: ExtPoseConfig = field(default_factory=ExtPoseConfig)
    images: ImageWindowConfig = field(default_factory=ImageWindowConfig)
    image: ImageTraining = field(default_factory=ImageTraining)
    stream: StreamingConfig = field(default_factory=StreamingConfig)
    data: WindowConfig = field(default_factory=WindowConfig)
    hands: HandWindowConfig = field(default_factory=HandWindowConfig)
    published: PublishedConfig = field(default_factory=PublishedConfig)

    def __post_init__(self) -> None:
        validate(self)
        if self.recipe in ("views", "hands") and self.model.frames != self.data.frames:
            raise ConfigError(f"model.frames {self.model.frames} and data.frames {self.data.frames}: expected the same")


def load(path: Path) -> TrainConfig:
    """The run described by a YAML file. Raises ConfigError."""
    return build(TrainConfig, read_yaml(path, "training run", ConfigError) or {}, str(path))


def build(kind: type, raw: dict[str, Any], where: str, base: Any = None) -> Any:
    """A (nested) frozen dataclass from plain dicts on top of its defaults. Raises ConfigError for unknown names."""
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: expected a table of names and values, got {raw!r:.60}")
    base = kind() if base is None else base
    known = {entry.name for entry in fields(kind)}
    if set(raw) - known:
        raise ConfigError(f"{where}: unknown {sorted(set(raw) - known)}; known are {', '.join(sorted(known))}")
    values = {}
    for entry in fields(kind):
        value = current = getattr(base, entry.name)
        if entry.name in raw:
            value = raw[entry.name]
            if is_dataclass(current):
                value = build(type(current), value, f"{where}: {entry.name}", current)
            else:
                value = _like(current, value, f"{where}: {entry.name}")
        values[entry.name] = value
    return kind(**values)


def _like(default: Any, value: Any, where: str) -> Any:
    """`value` in the type of the default: YAML knows no tuples, and reads 1e-3 as a text."""
    try:
        if isinstance(default, tuple) and not isinstance(value, str):
            pairs = value.items() if isinstance(value, dict) else value
            return tuple(tuple(item) if isinstance(item, (list, tuple)) else item for item in pairs)
        if isinstance(default, float):
            return float(value)
    except (TypeError, ValueError, AttributeError):
        raise ConfigError(f"{where}: expected something like {default!r}, got {value!r:.60}") from None
    if type(value) is not type(default):
        raise ConfigError(f"{where}: expected a {type(default).__name__}, got {value!r:.60}")
    return value


def as_dict(config: Any) -> dict[str, Any]:
    """Plain dict for JSON and YAML."""
    return asdict(config)

"""A robot as one YAML file: what drives it, its model, joints, scale, limits, and when it holds.

`load("leap:right")` reads config/robots/leap.yaml and lays its variant `right` over it. docs/robots.md has every key.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pose3d_ros.core.config import Meta, param, validate
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.tracking.smoothing import SmoothingConfig

SUFFIX = ".yaml"


def _told(help: str) -> dict[str, Meta]:
    return {"meta": Meta(help)}


@dataclass(frozen=True)
class LimitConfig:
    """What no command ever exceeds. `speed_rad_s` 0 = the model's own; `joint_speed_rad_s` goes before both."""

    speed_rad_s: float = param(0.0, "of every joint", unit="rad/s", low=0.0, high=100.0)
    joint_speed_rad_s: dict[str, float] = field(default_factory=dict, metadata=_told("of single joints"))
    jump_rad_s: float = param(3.0, "while it catches up after a hold or occlusion", unit="rad/s", low=0.0, high=100.0)
    position_rad: dict[str, Any] = field(
        default_factory=dict, metadata=_told("joint: [low, high], within the model's range")
    )

    __post_init__ = validate


@dataclass(frozen=True)
class HoldConfig:
    """When the robot holds still: nothing is commanded then."""

    measured: int = param(8, "joints of its source that must be measured, not inferred", low=1, high=21)
    sigma_m: float = param(0.04, "median sigma of its joints above which it is unsure", unit="m", low=0.001, high=2.0)
    settle_s: float = param(0.1, "all must be well for so long before it moves again", unit="s", low=0.0, high=10.0)
    age_s: float = param(0.3, "input that is older is stale", unit="s", low=0.01, high=10.0)
    gap_s: float = param(0.5, "stamps that jump ahead by more are a break", unit="s", low=0.05, high=10.0)

    __post_init__ = validate


@dataclass(frozen=True)
class RobotConfig:
    """What all kinds have."""

    kind: str = param("hand", "what it is", choices=("hand", "body", "arm"))
    name: str = param("", "of topics: NAME_VARIANT")
    hold: HoldConfig = field(default_factory=HoldConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)

    __post_init__ = validate


@dataclass(frozen=True)
class JointRobotConfig(RobotConfig):
    """What robots have that take joint positions."""

    limits: LimitConfig = field(default_factory=LimitConfig)


@dataclass(frozen=True)
class RobotHandConfig(JointRobotConfig):
    """A robot hand; `tips` maps fingers (thumb, index, middle, ring, little) to links of the model."""

    side: str = param("right", "the person's hand that drives it", choices=("left", "right"))
    library: str = param("dexi", "what retargets", choices=("dexi", "dex_retargeting"))
    method: str = param("vector", "wrist to tips; dexpilot: between tips, too", choices=("vector", "dexpilot"))
    model: str = param("", "URDF: PACKAGE:PATH of a Python package, or a path")
    base: str = param("", "link that stands for the wrist; z to the fingers, x out of the palm")
    tips: dict[str, str] = field(default_factory=dict, metadata=_told("finger: link of its tip"))
    joints: tuple[str, ...] = param((), "published, in this order; default: all that move by themselves")
    still: tuple[str, ...] = param((), "joints that stay at 0")
    scale: float = param(1.0, "times the robot's reach over the length of the person's hand", low=0.1, high=10.0)


@dataclass(frozen=True)
class TaskConfig:
    """One frame of a body that follows one joint of the person."""

    frame: str = param("", "body of the robot's model")
    joint: str = param("", "joint of body24")
    position: float = param(0.0, "weight of its position", low=0.0, high=1000.0)
    rotation: float = param(0.0, "weight of its orientation", low=0.0, high=1000.0)
    axes: tuple[str, ...] = param(("x", "y", "z"), "its x, y, z in the joint's axes at rest, such as -y")

    def __post_init__(self) -> None:
        validate(self)
        bare = [axis.removeprefix("-") for axis in self.axes]
        if sorted(bare) != ["x", "y", "z"]:
            raise ConfigError(f"axes: expected three of x, y, z, -x, -y, -z, got {list(self.axes)}")


@dataclass(frozen=True)
class HumanoidConfig(JointRobotConfig):
    """A humanoid, whole or from the waist up."""

    model: str = param("", "MJCF: PACKAGE:PATH of a Python package, or a path")
    base: str = param("pelvis", "floating base of the model")
    input_rpy_deg: tuple[float, ...] = param((-90.0, 0.0, -90.0), "the input's axes in a world with z up")
    tasks: tuple[TaskConfig, ...] = param((), "what follows what")
    joints: tuple[str, ...] = param((), "that move and are published; default: all")
    rest_rad: dict[str, float] = field(default_factory=dict, metadata=_told("posture to which free joints tend"))
    posture: float = param(0.01, "weight of that posture", low=0.0, high=10.0)
    damping: float = param(0.05, "weight against joint speed", low=0.0, high=10.0)
    steps: int = param(4, "solver steps a frame", low=1, high=50)
    fixed_base: bool = param(False, "the pelvis stands still: upper body only")


@dataclass(frozen=True)
class ArmConfig(RobotConfig):
    """An arm that takes poses or twists of its tool, as MoveIt Servo does."""

    side: str = param("right", "the person's hand that drives it", choices=("left", "right"))
    frame: str = param("base_link", "in which commands are given")
    input_rpy_deg: tuple[float, ...] = param((-90.0, 0.0, -90.0), "the input's axes in `frame`; default: optical")
    scale: float = param(1.0, "metres of the tool per metre of the hand", low=0.01, high=10.0)
    turns: bool = param(True, "the tool turns with the palm")
    home_xyz_m: tuple[float, ...] = param((0.4, 0.0, 0.4), "tool where no `tool_pose` is heard")
    home_quat_xyzw: tuple[float, ...] = param((0.0, 0.0, 0.0, 1.0), "the same, orientation")
    low_xyz_m: tuple[float, ...] = param((0.1, -0.6, 0.05), "corner of the workspace")
    high_xyz_m: tuple[float, ...] = param((0.8, 0.6, 1.0), "the other corner")
    speed_m_s: float = param(0.25, "of the tool", unit="m/s", low=0.001, high=5.0)
    turn_rad_s: float = param(1.0, "of the tool", unit="rad/s", low=0.001, high=20.0)


KINDS: dict[str, type[RobotConfig]] = {"hand": RobotHandConfig, "body": HumanoidConfig, "arm": ArmConfig}


def load(name: str) -> RobotConfig:
    """The robot NAME or NAME:VARIANT of config/robots, or of a path that ends in .yaml. Raises ConfigError."""
    source, _, variant = name.partition(":")
    path = Path(source) if source.endswith(SUFFIX) else share_dir() / "config" / "robots" / f"{source}{SUFFIX}"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in path.parent.glob(f"*{SUFFIX}"))) or "none"
        raise ConfigError(f"robot {name!r}: no file {path}; there: {known}")
    return parse(_read(path), path.stem, variant)


def parse(values: Any, name: str, variant: str = "") -> RobotConfig:
    """The robot that a YAML file describes; its first variant by default. Raises ConfigError naming the key."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"robot {name}: expected a mapping, got {values!r:.80}")
    values = dict(values)
    variants = values.pop("variants", None) or {}
    variant = variant or next(iter(variants), "")
    if variant:
        if variant not in variants:
            raise ConfigError(f"robot {name}: no variant {variant!r}; it has {', '.join(variants) or 'none'}")
        values, name = values | dict(variants[variant] or {}), f"{name}_{variant}"
    if values.get("kind") not in KINDS:
        raise ConfigError(f"robot {name}: kind: expected one of {', '.join(KINDS)}, got {values.get('kind')!r}")
    return build(KINDS[values["kind"]], values | {"name": name}, f"robot {name}")


def build(kind: type, values: Any, where: str) -> Any:
    """A configuration from a mapping. Raises ConfigError for unknown keys, types and ranges."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {values!r:.80}")
    known = {entry.name: entry for entry in fields(kind)}
    if unknown := sorted(set(map(str, values)) - set(known)):
        raise ConfigError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(known)}")
    hints = get_type_hints(kind)
    given = {key: _value(known[key], hints[key], value, f"{where}: {key}") for key, value in values.items()}
    try:
        return kind(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _value(entry: Any, hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        return build(hint, value, where)
    default = entry.default_factory() if entry.default is MISSING else entry.default
    if isinstance(default, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a mapping, got {value!r:.80}")
        return {str(key): each for key, each in value.items()}
    if isinstance(default, tuple):
        return _tuple(hint, value, where, default)
    if isinstance(default, float) and not (isinstance(value, int | float) and math.isfinite(value)):
        raise ConfigError(f"{where}: expected a number, got {value!r:.80}")
    if not isinstance(default, float) and not isinstance(value, type(default)):
        raise ConfigError(f"{where}: expected a {type(default).__name__}, got {value!r:.80}")
    return value


def _tuple(hint: Any, value: Any, where: str, default: tuple) -> tuple:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: expected a list, got {value!r:.80}")
    (kind, *_) = hint.__args__
    if is_dataclass(kind):
        return tuple(build(kind, each, f"{where}[{row}]") for row, each in enumerate(value))
    if kind is float:
        if len(value) != len(default) or not all(isinstance(each, int | float) for each in value):
            raise ConfigError(f"{where}: expected {len(default)} numbers, got {value!r:.80}")
        return tuple(map(float, value))
    return tuple(map(str, value))


def _read(path: Path) -> Any:
    import yaml  # of the extra

    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"robot {path}: not YAML: {error}") from None

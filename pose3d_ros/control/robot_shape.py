"""A robot as capsules on its frames, from a YAML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.paths import share_dir

KEYS = {"frame", "from", "to", "radius_m"}


@dataclass(frozen=True)
class RobotShape:
    """`base`: the frame that all is measured in. Capsule i lies on `frames[i]`, `ends_m` (K, 2, 3) in that frame, with
    `radius_m` (K,)."""

    base: str
    frames: tuple[str, ...]
    ends_m: np.ndarray
    radius_m: np.ndarray

    def placed(self, T_base_frame: dict[str, np.ndarray]) -> np.ndarray:
        """Ends (K, 2, 3) in the base frame, of transforms (4, 4) by frame. Raises KeyError for one that is missing."""
        T = np.array([T_base_frame[frame] for frame in self.frames])
        return np.einsum("kij,kej->kei", T[:, :3, :3], self.ends_m) + T[:, None, :3, 3]


def load(name: str) -> RobotShape:
    """From a path, or a name of config/separation. Raises ConfigError with what was expected and what was found."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else share_dir() / "config" / "separation" / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"robot: expected a YAML file or a name in config/separation, there is no {path}")
    import yaml  # of the extra

    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: no YAML: {error}") from None
    if not isinstance(content, dict) or set(content) != {"base", "capsules"} or not content["capsules"]:
        raise ConfigError(f"{path}: expected the keys base and capsules (a list that is not empty)")
    capsules = [_capsule(path, number, entry) for number, entry in enumerate(content["capsules"])]
    frames, ends_m, radius_m = zip(*capsules, strict=True)
    return RobotShape(str(content["base"]), frames, np.array(ends_m, float), np.array(radius_m, float))


def _capsule(path: Path, number: int, entry: Any) -> tuple[str, list, float]:
    if not isinstance(entry, dict) or set(entry) != KEYS:
        raise ConfigError(f"{path}: capsule {number}: expected the keys {sorted(KEYS)}, got {entry!r:.80}")
    try:
        ends = np.array([entry["from"], entry["to"]], float)
        radius_m = float(entry["radius_m"])
    except (TypeError, ValueError):
        raise ConfigError(f"{path}: capsule {number}: expected numbers, got {entry!r:.120}") from None
    if ends.shape != (2, 3) or not np.isfinite(ends).all() or not 0 < radius_m < 5:
        raise ConfigError(f"{path}: capsule {number}: expected from and to of three metres each, and 0 < radius_m < 5")
    return str(entry["frame"]), ends.tolist(), radius_m

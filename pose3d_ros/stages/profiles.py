"""Profiles of people whose bones were measured: a YAML file, people by their id."""

import math
from pathlib import Path

import numpy as np
import yaml

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.estimation.bones import tree

SHORTEST_M, LONGEST_M = 0.02, 1.0  # of a person's bone


def load(path: str, skeleton: Skeleton) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Log lengths (G,) and their standard deviations (G,), inf where a bone is not named, by id; "" = nobody.

    Bones are named after the joint that ends them, left and right alike. Raises ConfigError.
    """
    if not path:
        return {}
    try:
        people = yaml.safe_load(Path(path).read_text())["people"]
        return {str(id): _bones(path, str(id), entry, skeleton) for id, entry in people.items()}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"people.profiles: {path} cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"people.profiles: {path}: expected people: {{ID: {{bones_m: {{knee: 0.42}}, sigma_m: 0.01}}}}"
        ) from None


def save(path: Path, id: str, skeleton: Skeleton, length_m: np.ndarray, sigma_m: float, stature_m: float) -> None:
    """Write one person's profile; others that the file holds stay."""
    known = (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}
    bones = {name: round(float(length), 4) for name, length in zip(tree(skeleton).names, length_m, strict=True)}
    entry = {"stature_m": round(float(stature_m), 3), "sigma_m": float(sigma_m), "bones_m": bones}
    path.write_text(yaml.safe_dump({"people": {**known.get("people", {}), id: entry}}, sort_keys=False))


def _bones(path: str, id: str, entry: dict, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    names, lengths, sigma_m = tree(skeleton).names, entry["bones_m"], float(entry.get("sigma_m", 0.01))
    if unknown := set(lengths) - set(names):
        raise ConfigError(
            f"people.profiles: {path}: {id}: no bone ends at {', '.join(sorted(unknown))}: known are {', '.join(names)}"
        )
    log, sigma = np.zeros(len(names)), np.full(len(names), np.inf)
    for name, value in lengths.items():
        length = float(value)
        if not (SHORTEST_M <= length <= LONGEST_M and math.isfinite(sigma_m) and sigma_m > 0):
            raise ConfigError(
                f"people.profiles: {path}: {id}: {name}: expected {SHORTEST_M} to {LONGEST_M} m and sigma_m > 0, "
                f"got {value} and {sigma_m}"
            )
        log[names.index(name)], sigma[names.index(name)] = math.log(length), sigma_m / length
    return log, sigma

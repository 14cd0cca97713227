"""Models of robots: where they lie, and what a URDF says about its joints."""

import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.errors import ConfigError

INSTALL = "pip install 'pose3d_ros[control]'"


class Joint(NamedTuple):
    """One movable joint: range in rad, speed in rad/s; it may copy another, `factor` * that + `offset`."""

    low: float
    high: float
    speed: float
    mimics: str = ""  # "" = moves by itself
    factor: float = 1.0
    offset: float = 0.0


class Urdf(NamedTuple):
    """Movable joints by name, in the file's order, and the names of all links."""

    joints: dict[str, Joint]
    links: frozenset[str]


def locate(model: str, robot: str) -> Path:
    """The file of a model, `PACKAGE:PATH` in an installed Python package, or a path. Raises ConfigError."""
    package, colon, inside = model.partition(":")
    if colon:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"robot {robot}: the Python package {package} with its model is not installed: {INSTALL}")
        path = Path(spec.submodule_search_locations[0]) / inside
    else:
        path = Path(model)
    if not path.is_file():
        raise ConfigError(f"robot {robot}: its model is not there: {path}")
    return path


def read_urdf(path: Path, robot: str) -> Urdf:
    """Raises ConfigError where the file is no URDF."""
    try:
        root = ElementTree.parse(path).getroot()
        joints = {joint.get("name"): _joint(joint) for joint in root.findall("joint") if joint.get("type") in _MOVABLE}
    except (ElementTree.ParseError, ValueError) as error:
        raise ConfigError(f"robot {robot}: {path} is no URDF: {error}") from None
    return Urdf(joints, frozenset(link.get("name") for link in root.findall("link")))


def known(names: object, of: object, what: str, robot: str) -> None:
    """Raises ConfigError naming those of `names` that are not among `of`."""
    if unknown := [name for name in names if name not in of]:
        raise ConfigError(f"robot {robot}: {what} {', '.join(unknown)}: not in its model, which has {', '.join(of)}")


_MOVABLE = ("revolute", "continuous", "prismatic")
_MIMIC = {"multiplier": 1, "offset": 0}


def _joint(joint: ElementTree.Element) -> Joint:
    limit, mimic = joint.find("limit"), joint.find("mimic")
    numbers = {key: float(value) for key, value in (limit.attrib if limit is not None else {}).items()}
    whole = joint.get("type") == "continuous"
    return Joint(
        -np.inf if whole else numbers.get("lower", 0.0),
        np.inf if whole else numbers.get("upper", 0.0),
        numbers.get("velocity") or np.inf,
        *(() if mimic is None else (mimic.get("joint"), *(float(mimic.get(k, d)) for k, d in _MIMIC.items()))),
    )

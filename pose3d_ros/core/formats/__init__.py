"""Keypoint formats by name. Adding one = one file in this folder that defines `SKELETON`."""

import importlib
import pkgutil
from functools import cache

from pose3d_ros.core.errors import FormatError
from pose3d_ros.core.skeleton import Skeleton


@cache
def names() -> tuple[str, ...]:
    """All known format names, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@cache
def get(name: str) -> Skeleton:
    """The skeleton of a format. Raises FormatError listing the known names."""
    if name not in names():
        raise FormatError(f"unknown keypoint format {name!r}; known are {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}").SKELETON

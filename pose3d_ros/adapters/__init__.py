"""Messages of other packages as this package's dataclasses. Adding one = one file here that defines `ADAPTERS`."""

import importlib
import pkgutil
from functools import cache

from pose3d_ros.adapters.base import Adapter


@cache
def all_adapters() -> dict[str, Adapter]:
    """Message type -> how it is read."""
    found: dict[str, Adapter] = {}
    for module in pkgutil.iter_modules(__path__):
        for adapter in getattr(importlib.import_module(f"{__name__}.{module.name}"), "ADAPTERS", ()):
            found[adapter.msgtype] = adapter
    return found

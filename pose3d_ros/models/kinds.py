"""The kinds of models by name, as weights name them: `@register("dtf", DTF, DTFConfig)` on a `Model`."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from torch import nn

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.models.base import Model
from pose3d_ros.models.spec import ModelSpec, Spec

ENTRY_POINTS = "pose3d_ros.models"  # group in which other packages name their modules with models
AnyModel = TypeVar("AnyModel", bound=type[Model])


class Kind(NamedTuple):
    """A kind of weights. `network(config)` makes an untrained network; `config` and `spec` are dataclasses, stored with
    the weights. A config has `frames` and `joints`, as the network takes them."""

    name: str
    model: type[Model]
    network: Callable[[Any], nn.Module]
    config: type
    spec: type[Spec]


_KINDS: dict[str, Kind] = {}


def register(
    name: str, network: type[nn.Module], config: type, spec: type[Spec] = ModelSpec
) -> Callable[[AnyModel], AnyModel]:
    """Make a model known under the name that its weights carry. Raises ValueError for a name that is taken."""

    def remember(model: AnyModel) -> AnyModel:
        known = _KINDS.get(name)
        if known and (known.model.__module__, known.model.__qualname__) != (model.__module__, model.__qualname__):
            raise ValueError(f"model kind {name!r} is taken by {known.model.__module__}.{known.model.__qualname__}")
        _KINDS[name] = Kind(name, model, network, config, spec)
        return model

    return remember


def names() -> tuple[str, ...]:
    """All known kinds, sorted: those of this package, of entry points, and what this process has registered."""
    _discover()
    return tuple(sorted(_KINDS))


def get(name: object) -> Kind | None:
    """The kind of this name, None where there is none."""
    if not isinstance(name, str):
        return None  # what a damaged header holds
    if name not in _KINDS:
        _discover()
    return _KINDS.get(name)


def of(network: nn.Module) -> Kind:
    """The kind of a network. Raises CheckpointError."""
    _discover()
    for kind in _KINDS.values():
        if type(network) is kind.network:
            return kind
    raise CheckpointError(f"{type(network).__name__}: no registered model runs it; write one with @register")


def plugins() -> list[str]:
    """Modules of registered models outside of this package, for a process that has to know them too."""
    modules = {kind.model.__module__ for kind in _KINDS.values()}
    return sorted(module for module in modules if not module.startswith("pose3d_ros."))


@cache
def _discover() -> None:
    """Import every file of this folder, and what other packages name."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not module.ispkg:
            importlib.import_module(f"pose3d_ros.models.{module.name}")
    for entry in entry_points(group=ENTRY_POINTS):
        entry.load()

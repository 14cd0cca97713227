"""Parameters declared once: frozen dataclasses whose fields carry help, unit and range.

The ROS nodes declare them as parameters, the command line reads them, the README's table is made from them.
"""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from numbers import Real
from typing import Any, get_origin, get_type_hints

from pose3d_ros.core.errors import ConfigError


@dataclass(frozen=True)
class Meta:
    """What a parameter's field knows about itself. `live`: may change while the node is active."""

    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False


def param(default: Any, help: str, **meta: Any) -> Any:
    """A dataclass field with its `Meta`."""
    return field(default=default, metadata={"meta": Meta(help, **meta)})


def meta(entry: Field) -> Meta:
    """The `Meta` of a field made by `param`."""
    return entry.metadata["meta"]


def flatten(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Meta]]:
    """(full name, value, Meta) of every parameter, depth first, in the order of declaration.

    The field `max_distance` of the nested dataclass `tracking` is called `tracking.max_distance`.
    """
    for entry in fields(config):
        value = getattr(config, entry.name)
        if is_dataclass(value):
            yield from flatten(value, f"{prefix}{entry.name}.")
        else:
            yield f"{prefix}{entry.name}", value, meta(entry)


def build(default: Any, values: dict[str, Any], prefix: str = "") -> Any:
    """`default` with these parameter values. Raises ConfigError with the full name of the parameter."""
    changes = {}
    for entry in fields(default):
        value, name = getattr(default, entry.name), f"{prefix}{entry.name}"
        if is_dataclass(value):
            changes[entry.name] = build(value, values, f"{name}.")
        elif name in values:
            changes[entry.name] = tuple(values[name] or ()) if isinstance(value, tuple) else values[name]
    try:
        return replace(default, **changes)
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from None


def from_dict(kind: type, values: dict[str, Any]) -> Any:
    """The dataclass that `dataclasses.asdict` made the dict of, from JSON too. A nested dataclass has to be there, a
    plain field may take its default. Raises KeyError or TypeError where it does not fit."""
    hints, made = get_type_hints(kind), dict(values)
    for entry in fields(kind):
        hint = hints[entry.name]
        if is_dataclass(hint):
            made[entry.name] = from_dict(hint, values[entry.name])
        elif get_origin(hint) is tuple and isinstance(values.get(entry.name), list):
            made[entry.name] = tuple(values[entry.name])
    return kind(**made)


def frozen_changes(old: Any, new: Any) -> tuple[str, ...]:
    """Full names of the parameters that differ between two configurations of one kind and are not live."""
    before = {name: value for name, value, _ in flatten(old)}
    return tuple(name for name, value, rule in flatten(new) if not rule.live and before[name] != value)


def validate(config: Any) -> None:
    """Raises ConfigError naming the parameter, its range or type, and the value. Call it from `__post_init__`."""
    for entry in fields(config):
        value = getattr(config, entry.name)
        if is_dataclass(value):
            continue
        rule = meta(entry)
        if rule.choices and value not in rule.choices:
            raise ConfigError(f"{entry.name}: expected one of {', '.join(rule.choices)}, got {value!r}")
        if (rule.low is not None or rule.high is not None) and not isinstance(value, Real):
            raise ConfigError(f"{entry.name}: expected a number, got {value!r}")
        # `not (low <= value)` also refuses NaN
        if rule.low is not None and not rule.low <= value:
            raise ConfigError(f"{entry.name}: expected at least {rule.low} {rule.unit}, got {value}")
        if rule.high is not None and not value <= rule.high:
            raise ConfigError(f"{entry.name}: expected at most {rule.high} {rule.unit}, got {value}")

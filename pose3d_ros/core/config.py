"""Parameters declared once: frozen dataclasses whose fields carry help, unit and range.

The ROS nodes declare them as parameters, the command line reads them, the README's table is made from them.
"""

from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any

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


def param(default: Any, help: str, **meta: Any) -> Any:  # noqa: A002 - `help` is what every CLI calls it
    """A dataclass field with its `Meta`."""
    return field(default=default, metadata={"meta": Meta(help, **meta)})


def meta(entry: Field) -> Meta:
    """The `Meta` of a field made by `param`."""
    return entry.metadata["meta"]


def validate(config: Any) -> None:
    """Raises ConfigError naming the parameter, its range and the value. Call it from `__post_init__`."""
    for entry in fields(config):
        value = getattr(config, entry.name)
        if is_dataclass(value):
            continue
        rule = meta(entry)
        if rule.choices and value not in rule.choices:
            raise ConfigError(f"{entry.name}: expected one of {', '.join(rule.choices)}, got {value!r}")
        # `not (low <= value)` also refuses NaN
        if rule.low is not None and not rule.low <= value:
            raise ConfigError(f"{entry.name}: expected at least {rule.low} {rule.unit}, got {value}")
        if rule.high is not None and not value <= rule.high:
            raise ConfigError(f"{entry.name}: expected at most {rule.high} {rule.unit}, got {value}")

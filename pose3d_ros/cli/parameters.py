"""Parameters of the lifter node from a YAML file, as ROS nodes take it, and options in their place."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pose3d_ros.core.config import build, flatten
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.files import read_yaml

# Of the lifter node; they say nothing about lifting.
ROS_SIDE = ("camera.", "image.", "output.", "markers.", "watchdog.", "frames.", "max_input_age_s")
ALIKE = 0.85  # of two names, above which one is a typing error of the other

# Options of several commands
Params = Annotated[Path | None, typer.Option(help="YAML file of the lifter node's parameters; default: the defaults")]
Device = Annotated[str, typer.Option(help="instead of body.device")]
Precision = Annotated[str, typer.Option(help="instead of body.precision")]


def with_body(config: Any, **given: Any) -> Any:
    """The `PipelineConfig` with other values of `body`, where the option was given. Raises ConfigError."""
    return replace(config, body=replace(config.body, **{k: v for k, v in given.items() if v not in ("", None)}))


def pipeline_config(file: Path | None) -> Any:
    """The `PipelineConfig` of the file's first node with parameters of the lifter; the defaults without a file.

    Parameters of the node's ROS side are left out, and so are other nodes' in the same table. Raises ConfigError: no
    such file, no parameter of the lifter in it, a name that is none but was meant as one, value out of range.
    """
    from pose3d_ros.pipeline import PipelineConfig

    known = [name for name, _, _ in flatten(PipelineConfig())]
    values = parameters(file, known) if file else {}
    _refuse_typing_errors(file, values, known)
    return build(PipelineConfig(), {name: value for name, value in values.items() if name in known})


def parameters(file: Path, known: list[str]) -> dict[str, Any]:
    """{full name: value} of the first node with parameters of the lifter, or of a plain table. Raises ConfigError."""
    content = read_yaml(file, "parameters", ConfigError)
    nodes = [entry["ros__parameters"] for entry in _tables(content) if "ros__parameters" in entry]
    tables = [_dotted(table) for table in nodes or [content]]
    groups = _groups(known) + ROS_SIDE
    for table in tables:
        if any(name.startswith(groups) for name in table):
            return table
    names = [name for table in tables for name in table]
    near = next((near for name in names if (near := _nearest(name, known))), "")
    raise ConfigError(
        f"{file}: expected parameters of the lifter (body.weights ...), it holds {', '.join(names[:4]) or 'none'}"
        f"{near}; see docs/parameters.md"
    )


def _refuse_typing_errors(file: Path | None, values: dict[str, Any], known: list[str]) -> None:
    """Raises ConfigError for names in a group of the lifter that are none, and others that are almost one."""
    groups, wrong = _groups(known), []
    for name in sorted(set(values) - set(known)):
        near = "" if name.startswith(ROS_SIDE) else _nearest(name, known)
        if near or name.startswith(groups):
            wrong.append(name + near)
    if wrong:
        raise ConfigError(f"{file}: unknown parameters {', '.join(wrong)}; see docs/parameters.md")


def _groups(known: list[str]) -> tuple[str, ...]:
    return tuple({name.split(".")[0] + "." for name in known})


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
    return f" (did you mean {near[0]}?)" if near else ""


def _tables(content: Any) -> list[dict[str, Any]]:
    """All tables of the file, the outermost first."""
    if not isinstance(content, dict):
        return []
    return [content, *(table for value in content.values() for table in _tables(value))]


def _dotted(table: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(table, dict):
        return {prefix[:-1]: table} if prefix else {}
    return {name: value for key, inner in table.items() for name, value in _dotted(inner, f"{prefix}{key}.").items()}

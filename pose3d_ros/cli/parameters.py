"""Parameters of the lifter node from a YAML file, as ROS nodes take it."""

from pathlib import Path
from typing import Any

from pose3d_ros.core.config import build, flatten
from pose3d_ros.core.errors import ConfigError


def pipeline_config(file: Path | None) -> Any:
    """The `PipelineConfig` of the file's first node with parameters; the defaults without a file.

    Parameters of the node's ROS side are left out. Raises ConfigError: no such file, unknown name, value out of range.
    """
    from pose3d_ros.pipeline import PipelineConfig

    values = parameters(file) if file else {}
    known = {name for name, _, _ in flatten(PipelineConfig())}
    groups = tuple({name.split(".")[0] + "." for name in known})
    if unknown := sorted(name for name in values if name.startswith(groups) and name not in known):
        raise ConfigError(f"{file}: unknown parameters {', '.join(unknown)}; see docs/parameters.md")
    return build(PipelineConfig(), {name: value for name, value in values.items() if name in known})


def parameters(file: Path) -> dict[str, Any]:
    """{full name: value} of the first node with parameters, or of a plain table. Raises ConfigError."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: expected a YAML file of parameters ({error})") from None
    nodes = [entry["ros__parameters"] for entry in _tables(content) if "ros__parameters" in entry]
    return _dotted(nodes[0] if nodes else content)


def _tables(content: Any) -> list[dict[str, Any]]:
    """All tables of the file, the outermost first."""
    if not isinstance(content, dict):
        return []
    return [content, *(table for value in content.values() for table in _tables(value))]


def _dotted(table: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(table, dict):
        return {prefix[:-1]: table} if prefix else {}
    return {name: value for key, inner in table.items() for name, value in _dotted(inner, f"{prefix}{key}.").items()}

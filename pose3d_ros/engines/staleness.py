"""Which engines of a cache would be loaded today, and which only take room."""

from collections.abc import Iterable
from pathlib import Path

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.engines.backends import choice
from pose3d_ros.engines.base import Program, Target, explain
from pose3d_ros.engines.cache import Entry, differing, identity
from pose3d_ros.models import registry

CURRENT, STALE, UNKNOWN = "current", "stale", "unknown"


class Staleness:
    """Compares engines with what this machine would build for the shipped weights and the files `weights`.

    Raises CheckpointError, ConfigError for a file of `weights` that engines cannot run.
    """

    def __init__(self, weights: Iterable[Path] = ()) -> None:
        self._given = [registry.program(str(path)) for path in weights]
        self._shipped: dict[str, Program | None] = {}

    def of(self, entry: Entry) -> tuple[str, str]:
        """(CURRENT, STALE or UNKNOWN, why) of an engine without fault. Only STALE is sure to be loaded no more."""
        made = entry.meta["identity"]
        try:
            programs = self._programs(made["model"])
            if not programs:
                return UNKNOWN, "weights not shipped, say --weights FILE"
            kind = choice.backend(made["backend"])
            buckets = tuple(made["buckets"])
            device = "cuda:0" if kind.on_gpu else "cpu"
            target = Target(device, made["precision"], gpu_buckets=buckets, cpu_buckets=buckets)
            others = [differing(made, identity(program, kind, target)) for program in programs]
        except (Pose3DError, KeyError, TypeError) as error:  # no such GPU or library here; what another release wrote
            return UNKNOWN, explain(error)
        other = min(others, key=len)
        if "machine.gpu" in other:  # of a second card, or of a machine with the same home
            return UNKNOWN, "of another GPU"
        return (STALE, f"other {', '.join(other[:4])}") if other else (CURRENT, "")

    def _programs(self, model: str) -> list[Program]:
        """Those of that name: the given ones, and the shipped one."""
        if model not in self._shipped:
            self._shipped[model] = registry.program(model) if model in registry.names() else None
        return [program for program in (*self._given, self._shipped[model]) if program and program.name == model]

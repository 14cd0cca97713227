"""Run in a child by `pose3d doctor`: which backend `auto` takes for some weights, why not another, and the cache.

    python -m pose3d_ros.cli.diagnosis.rungs WEIGHTS

Prints one JSON object a line and builds nothing.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pose3d_ros.engines import EngineCache, EngineOptions, Program
from pose3d_ros.engines.backends.choice import Rung, rungs
from pose3d_ros.engines.base import NotBuiltError, explain
from pose3d_ros.engines.cache import identity
from pose3d_ros.models import registry


def main(weights: str) -> None:
    """EngineCache first: it says most where nothing loads."""
    cache = EngineCache.default()
    _tell(
        cache=str(cache.folder) if cache else "", entries=[_entry(entry) for entry in cache.entries()] if cache else []
    )
    program, taken = registry.program(weights), False
    for rung in rungs(EngineOptions()):
        _tell(rung=str(rung), state="ends the interpreter", text="")
        state, text = _try(rung, program, cache)
        if state == "ready":
            state, taken = "would be next" if taken else "TAKEN", True
        _tell(rung=str(rung), state=state, text=text)


def _try(rung: Rung, program: Program, cache: EngineCache | None) -> tuple[str, str]:
    try:
        versions = ", ".join(f"{name} {version}" for name, version in rung.kind.versions(rung.target).items())
        folder: Path | None = None
        if rung.kind.built:
            if cache is None:
                raise NotBuiltError("there is no engine cache")
            folder = cache.find(identity(program, rung.kind, rung.target))
        rung.load(program, folder).close()
        return "ready", versions
    except NotBuiltError as error:
        return "not built", explain(error)
    except Exception as error:
        return "not here", explain(error)


def _entry(entry: Any) -> dict[str, Any]:
    return {"name": entry.folder.name, "mb": round(entry.bytes / 1e6, 1), "fault": entry.fault}


def _tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

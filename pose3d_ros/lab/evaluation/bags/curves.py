"""Error against severity: how a bag's results degrade as a fault grows."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.lab.bags.types import Timeline
from pose3d_ros.lab.evaluation.bags import faults
from pose3d_ros.lab.evaluation.bags.bag import Material, OnProgress, bodies, evaluate_direct
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.lab.evaluation.bags.estimates import lift
from pose3d_ros.models import Lifter
from pose3d_ros.pipeline import Pipeline

FILE = "curves.json"
TRUTH, UNFAULTED = "the truth", "the run without this fault"


@dataclass(frozen=True)
class Curve:
    """One fault. `reference`: what errors are measured against. `points`: {"severity", "metrics", "quality"}, growing;
    the latter as under "all" in run.json."""

    fault: str
    help: str
    unit: str
    reference: str
    points: tuple[dict[str, Any], ...]

    def values(self, metric: str) -> tuple[list[float], list[float]]:
        """Severities, and the metric (of `metrics`, else of `quality`) there; points without it are left out."""
        found = [(p["severity"], {**p["quality"], **p["metrics"]}.get(metric)) for p in self.points]
        known = [(severity, value) for severity, value in found if value is not None]
        return [severity for severity, _ in known], [value for _, value in known]


def curve(
    lifter: Lifter,
    material: Material,
    config: BagEvaluationConfig,
    name: str,
    severities: Sequence[float] = (),
    on_progress: OnProgress | None = None,
) -> Curve:
    """The bag with the fault `name` at these severities (those of `FAULTS` if none), after the faults of `config`.

    Without truth the errors are the distances to what the same pipeline says without this fault. Raises ConfigError
    for a severity that the fault does not take.
    """
    if name not in faults.FAULTS:
        raise ConfigError(f"unknown fault {name!r}; known are {', '.join(faults.FAULTS)}")
    fault = faults.FAULTS[name]
    severities = sorted(set(severities or fault.standard))
    specifications = [f"{name}:{severity:g}" for severity in severities]
    for specification in specifications:  # a bad one is refused before the work begins
        faults.parse(specification)
    reference = TRUTH
    if material.truth is None:
        unfaulted = _unfaulted(lifter, material, config)
        reference, material = UNFAULTED, material._replace(truth=lambda _: unfaulted)
        config = replace(config, offset_ms=0.0)
    points = []
    for severity, specification in zip(severities, specifications, strict=True):
        run = evaluate_direct(
            lifter, material, replace(config, faults=(*config.faults, specification)), on_progress
        )  # fmt: skip
        points.append(
            {"severity": severity, "metrics": run.info["metrics"]["all"], "quality": run.info["quality"]["all"]}
        )
    return Curve(name, fault.help, fault.unit, reference, tuple(points))


def _unfaulted(lifter: Lifter, material: Material, config: BagEvaluationConfig) -> Timeline:
    given = faults.apply(config.faults, material.inputs, config.seed)
    frames: dict[int, Skeletons3D] = {}
    for answer in lift(Pipeline(bodies(config.pipeline), lifter), material.inputs, given):
        if answer.skeletons is not None:
            frames[answer.stamp_ns] = answer.skeletons
    return Timeline(tuple(frames[stamp] for stamp in sorted(frames)), {}, UNFAULTED)


def save(curves: Sequence[Curve], folder: Path, force: bool = False) -> Path:
    """Write `curves.json` into the folder of a run. Raises InputError where there is one, unless `force`."""
    file = folder / FILE
    if file.exists() and not force:
        raise InputError(f"{file}: is there already; give --force to replace it")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({curve.fault: asdict(curve) for curve in curves}, indent=1) + "\n")
    return file


def load(folder: Path) -> dict[str, Curve]:
    """Curves of a run's folder by fault; empty where none were made. Raises InputError for a damaged file."""
    file = Path(folder) / FILE
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text())
        return {name: Curve(**{**entry, "points": tuple(entry["points"])}) for name, entry in found.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{file}: expected curves of faults ({error!r})") from None

"""`pose3d sweep-state`: what settings of the state of people are worth on recorded motion."""

from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.cli.evaluate import COLUMNS, STATE_COLUMNS
from pose3d_ros.cli.tables import print_table, write_json
from pose3d_ros.core.errors import ConfigError


def command(
    motion: Annotated[Path, typer.Argument(help="motion file (npz)")],
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE,VALUE,... below state., such as posture.across=0.3,0.5"),
    ] = None,
    protocol: Annotated[str, typer.Option(help="names with commas")] = "clean,random:12",
    weights: Annotated[str, typer.Option(help="name of shipped weights, or a .safetensors file")] = "body_dtf27",
    clips: Annotated[int, typer.Option(help="only so many clips; 0 = all")] = 0,
    told: Annotated[str, typer.Option(help="with commas: gravity, height")] = "",
    seed: Annotated[int, typer.Option(help="fixes cameras, detector noise and occlusion")] = 1,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
) -> None:
    """Errors and coverages of sigma for the settings as they are, for each value of each one alone, and without state.

    All of them see the same cameras, noise and occlusion.
    """
    from pose3d_ros.core.config import build, flatten
    from pose3d_ros.estimation.body_state import StateConfig
    from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate
    from pose3d_ros.lab.synthesis import motion as motion_files
    from pose3d_ros.models import registry

    kinds = {name: type(value) for name, value, _ in flatten(StateConfig())}
    variants = {"as it is": StateConfig(), "no state": StateConfig(enabled=False)}
    for text in setting or []:
        name, _, values = text.partition("=")
        if name not in kinds or not values:
            raise ConfigError(f"--set: expected NAME=VALUE,... with a name of {', '.join(kinds)}, got {text!r}")
        for value in values.split(","):
            variants[f"{name}={value}"] = build(StateConfig(), {name: kinds[name](float(value))})
    known, lifter = motion_files.load([motion]), registry.load_lifter(weights, "auto")
    protocols, report = tuple(protocol.split(",")), {}
    for label, state in variants.items():
        config = EvaluationConfig(
            protocols, clips=clips, seed=seed, state=state, told=tuple(filter(None, told.split(",")))
        )
        found = evaluate(known, [candidate(label, lifter)], config)[label]
        report[label] = {name: metrics.as_dict() for name, metrics in found.items()}
    for name in protocols:
        rows = {label: found[name] for label, found in report.items()}
        print_table(name, "settings", COLUMNS, rows)
        print_table(name, "settings", STATE_COLUMNS, rows)
    if json_path is not None:
        write_json(json_path, report)

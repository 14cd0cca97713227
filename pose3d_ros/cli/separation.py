"""`pose3d separation`: the interval of the separation against the truth, and injected faults."""

from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.cli.tables import write_json


def command(
    pairs: Annotated[Path | None, typer.Option(help="file of pairs (npz): the interval with a virtual robot")] = None,
    faults: Annotated[int, typer.Option(help="so many injected faults, of every kind in turn")] = 0,
    weights: Annotated[str, typer.Option(help="name of shipped weights, or a .safetensors file")] = "body_dtf27",
    confidence: Annotated[float, typer.Option(help="of the interval")] = 0.99,
    seed: Annotated[int, typer.Option(help="fixes cameras, noise, robot and faults")] = 1,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
) -> None:
    """How often the true distance lies in the separation's interval, and whether faults are noticed in time."""
    from rich import print_json

    from pose3d_ros.cli.progress import progress
    from pose3d_ros.control.separation_watch import WatchConfig
    from pose3d_ros.core.errors import ConfigError
    from pose3d_ros.lab.evaluation.motion.separation import evaluate_interval, inject
    from pose3d_ros.pipeline import Pipeline
    from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig

    if pairs is None and not faults:
        raise ConfigError("separation: expected --pairs FILE, --faults NUMBER, or both")
    report = {"meta": {"weights": weights, "confidence": confidence, "seed": seed}}
    if pairs is not None:
        pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=weights), hands=HandConfig(weights="")))
        report["interval"] = evaluate_interval(pairs, pipeline, WatchConfig(confidence=confidence), seed)
        pipeline.close()
    if faults:
        with progress("injecting") as on_progress:
            report["faults"] = inject(faults, seed, on_progress=on_progress)
    if json_path is not None:
        write_json(json_path, report)
    print_json(data=report)

"""`pose3d rotations`: rotations of joints, as estimated, against those of the truth."""

from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.cli.tables import print_table, write_json

COLUMNS = (
    ("median_deg", "median °", 1, 1),
    ("p95_deg", "p95 °", 1, 1),
    ("flips", "flips", 1, 0),
    ("true_flips", "flips of the truth", 1, 0),
    ("frames", "frames", 1, 0),
)


def command(
    motion: Annotated[Path, typer.Argument(help="motion file (npz)")],
    weights: Annotated[str, typer.Option(help="name of shipped weights, or a .safetensors file")] = "body_dtf27",
    protocol: Annotated[str, typer.Option(help="names with commas: clean, random:M, burst, limb, ...")] = "clean",
    clips: Annotated[int, typer.Option(help="only the first so many clips; 0 = all")] = 0,
    rate: Annotated[float, typer.Option(help="frame rate of the camera, Hz")] = 30.0,
    seed: Annotated[int, typer.Option(help="fixes cameras, detector noise and occlusion")] = 1,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
) -> None:
    """Rotations of joints through the whole pipeline, against those derived from the true joints."""
    from pose3d_ros.cli.progress import progress
    from pose3d_ros.lab.evaluation.motion.rotations import RotationConfig, evaluate_rotations
    from pose3d_ros.lab.synthesis.motion import load
    from pose3d_ros.pipeline import Pipeline
    from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig

    config = RotationConfig(protocols=tuple(protocol.split(",")), clips=clips, rate_hz=rate, seed=seed)
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=weights), hands=HandConfig(weights="")))
    with progress("evaluating") as on_progress:
        report = evaluate_rotations(load([motion]), pipeline, config, on_progress)
    pipeline.close()
    meta = {"motion": motion.name, "weights": weights, "clips": clips, "rate_hz": rate, "seed": seed}
    if json_path is not None:
        write_json(json_path, report | {"meta": meta})
    for name, rows in report.items():
        print_table(f"{name}: {motion.name}, {weights}, {rate:g} Hz, seed {seed}", "segment", COLUMNS, rows)

"""`pose3d moving`: errors of the pipeline on people before a camera that turns and drives."""

from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.cli.tables import print_table, write_json

COLUMNS = (
    ("mpjpe_mm", "MPJPE seen", 1, 1),
    ("root_mm", "root seen", 1, 0),
    ("unseen_root_mm", "root unseen", 1, 0),
    ("unseen_root_sigma_mm", "its sigma", 1, 0),
    ("frames", "frames", 1, 0),
    ("gaps", "gaps", 1, 0),
)


def command(
    motion: Annotated[Path, typer.Argument(help="motion file (npz)")],
    weights: Annotated[str, typer.Option(help="name of shipped weights, or a .safetensors file")] = "body_dtf27",
    clips: Annotated[int, typer.Option(help="only so many clips; 0 = all")] = 0,
    unseen_s: Annotated[float, typer.Option(help="the person is not seen for so long, again and again")] = 0.4,
    seed: Annotated[int, typer.Option(help="fixes directions and noise")] = 1,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
) -> None:
    """Root and joint errors of people who are seen, and of those who were not for a while, with poses and without.

    Yaw 0 is the still camera. Keypoints are projections with noise; the pipeline runs as on the robot.
    """
    from pose3d_ros.lab.evaluation.motion.moving import MovingConfig, evaluate_moving
    from pose3d_ros.lab.evaluation.report import identity, machine
    from pose3d_ros.lab.synthesis import motion as motion_files
    from pose3d_ros.models import registry

    config = MovingConfig(clips=clips, unseen_s=unseen_s, seed=seed)
    lifter = registry.load_lifter(weights, "auto")
    report = evaluate_moving(motion_files.load([motion]), lifter, config)
    for told in ("poses", "no poses"):
        print_table(told, "camera", COLUMNS, {name: found[told] for name, found in report.items()})
    if json_path is not None:
        meta = {"motion": motion.name, "config": vars(config), "weights": identity(weights)}
        write_json(json_path, {**report, "meta": {**meta, **machine(lifter.description)}})

"""`pose3d convert CHECKPOINT WEIGHTS`: published weights of HMR2.0 or HaMeR as a file that `pose_vit_node` takes."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    checkpoint: Annotated[Path, typer.Argument(help="the authors' file, such as hamer.ckpt")],
    weights: Annotated[Path, typer.Argument(help="file to write, such as hamer.safetensors")],
    sigma_m: Annotated[
        float | None, typer.Option(help="guess of a joint's error in metres; 0.08 of bodies, 0.015 of hands")
    ] = None,
    padding: Annotated[
        float | None, typer.Option(help="crop to the box of the keypoints; 1.2 of bodies, 2 of hands")
    ] = None,
) -> None:
    """Write published weights again. Nothing in the checkpoint is run, and the body model in it is left out."""
    from pose3d_ros.models.lifter import DEFAULT_SIGMA_M
    from pose3d_ros.models.parametric import HOW_TO_GET, PARAMETERS
    from pose3d_ros.models.published.files import convert

    spec, head = convert(checkpoint, weights, sigma_m, padding)
    model, guess_m = PARAMETERS[head], spec.sigma_seen * DEFAULT_SIGMA_M
    print(f"{weights}: {spec.skeleton}, image alone, sigma {guess_m:.3g} m for every joint (a guess)")
    print(f"{model.removesuffix('_model')}: {weights}\n{model}: {HOW_TO_GET[head]}")

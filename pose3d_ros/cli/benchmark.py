"""`pose3d benchmark`: how long bodies, hands and images take here, and what a better backend would save."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pose3d_ros.cli.parameters import Device, Params, Precision, pipeline_config, with_body
from pose3d_ros.core.errors import ConfigError

# key of a run, heading, digits
RUN_COLUMNS = (
    ("push_ms.p50", "push p50", 2),
    ("push_ms.p95", "p95", 2),
    ("push_ms.p99", "p99", 2),
    ("around_ms.p50", "around p50", 2),
    ("model_ms.p50", "model p50", 2),
    ("model_ms.p95", "p95", 2),
    ("model_ms.p99", "p99", 2),
    ("speedup_over_eager", "x eager", 2),
    ("speedup_over_published", "x published", 1),
    ("floor_ms", "floor", 2),
    ("over_floor", "x floor", 1),
    ("push_joules", "J a push", 3),
)
START_COLUMNS = (
    ("opened_s", "open s", 2),
    ("load_ms", "load ms", 0),
    ("first_call_ms", "first call ms", 1),
    ("warm_up_ms", "warm-up ms", 1),
    ("resident_mb", "+ MB", 1),
)


def command(
    people: Annotated[
        str, typer.Option(help="numbers of people in view, with commas; with --images: of crops in one step")
    ] = "1,4",
    backend: Annotated[str, typer.Option(help="a backend, auto, or all that work here")] = "auto",
    weights: Annotated[str, typer.Option(help="name, or a .safetensors file; default: of the parameters")] = "",
    hands: Annotated[bool, typer.Option("--hands", help="both hands of everybody too")] = False,
    images: Annotated[
        str,
        typer.Option(
            help="instead: image models, with commas; tiny, S, B, L, H (random weights) or .safetensors files"
        ),
    ] = "",
    frames: Annotated[str, typer.Option(help="with --images: frames that tiny to H look at")] = "1,4,8",
    seconds: Annotated[float, typer.Option(help="of measuring, after loading")] = 20.0,
    params: Params = None,
    threads: Annotated[int | None, typer.Option(help="instead of body.threads; 0 = the backend's own choice")] = None,
    device: Device = "",
    precision: Precision = "",
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
) -> None:
    """Times of `Pipeline.push` and of its networks alone, percentiles in milliseconds.

    Beside them in the same process, in turns: the same networks in eager torch, and the network of the published size.
    With --images: steps of the image models of pose_vit_node, which --hands and --weights say nothing about.
    """
    from pose3d_ros.cli.tables import write_json
    from pose3d_ros.lab.evaluation.latency import image_latency, latency

    given = {"weights": weights, "device": device, "precision": precision, "threads": threads}
    config = with_body(pipeline_config(params), **given)
    if images:
        measured = image_latency.ImageBenchmarkConfig(
            tuple(images.split(",")), _numbers("people", people), _numbers("frames", frames), backend,
            config.body.engines(), seconds,
        )  # fmt: skip
        report = _measured(image_latency.measure, measured)
    else:
        config = config if hands else replace(config, hands=replace(config.hands, weights=""))
        measured = latency.BenchmarkConfig(_numbers("people", people), backend, config, seconds)
        report = _measured(latency.measure, measured)
    if json_path is not None:
        write_json(json_path, report)
    (show_images if images else show)(report)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{name}: expected numbers with commas, got {text!r}") from None


def _measured(measure: Callable[..., dict[str, Any]], config: Any) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        return measure(config, lambda doing, share: bar.update(task, description=doing, completed=share))


def show(report: dict[str, Any]) -> None:
    """The report on stdout."""
    from rich.table import Table

    console = _machine(report)
    what = "bodies and both hands" if report["hands"] else "bodies"
    table = Table("backend", "people", title=f"{what}, ms; around = push without its networks", title_justify="left")
    for _, heading, _ in RUN_COLUMNS:
        table.add_column(heading, justify="right")
    for run in report["runs"]:
        table.add_row(run["backend"], str(run["people"]), *(_cell(run, key, digits) for key, _, digits in RUN_COLUMNS))
    console.print(table)
    table = Table(
        "backend", title="starting, of the bodies' network; open = all networks, with a build", title_justify="left"
    )
    for _, heading, _ in START_COLUMNS:
        table.add_column(heading, justify="right")
    for name, found in report["start_up"].items():
        table.add_row(name, *(_cell(found, key, digits) for key, _, digits in START_COLUMNS))
    console.print(table)
    _missing(console, report)
    published, reach = report["published_ms"], report["reach"]
    console.print(
        f"published size, T = 351, eager torch, 1 person: p50 {published['p50']:.0f}, p99 {published['p99']:.0f} ms\n"
        f"floor: arithmetic and weights over what this device was measured to reach, {reach['gflops']:.0f} GFLOP/s in "
        f"matrix products and {reach['gb_per_s']:.0f} GB/s in copies\n"
        f"memory: {_cell(report, 'resident_mb', 0)} MB resident with all of these, "
        f"{_cell(report, 'gpu_mb', 0)} MB on the GPU; energy: {report['energy'] or 'no counter that can be read'}"
    )


def show_images(report: dict[str, Any]) -> None:
    """The report on image models on stdout."""
    from rich.table import Table

    console = _machine(report)
    console.print("one step, from crops and drawn skeletons to joints, past frames cached; ms; CPU = of the process")
    table = Table("model")
    for heading in ("frames", "crops", "backend", "p50", "p95", "p99", "CPU p50"):
        table.add_column(heading, justify="left" if heading == "backend" else "right")
    for run in report["runs"]:
        times = [_cell(run, key, 1) for key in ("step_ms.p50", "step_ms.p95", "step_ms.p99", "cpu_ms.p50")]
        table.add_row(run["model"], str(run["frames"]), str(run["crops"]), run["backend"], *times)
    console.print(table)
    _missing(console, report)


def _machine(report: dict[str, Any]) -> Any:
    """A console that has said what was measured on."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    console.print(f"{report['device']}\n{report['cpu']}, {report['threads']} thread(s), {report['system']}; {versions}")
    return console


def _missing(console: Any, report: dict[str, Any]) -> None:
    """What could not be measured, or not well."""
    for name, why in report["left_out"].items():
        console.print(f"{name}: {why}", markup=False)
    if report["load"] > 1.5:  # one of it is this process
        print(
            f"this machine was busy, load {report['load']}: only its fastest times (--json) and its CPU's say something"
        )


def _cell(found: dict[str, Any], key: str, digits: int) -> str:
    """A number by its dotted key, or a dash where there is none."""
    value: Any = found
    for part in key.split("."):
        value = value.get(part)
    return "–" if value is None else f"{value:.{digits}f}"

"""`pose3d compare A B`: two stored runs side by side; exit code 1 where the second one is worse than allowed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pose3d_ros.cli.tables import write_json
from pose3d_ros.core.errors import ConfigError, InputError

BROKEN = 1
KINDS = ("joint", "person", "segment")


def command(
    first: Annotated[Path, typer.Argument(help="folder of the run to compare with")],
    second: Annotated[Path, typer.Argument(help="folder of the new run")],
    max_regression: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=2% or METRIC=5 (its unit): exit code 1 where it got worse by more; METRIC@joint:NAME=..., "
            "@person:NAME, @segment:NUMBER"
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="also show each: joint, person, segment, with commas")] = "",
    block_s: Annotated[float, typer.Option(help="length of a block of the bootstrap, seconds")] = 1.0,
    draws: Annotated[int, typer.Option(help="bootstrap samples")] = 1000,
    seed: Annotated[int, typer.Option(help="fixes them")] = 1,
    json_path: Annotated[Path | None, typer.Option("--json", help="write everything to this file")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the JSON file that is there")] = False,
) -> None:
    """Differences of two runs with 95 % bootstrap intervals; * marks those that 0 lies outside of."""
    from pose3d_ros.lab.evaluation.bags import compare
    from pose3d_ros.lab.evaluation.bags.run import load_run

    limits = [compare.parse_limit(text) for text in max_regression or ()]
    kinds = tuple(kind.strip() for kind in by.split(",") if kind.strip())
    if set(kinds) - set(KINDS):
        raise ConfigError(f"--by: expected {', '.join(KINDS)}, got {by!r}")
    for path in (first, second):
        if path.is_file():
            raise InputError(
                f"{path}: expected the folder of a run (pose3d evaluate --bag BAG --out FOLDER); the JSON of --motion "
                "holds no frames to compare"
            )
    if json_path is not None and json_path.exists() and not force:
        raise InputError(f"{json_path}: is there already; give --force to replace it")
    a, b = load_run(first), load_run(second)
    rows = compare.compare(a, b, compare.CompareConfig(block_s=block_s, draws=draws, seed=seed))
    verdicts = compare.judge(rows, limits)
    if json_path is not None:
        write_json(json_path, compare.as_dict(a, b, rows, verdicts))
    show([row for row in rows if row.group == compare.ALL or row.group.split(":")[0] in kinds])
    if not compare.same_bag(a, b):
        typer.echo("the runs are of different bags: intervals hold the scatter of both")
    if rows and all(row.low is None for row in rows):
        blocks = f"{compare.LEAST_BLOCKS} blocks of {block_s:g} s"
        typer.echo(f"no intervals: the recordings are shorter than {blocks}; --block-s makes them shorter")
    for verdict in verdicts:
        limit, word = verdict.limit, "BROKEN" if verdict.broken else "ok    "
        unit = " %" if limit.percent else ""
        way = "better" if verdict.worse < 0 else "worse"
        typer.echo(
            f"{word} {limit.metric}@{limit.group}: {way} by {abs(verdict.worse):.3g}{unit}, allowed: worse by "
            f"{limit.most:g}{unit}"
        )
    if any(verdict.broken for verdict in verdicts):
        raise typer.Exit(BROKEN)


def show(rows: list[Any]) -> None:
    """The differences as a table on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table("metric", "of")
    for heading in ("first", "second", "difference", "%", "95 % interval", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        interval = "–" if row.low is None else f"{row.low:+.4g} .. {row.high:+.4g}"
        percent = "–" if row.percent is None else f"{row.percent:+.1f}"
        numbers = (f"{row.a:.5g}", f"{row.b:.5g}", f"{row.difference:+.4g}")
        table.add_row(row.metric, row.group, *numbers, percent, interval, "*" if row.sure else "")
    Console(width=None if Console().is_terminal else 160).print(table)

"""`pose3d engine`: build, list, check and clear the engines that nodes load at their start."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pose3d_ros.cli.parameters import Device, Params, Precision, pipeline_config, with_body
from pose3d_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from pose3d_ros.engines import EngineCache, EngineOptions, Program
    from pose3d_ros.engines.backends.choice import Rung

app = typer.Typer(no_args_is_help=True)

Models = Annotated[list[str] | None, typer.Argument(help="weights by name or path; default: those of the parameters")]
Backend = Annotated[str, typer.Option(help="instead of body.backend")]
Weights = Annotated[list[Path] | None, typer.Option(help="compare with these files too, not only with shipped weights")]
Folder = Annotated[Path | None, typer.Option("--cache", help="another cache than the user's")]


@app.command()
def build(
    models: Models = None,
    params: Params = None,
    backend: Backend = "",
    device: Device = "",
    precision: Precision = "",
    cache: Folder = None,
) -> None:
    """Build all engines that a node with these parameters can use here. Exit code 1 where one could not be built."""
    from rich.console import Console

    from pose3d_ros.engines.base import UnavailableError, explain
    from pose3d_ros.engines.builder import build as build_engine

    console, failed, built = Console(stderr=True), 0, 0
    names, options, store = _wanted(models, params, backend, device, precision, cache)
    for program, rung in _programs(names, options):
        title = f"{program.name}, {rung.kind.name} {rung.target.precision}"
        with console.status(title) as status:
            try:
                rung.kind.versions(rung.target)
                folder = build_engine(program, rung, store, lambda doing, t=title, s=status: s.update(f"{t}: {doing}"))
            except UnavailableError as error:
                failed += options.named
                print(f"{title}: left out, {error}")
            except Exception as error:
                failed += 1
                print(f"{title}: FAILED, {explain(error)}")
            else:
                built += 1
                print(f"{title}: {folder}")
    if not built and not failed:
        print("nothing to build here: only torch runs, which needs no files")
    raise typer.Exit(1 if failed else 0)


@app.command("list")
def list_engines(weights: Weights = None, cache: Folder = None) -> None:
    """What is in the cache: model, backend, rows, versions, size; what is current, stale (and why) or damaged."""
    from rich.console import Console
    from rich.table import Table

    from pose3d_ros.engines.staleness import Staleness

    store, staleness = _cache(cache), Staleness(weights or ())
    table = Table("model", "backend", "rows", "versions", "MB", "difference", "state", title=str(store.folder))
    for entry in store.entries():
        name, size = entry.folder.name, f"{entry.bytes / 1e6:.1f}"
        if entry.fault:
            table.add_row(name, "", "", "", size, "", "DAMAGED or foreign")
            continue
        made = entry.meta["identity"]
        versions = ", ".join(f"{key} {value}" for key, value in made["versions"].items() if key != "platform")
        rows = ", ".join(str(rows) for rows in made["buckets"])
        gap = ", ".join(f"{key} {value:.1g}" for key, value in entry.meta.get("parity", {}).items())
        state = ": ".join(part for part in staleness.of(entry) if part)
        table.add_row(made["model"], f"{made['backend']} {made['precision']}", rows, versions, size, gap, state)
    Console(width=None if Console().is_terminal else 160).print(table)


@app.command()
def check(
    models: Models = None,
    params: Params = None,
    backend: Backend = "",
    device: Device = "",
    precision: Precision = "",
    cache: Folder = None,
) -> None:
    """Load every engine that these parameters can use, and compare it with eager fp32. Exit code 1 where one fails."""
    from pose3d_ros.engines.base import NotBuiltError, UnavailableError, explain
    from pose3d_ros.engines.cache import identity
    from pose3d_ros.engines.parity import differences

    failed = 0
    names, options, store = _wanted(models, params, backend, device, precision, cache)
    for program, rung in _programs(names, options, all_rungs=True):
        title = f"{program.name}, {rung.kind.name} {rung.target.precision}"
        try:
            rung.kind.versions(rung.target)
            folder = store.find(identity(program, rung.kind, rung.target)) if rung.kind.built else None
            engine = rung.load(program, folder)
            gap = ", ".join(f"{key} {value:.1g}" for key, value in differences(engine, program).items())
            engine.close()
            print(f"{title}: ready, differs from eager fp32 by {gap}")
        except NotBuiltError as error:
            print(f"{title}: {error} (`pose3d engine build`)")
        except UnavailableError as error:
            print(f"{title}: not here, {error}")
        except Exception as error:
            failed += 1
            print(f"{title}: REFUSED, {explain(error)}")
    raise typer.Exit(1 if failed else 0)


@app.command()
def clear(
    model: Annotated[str, typer.Option(help="only the engines of this model")] = "",
    damaged: Annotated[bool, typer.Option("--damaged", help="only what cannot be loaded")] = False,
    stale: Annotated[bool, typer.Option("--stale", help="only what is loaded no more, as `list` says")] = False,
    weights: Weights = None,
    cache: Folder = None,
) -> None:
    """Delete engines from the cache: all of them, unless an option says which."""
    from pose3d_ros.engines.staleness import STALE, Staleness

    store, staleness, removed = _cache(cache), Staleness(weights or ()), 0
    for entry in list(store.entries()):
        of = entry.meta.get("identity", {}).get("model")
        if model and model not in (of, entry.folder.name):
            continue
        wanted = bool(entry.fault) if damaged else not stale
        if not wanted and not (stale and not entry.fault and staleness.of(entry)[0] == STALE):
            continue
        store.remove(entry)
        removed += 1
        print(f"removed {entry.folder}")
    if not removed:
        print(f"nothing to remove in {store.folder}")


def _wanted(
    models: list[str] | None, params: Path | None, backend: str, device: str, precision: str, cache: Path | None
) -> "tuple[list[str], EngineOptions, EngineCache]":
    """Names of weights, how to run them, and the cache."""
    config = with_body(pipeline_config(params), backend=backend, device=device, precision=precision)
    names = models or [name for name in (config.body.weights, config.hands.weights) if name]
    return names, config.body.engines(), _cache(cache)


def _cache(folder: Path | None) -> "EngineCache":
    from pose3d_ros.engines import EngineCache
    from pose3d_ros.engines.cache import VARIABLE

    found = EngineCache(folder) if folder else EngineCache.default()
    if found is None:
        raise ConfigError(f"{VARIABLE} is empty, which says that there is no engine cache: name a folder with --cache")
    return found


def _programs(names: list[str], options: "EngineOptions", all_rungs: bool = False) -> "Iterator[tuple[Program, Rung]]":
    """Each model with each rung of its ladder; only those that are built, unless `all_rungs`."""
    from pose3d_ros.engines.backends.choice import rungs
    from pose3d_ros.models import registry

    for name in names:
        program = registry.program(name)
        for rung in rungs(options):
            if all_rungs or rung.kind.built:
                yield program, rung

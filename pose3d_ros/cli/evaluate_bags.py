"""What `pose3d evaluate --bag` does beyond one bag's numbers: reports, many bags, replay through the nodes."""

from pathlib import Path
from typing import Any, NamedTuple

import typer

from pose3d_ros.cli import evaluate_bag
from pose3d_ros.cli.progress import progress
from pose3d_ros.cli.tables import print_table
from pose3d_ros.core.errors import ConfigError, InputError, Pose3DError

COLUMNS = (
    *(column for column in evaluate_bag.ERRORS if column[0] in ("mpjpe_mm", "pa_mpjpe_mm", "seen_mm", "hidden_mm")),
    *(column for column in evaluate_bag.QUALITY if column[0] in ("coverage", "share_inferred", "jitter_m_s2")),
    ("frames", "frames", 1, 0),
)


class More(NamedTuple):
    """Further options of the command, as given."""

    jobs: int
    ray: str
    replay: bool
    rate: float
    report: bool
    rerun: bool


def evaluate(options: evaluate_bag.BagOptions, bags: list[Path], more: More) -> None:
    """One bag, or many: each into a folder of its own, with one summary."""
    try:
        from pose3d_ros.lab.evaluation.bags.batch import find_bags
    except ModuleNotFoundError as error:
        raise Pose3DError(f"evaluate --bag needs rosbags ({error}): pip install 'pose3d_ros[tools]'") from None
    if len(bags) == 1 and not bags[0].exists():
        raise InputError(f"bag {bags[0]}: there is no such file or folder")
    found = find_bags(bags)
    if len(bags) == 1 and found == [bags[0].resolve()]:
        _one(options._replace(bag=bags[0]), more)
    else:
        _many(options, bags, found, more)


def _one(options: evaluate_bag.BagOptions, more: More) -> None:
    play = None
    if more.replay:
        play = _replay(more.rate)
    elif more.ray:
        raise ConfigError("--ray is for many bags: give several, a folder of bags, or a list")
    if more.rerun:
        from pose3d_ros.lab.viewing import rerun_export

        rerun_export.sdk()
    run = evaluate_bag.evaluate(options, play)
    if more.report or more.rerun:
        _images(run, options, more)


def _replay(rate: float) -> Any:
    """`evaluate(config, folder)` through the nodes. Raises Pose3DError where there is no ROS."""
    try:
        from pose3d_ros.ros.replay import evaluate_replay
    except ImportError as error:
        raise Pose3DError(
            f"--replay needs ROS, the built messages and the extra `tools` ({error}): make setup and . tools/env.sh; "
            "on a robot: colcon build, source install/setup.bash. Without ROS leave --replay out: the same pipeline"
        ) from None
    return lambda config, out: evaluate_replay(config, out / "replay", rate, typer.echo)


def _images(run: Any, options: evaluate_bag.BagOptions, more: More) -> None:
    try:
        from pose3d_ros.lab.bags.reader import Bag
        from pose3d_ros.lab.viewing.runs import moments
        from pose3d_ros.lab.viewing.runs.page import write_report
    except ModuleNotFoundError as error:
        raise Pose3DError(
            f"the report needs matplotlib and jinja2 ({error}): pip install 'pose3d_ros[tools]', or --no-report"
        ) from None
    bag = Bag(options.bag, evaluate_bag.configuration(options).topics)
    if more.report:
        typer.echo(f"report  {write_report(run, run.folder, bag.image)}")
    if more.rerun:
        from pose3d_ros.lab.viewing.rerun_export import export

        path = run.folder / "run.rrd"
        export(moments.every(run, bag.image), moments.camera_of(run), path)
        typer.echo(f"Rerun   {path}")


def _many(options: evaluate_bag.BagOptions, given: list[Path], bags: list[Path], more: More) -> None:
    """All bags; prints the summary. Raises Pose3DError at the end where some failed."""
    from pose3d_ros.lab.evaluation.bags import batch
    from pose3d_ros.lab.viewing.runs.bags import PAGE, Evaluation, evaluate_bags

    for name, used in (
        ("--replay", more.replay), ("--severities", options.severities), ("--curve", options.curves),
        ("--json", options.json_path), ("--rerun", more.rerun),
    ):  # fmt: skip
        if used:
            raise ConfigError(f"{name} is for one bag, {len(bags)} were found; summary.json holds their numbers")
    config = evaluate_bag.configuration(options)
    out = options.out or Path("out/evaluate") / (given[0].resolve().stem if len(given) == 1 else "bags")
    evaluate_bag.refuse_unwritable(out)
    if more.jobs < 0:
        raise ConfigError(f"--jobs: expected 0 or more processes, got {more.jobs}")
    clashes = batch.clashes(batch.tasks(bags, out), Evaluation(config).fingerprint)
    if clashes and not options.force:
        raise InputError(
            f"{out}: holds runs made with other options ({', '.join(task.folder.name for task in clashes)}); "
            "give another --out, or --force to replace them"
        )
    with progress("bags") as on_progress:

        def done(outcome: batch.Outcome, number: int, of: int) -> None:
            on_progress("bags", number, of)
            if outcome.error:
                typer.echo(f"failed  {outcome.task.bag}: {outcome.error}", err=True)

        summary = evaluate_bags(config, bags, out, more.jobs, more.ray, done)
    every = summary["all"]
    rows = {"all": every} | {row["folder"]: row for row in summary["bags"]}
    print_table(f"{every['bags']} bags, {every['failed']} failed; errors in mm", "bag", COLUMNS, rows)
    typer.echo(f"summary {out / PAGE}")
    if every["failed"]:
        raise Pose3DError(f"{every['failed']} of {every['bags']} bags failed, see error.txt in their folders")

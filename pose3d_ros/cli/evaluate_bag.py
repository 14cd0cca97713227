"""The work behind `pose3d evaluate --bag`."""

import os
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import typer

from pose3d_ros.cli.parameters import pipeline_config
from pose3d_ros.cli.progress import progress
from pose3d_ros.cli.tables import print_table, write_json
from pose3d_ros.core.errors import ConfigError, InputError, Pose3DError

ERRORS = (
    ("mpjpe_mm", "MPJPE", 1, 1),
    ("mpjpe_absolute_mm", "absolute", 1, 1),
    ("pa_mpjpe_mm", "PA", 1, 1),
    ("n_mpjpe_mm", "N", 1, 1),
    ("seen_mm", "seen", 1, 1),
    ("hidden_mm", "hidden", 1, 1),
    ("pck150", "PCK@150 %", 100, 1),
    ("velocity_error_mm_s", "velocity mm/s", 1, 0),
    ("accel_error_mm_s2", "accel. mm/s²", 1, 0),
    ("root_error_percent", "root %", 1, 1),
    ("sigma_coverage", "in 1σ %", 100, 0),
    ("frames", "frames", 1, 0),
    ("missed", "missed", 1, 0),
    ("false", "false", 1, 0),
    ("id_switches", "id sw.", 1, 0),
)
QUALITY = (
    ("coverage", "coverage %", 100, 1),
    ("share_inferred", "inferred %", 100, 1),
    ("jitter_m_s2", "jitter m/s²", 1, 2),
    ("bone_cv_percent", "bones ± %", 1, 1),
    ("reprojection_px", "reproj. px", 1, 1),
    ("reprojection_percent", "reproj. %", 1, 1),
    ("tracks", "tracks", 1, 0),
    ("id_switches", "id sw.", 1, 0),
    ("people", "people", 1, 0),
    ("frames", "frames", 1, 0),
)
OF_CURVES = (
    "mpjpe_mm", "mpjpe_absolute_mm", "pa_mpjpe_mm", "seen_mm", "hidden_mm", "accel_error_mm_s2", "root_error_percent",
    "sigma_coverage", "coverage", "share_inferred", "reprojection_px",
)  # fmt: skip
HARDLY_BETTER, FAR_MS = 0.95, 10.0


class BagOptions(NamedTuple):
    """Options of the command, as given."""

    bag: Path
    weights: str
    params: Path | None
    device: str
    seed: int
    truth: str
    joint_map: Path | None
    offset_ms: str
    estimates: str
    topics: tuple[str, ...]
    faults: tuple[str, ...]
    severities: str
    curves: tuple[str, ...]
    tolerance_ms: float
    segment_s: float
    out: Path | None
    force: bool
    json_path: Path | None


def evaluate(options: BagOptions, play: Callable[[Any, Path], Any] | None = None) -> Any:
    """Evaluates, stores the run, prints tables; returns the run. `play(config, folder)` evaluates in another way than
    here. Raises Pose3DError before any work where results would be replaced.
    """
    try:
        from pose3d_ros.lab.evaluation.bags import bag, curves, run
        from pose3d_ros.lab.evaluation.bags.config import RECORDED
    except ModuleNotFoundError as error:
        raise Pose3DError(f"evaluate --bag needs rosbags ({error}): pip install 'pose3d_ros[tools]'") from None
    wanted, config = _curves(options), configuration(options)
    if wanted and play:
        raise ConfigError("curves of faults are made without --replay")
    if wanted and config.estimates == RECORDED:
        raise ConfigError("curves of faults need --estimates rerun: faults change what the lifter is given")
    out = options.out or Path("out/evaluate") / options.bag.resolve().stem
    run.refuse_replacing(out, options.force)
    refuse_unwritable(out)
    if options.json_path is not None and options.json_path.exists() and not options.force:
        raise InputError(f"{options.json_path}: is there already; give --force to replace it")
    found = []
    with progress("reading") as on_progress:
        if play:
            result = play(config, out)
        elif wanted:
            lifter = bag.load_lifter(config)
            material = bag.read(config, lifter.spec.joints)
            result = bag.evaluate_direct(lifter, material, config, on_progress)
            if config.offset_ms is None and result.info["truth"]:  # time that a fault takes is its error, no offset
                config = replace(config, offset_ms=result.info["truth"]["offset_ms"])
            found = [
                curves.curve(lifter, material, config, name, severities, on_progress)
                for name, severities in wanted.items()
            ]
        else:
            result = bag.evaluate_bag(config, on_progress)
    result = run.save_run(result, out, options.force)
    if found:
        curves.save(found, out, options.force)
    if options.json_path is not None:
        report = {**result.info, "timings": result.timings.summary()}
        write_json(options.json_path, report | ({"curves": {c.fault: asdict(c) for c in found}} if found else {}))
    show(result)
    for entry in found:
        show_curve(entry)
    typer.echo(f"run     {out}")
    return result


def refuse_unwritable(folder: Path) -> None:
    """Before any work. Raises InputError where the folder cannot be made or written into."""
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    why = "is read-only" if there.is_dir() else "is a file"
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"--out {folder}: expected a folder to write into, {there} {why}")


def configuration(options: BagOptions) -> Any:
    """The `BagEvaluationConfig` of these options. Raises ConfigError."""
    from pose3d_ros.lab.bags.types import TopicChoice
    from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig, ScoringConfig

    known = {entry.name for entry in fields(TopicChoice)}
    topics = dict(entry.split("=", 1) if "=" in entry else (entry, "") for entry in options.topics)
    if set(topics) - known or not all(topics.values()):
        raise ConfigError(f"--topic: expected ROLE=/NAME with one of {', '.join(sorted(known))}, got {options.topics}")
    try:
        auto = options.offset_ms.startswith("auto")
        offset_ms = float(options.offset_ms.removeprefix("auto").removeprefix(":") or 0)
    except ValueError:
        raise ConfigError(
            f"--offset-ms: expected milliseconds, auto or auto:MILLISECONDS, got {options.offset_ms!r}"
        ) from None
    pipeline = pipeline_config(options.params)
    body = {"weights": options.weights or pipeline.body.weights}
    if options.device != "auto":
        body["device"] = options.device
    if options.truth.startswith("topic:"):
        topics.setdefault("truth", options.truth.removeprefix("topic:"))
    return BagEvaluationConfig(
        bag=options.bag,
        truth=options.truth,
        joint_map=options.joint_map,
        offset_ms=None if auto else offset_ms,
        offset_start_ms=offset_ms if auto else 0.0,
        topics=TopicChoice(**topics),
        estimates=options.estimates,
        pipeline=replace(pipeline, body=replace(pipeline.body, **body)),
        faults=() if options.severities else options.faults,
        seed=options.seed,
        scoring=ScoringConfig(tolerance_ms=options.tolerance_ms, segment_s=options.segment_s),
    )


def _curves(options: BagOptions) -> dict[str, tuple[float, ...]]:
    """{fault: severities}, () = its usual ones."""
    from pose3d_ros.lab.evaluation.bags.faults import FAULTS

    if not options.severities:
        names = FAULTS if "all" in options.curves else options.curves
        return dict.fromkeys(names, ())
    try:
        severities = tuple(float(text) for text in options.severities.split(","))
    except ValueError:
        raise ConfigError(f"--severities: expected numbers with commas, got {options.severities!r}") from None
    names = (*options.faults, *options.curves)
    if not names:
        raise ConfigError("--severities: expected --fault NAME beside it")
    return dict.fromkeys(names, severities)


def show(result: Any) -> None:
    """Tables of a run on stdout."""
    info = result.info
    if info["weights"]:
        typer.echo(f"model   {info['device']}")
    if info["truth"]:
        _show_truth(info["truth"])
        found = info["metrics"]
        rows = {"all": found["all"]}
        if len(found["people"]) > 1:
            rows |= found["people"]
        if len(found["segments"]) > 1:
            rows |= {_span(part): part for part in found["segments"]}
        print_table("errors, mm", "", ERRORS, rows)
    found = info["quality"]
    rows = {"all": found["all"]}
    if len(found["segments"]) > 1 and not info["truth"]:
        rows |= {_span(part): part for part in found["segments"]}
    print_table("what needs no truth", "", QUALITY, rows)
    for name, values in result.timings.summary().items():
        if values:
            typer.echo(f"{name:<11} p50 {values['p50']:.1f}  p95 {values['p95']:.1f}  p99 {values['p99']:.1f}")
    for reason, count in info["bag"]["skipped"].items():
        typer.echo(f"skipped {count}: {reason}")


def _show_truth(truth: dict[str, Any]) -> None:
    typer.echo(f"truth   {truth['source']}, {len(truth['joints'])} joints, root: {', '.join(truth['root'])}")
    for side, joints in truth["left_out"].items():
        if joints:
            typer.echo(f"        only in the {side}: {', '.join(joints)}")
    if truth["offset"]:
        without = truth["offset"]["error_without_mm"]
        before = "" if without is None else f" instead of {without:.1f} mm"
        typer.echo(f"offset  {truth['offset_ms']:.1f} ms estimated: {truth['offset']['error_mm']:.1f} mm{before}")
        far = abs(truth["offset_ms"]) > FAR_MS and without is not None
        if far and truth["offset"]["error_mm"] > HARDLY_BETTER * without:
            typer.echo("        hardly better than without: do not rely on it")


def _span(part: dict[str, Any]) -> str:
    return f"{part['start_s']:.0f}–{part['end_s']:.0f} s"


def show_curve(curve: Any) -> None:
    """Errors and quality against severity."""
    rows = {f"{point['severity']:g}": {**point["quality"], **point["metrics"]} for point in curve.points}
    columns = tuple(column for column in (*ERRORS, *QUALITY) if column[0] in OF_CURVES)
    print_table(f"{curve.fault}: {curve.help}; against {curve.reference}", curve.unit, columns, rows)

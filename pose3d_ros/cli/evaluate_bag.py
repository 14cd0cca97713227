"""The work behind `pose3d evaluate --bag`."""

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import typer

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


def evaluate(options: BagOptions) -> None:
    """Evaluates, stores the run, prints tables. Raises Pose3DError before any work where results would be replaced."""
    try:
        from pose3d_ros.evaluation import bag, curves, run
        from pose3d_ros.evaluation.bag_config import RECORDED
    except ModuleNotFoundError as error:
        raise Pose3DError(f"evaluate --bag needs rosbags ({error}): pip install 'pose3d_ros[tools]'") from None
    wanted, config = _curves(options), configuration(options)
    if wanted and config.estimates == RECORDED:
        raise ConfigError("curves of faults need --estimates rerun: faults change what the lifter is given")
    out = options.out or Path("out/evaluate") / options.bag.resolve().stem
    run.refuse_replacing(out, options.force)
    if options.json_path is not None and options.json_path.exists() and not options.force:
        raise InputError(f"{options.json_path}: is there already; give --force to replace it")
    found = []
    with progress("reading") as on_progress:
        if wanted:
            lifter = bag.load_lifter(config)
            material = bag.read(config, lifter.spec.joints)
            result = bag.evaluate_direct(lifter, material, config, on_progress)
            found = [
                curves.curve(lifter, material, config, name, severities, on_progress)
                for name, severities in wanted.items()
            ]
        else:
            result = bag.evaluate_bag(config, on_progress)
    run.save_run(result, out, options.force)
    if found:
        curves.save(found, out, options.force)
    if options.json_path is not None:
        report = {**result.info, "timings": result.timings.summary()}
        write_json(options.json_path, report | ({"curves": {c.fault: asdict(c) for c in found}} if found else {}))
    show(result)
    for entry in found:
        show_curve(entry)
    typer.echo(f"run     {out}")


def configuration(options: BagOptions) -> Any:
    """The `BagEvaluationConfig` of these options. Raises ConfigError."""
    from pose3d_ros.bags.types import TopicChoice
    from pose3d_ros.evaluation.bag_config import BagEvaluationConfig, ScoringConfig

    known = {entry.name for entry in fields(TopicChoice)}
    topics = dict(entry.split("=", 1) if "=" in entry else (entry, "") for entry in options.topics)
    if set(topics) - known or not all(topics.values()):
        raise ConfigError(f"--topic: expected ROLE=/NAME with one of {', '.join(sorted(known))}, got {options.topics}")
    try:
        offset_ms = None if options.offset_ms == "auto" else float(options.offset_ms)
    except ValueError:
        raise ConfigError(f"--offset-ms: expected milliseconds or auto, got {options.offset_ms!r}") from None
    if options.truth.startswith("topic:"):
        topics.setdefault("truth", options.truth.removeprefix("topic:"))
    return BagEvaluationConfig(
        bag=options.bag,
        truth=options.truth,
        joint_map=options.joint_map,
        offset_ms=offset_ms,
        topics=TopicChoice(**topics),
        estimates=options.estimates,
        pipeline=pipeline_config(options.params, options.weights, options.device),
        faults=() if options.severities else options.faults,
        seed=options.seed,
        scoring=ScoringConfig(tolerance_ms=options.tolerance_ms, segment_s=options.segment_s),
    )


def pipeline_config(params: Path | None, weights: str, device: str) -> Any:
    """The pipeline's parameters of a ROS parameter file, or of a plain YAML file, with weights and device over them.

    Parameters of the node around the pipeline are left alone. Raises ConfigError: unknown names, bad values.
    """
    from pose3d_ros.core.config import build
    from pose3d_ros.pipeline import PipelineConfig

    default = PipelineConfig()
    values = _parameters(params) if params else {}
    parts = tuple(f"{entry.name}." for entry in fields(default))
    values = {name: value for name, value in values.items() if name.startswith(parts)}
    config = build(default, values)
    body = replace(config.body, weights=weights or config.body.weights)
    return replace(config, body=body if device == "auto" else replace(body, device=device))


def _parameters(file: Path) -> dict[str, Any]:
    """{full name: value} of the file's first node with parameters."""
    import yaml

    from pose3d_ros.core.config import flatten
    from pose3d_ros.pipeline import PipelineConfig

    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: expected a YAML file of parameters ({error})") from None
    nodes = [entry["ros__parameters"] for entry in _tables(content) if "ros__parameters" in entry]
    values = _dotted(nodes[0] if nodes else content)
    known = {name for name, _, _ in flatten(PipelineConfig())}
    parts = tuple({name.split(".")[0] + "." for name in known})
    unknown = sorted(name for name in values if name.startswith(parts) and name not in known)
    if unknown:
        raise ConfigError(f"{file}: unknown parameters {', '.join(unknown)}; see docs/parameters.md")
    return values


def _tables(content: Any) -> list[dict[str, Any]]:
    """All tables of the file, the outermost first."""
    if not isinstance(content, dict):
        return []
    return [content, *(table for value in content.values() for table in _tables(value))]


def _dotted(table: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(table, dict):
        return {prefix[:-1]: table} if prefix else {}
    return {name: value for key, inner in table.items() for name, value in _dotted(inner, f"{prefix}{key}.").items()}


def _curves(options: BagOptions) -> dict[str, tuple[float, ...]]:
    """{fault: severities}, () = its usual ones."""
    from pose3d_ros.evaluation.faults import FAULTS

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
    rows = {"all": found["all"]} | ({_span(part): part for part in found["segments"]} if not info["truth"] else {})
    print_table("without truth", "", QUALITY, rows)
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


def _span(part: dict[str, Any]) -> str:
    return f"{part['start_s']:.0f}–{part['end_s']:.0f} s"


def show_curve(curve: Any) -> None:
    """Errors and quality against severity."""
    rows = {f"{point['severity']:g}": {**point["quality"], **point["metrics"]} for point in curve.points}
    columns = tuple({column[0]: column for column in (*ERRORS[:11], *QUALITY[:6])}.values())
    print_table(f"{curve.fault}: {curve.help}; against {curve.reference}", curve.unit, columns, rows)

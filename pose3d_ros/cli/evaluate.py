"""`pose3d evaluate`: errors of weights on recorded motion, or on a bag, as tables, as JSON and as a stored run."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pose3d_ros.cli.tables import print_table, write_json
from pose3d_ros.core.errors import ConfigError

# key of a result, heading, factor, digits
COLUMNS = (
    ("mpjpe_mm", "MPJPE", 1, 1),
    ("pa_mpjpe_mm", "PA", 1, 1),
    ("n_mpjpe_mm", "N", 1, 1),
    ("seen_mm", "seen", 1, 1),
    ("hidden_mm", "hidden", 1, 1),
    ("pck150", "PCK@150 %", 100, 1),
    ("auc", "AUC %", 100, 1),
    ("velocity_error_mm_s", "velocity mm/s", 1, 0),
    ("accel_error_mm_s2", "accel. mm/s²", 1, 0),
    ("root_error_percent", "root %", 1, 1),
    ("sigma_coverage", "in 1σ %", 100, 0),
    ("frames", "frames", 1, 0),
    ("skipped", "skipped", 1, 0),
)

# what is kept of people from frame to frame
STATE_COLUMNS = (
    ("root_error_mm", "root", 1, 0),
    ("root_accel_error_mm_s2", "root accel. m/s²", 1e-3, 1),
    ("limb_spread_mm", "limb spread", 1, 1),
    ("sigma_coverage_seen", "seen %", 100, 0),
    ("sigma_coverage_hidden", "hidden %", 100, 0),
    ("sigma_coverage_99_seen", "99: seen %", 100, 1),
    ("sigma_coverage_99_hidden", "99: hidden %", 100, 1),
    ("root_coverage", "root in 68 %", 100, 0),
    ("root_coverage_99", "in 99 %", 100, 1),
    ("root_coverage_unseen", "unseen 68 %", 100, 0),
    ("root_coverage_99_unseen", "99 %", 100, 1),
)

HAND_COLUMNS = (
    ("mpjpe_mm", "MPJPE", 1, 1),
    ("pa_mpjpe_mm", "PA", 1, 1),
    ("known_size_mm", "known size", 1, 1),
    ("seen_mm", "seen", 1, 1),
    ("hidden_mm", "hidden", 1, 1),
    ("palm_deg", "palm deg", 1, 1),
    ("pinch", "pinch %", 100, 1),
    ("accel_error_m_s2", "accel. m/s²", 1, 1),
    ("sigma_coverage", "in 1σ %", 100, 0),
    ("frames", "frames", 1, 0),
    ("skipped", "skipped", 1, 0),
)
OF_MOTION, OF_BAG = "with --motion", "with --bag"


def command(
    context: typer.Context,
    motion: Annotated[Path | None, typer.Option(help="motion file (npz)")] = None,
    robot: Annotated[
        str,
        typer.Option(
            help="drive robots of config/robots, by the estimate and by the truth: leap,allegro, or g1:whole",
            rich_help_panel=OF_MOTION,
        ),
    ] = "",
    table: Annotated[
        str,
        typer.Option(help="write a table of docs/results, FILE.json:NAME; not of --hands", rich_help_panel=OF_MOTION),
    ] = "",
    bag: Annotated[
        list[Path] | None,
        typer.Option(help="a rosbag2: its folder, or one .mcap or .db3 file; many: several, a folder, a list (.txt)"),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="name of shipped weights, or a .safetensors file; default body_dtf27, or hand_dtf27")
    ] = "",
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    seed: Annotated[int, typer.Option(help="fixes cameras, detector noise, occlusion and faults")] = 1,
    hands: Annotated[
        bool, typer.Option("--hands", help="the file holds hands, and so do the weights", rich_help_panel=OF_MOTION)
    ] = False,
    protocol: Annotated[
        str,
        typer.Option(
            help="all, or names with commas: clean, random:M, burst, limb, truncated, lostframes, passer",
            rich_help_panel=OF_MOTION,
        ),
    ] = "all",
    rate: Annotated[
        float | None,
        typer.Option(help="frame rate of the camera, 10 to 60 Hz, default 30; with --replay: times the bag's own pace"),
    ] = None,
    lookahead: Annotated[
        int, typer.Option(help="slots of the model's rate by which the output is late", rich_help_panel=OF_MOTION)
    ] = 0,
    baseline: Annotated[
        str,
        typer.Option(
            help="weights to compare with; auto: those trained clean beside WEIGHTS; none; with commas also held and "
            "kalman: hidden keypoints filled so, before WEIGHTS and before the weights to compare with",
            rich_help_panel=OF_MOTION,
        ),
    ] = "auto",
    told: Annotated[
        str,
        typer.Option(
            help="what weights that take it are told beside keypoints, with commas: gravity, height, bones",
            rich_help_panel=OF_MOTION,
        ),
    ] = "",
    learned: Annotated[
        list[Path] | None,
        typer.Option(
            help="motion files that the weights learned from: says whether the people are others",
            rich_help_panel=OF_MOTION,
        ),
    ] = None,
    cameras: Annotated[int, typer.Option(help="cameras for each clip", rich_help_panel=OF_MOTION)] = 2,
    clips: Annotated[
        int, typer.Option(help="only so many clips, for a quick look; 0 = all", rich_help_panel=OF_MOTION)
    ] = 0,
    state: Annotated[
        bool,
        typer.Option("--state/--no-state", help="keep the state of people, as on the robot", rich_help_panel=OF_MOTION),
    ] = True,
    min_score: Annotated[
        float, typer.Option(help="keypoints with a lower score count as missing", rich_help_panel=OF_MOTION)
    ] = 0.3,
    truth: Annotated[
        str, typer.Option(help="topic:/NAME, tf:PREFIX or file:PATH (npz, csv, c3d)", rich_help_panel=OF_BAG)
    ] = "",
    joint_map: Annotated[
        Path | None, typer.Option(help="YAML: names of the truth's joints in ours", rich_help_panel=OF_BAG)
    ] = None,
    offset_ms: Annotated[
        str, typer.Option(help="added to the stamps of the truth; auto, auto:START = estimated", rich_help_panel=OF_BAG)
    ] = "0",
    estimates: Annotated[
        str,
        typer.Option(
            help="rerun: lift the keypoints again; recorded: what the robot published", rich_help_panel=OF_BAG
        ),
    ] = "rerun",
    params: Annotated[
        Path | None, typer.Option(help="parameters of the lifter, as a ROS parameter file", rich_help_panel=OF_BAG)
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            help="ROLE=/NAME where a bag has several: keypoints, camera_info, image, skeletons, namespace",
            rich_help_panel=OF_BAG,
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="inject NAME:SEVERITY; with --severities NAME alone", rich_help_panel=OF_BAG),
    ] = None,
    severities: Annotated[
        str, typer.Option(help="with commas: a curve of error against the severity of --fault", rich_help_panel=OF_BAG)
    ] = "",
    curve: Annotated[
        list[str] | None,
        typer.Option(help="a curve over the usual severities of this fault; all = every fault", rich_help_panel=OF_BAG),
    ] = None,
    tolerance_ms: Annotated[
        float, typer.Option(help="stamps of estimate and truth may differ by that much", rich_help_panel=OF_BAG)
    ] = 20.0,
    segment_s: Annotated[
        float, typer.Option(help="length of the time slices in the tables", rich_help_panel=OF_BAG)
    ] = 10.0,
    out: Annotated[
        Path | None, typer.Option(help="folder of the stored run; default out/evaluate/BAG", rich_help_panel=OF_BAG)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the run that is there", rich_help_panel=OF_BAG)] = (
        False
    ),
    replay: Annotated[
        bool,
        typer.Option("--replay", help="through the lifter node over DDS: real latency, losses", rich_help_panel=OF_BAG),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="images and a page (HTML)", rich_help_panel=OF_BAG)
    ] = True,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="a recording for the Rerun viewer (.rrd)", rich_help_panel=OF_BAG)
    ] = False,
    jobs: Annotated[
        int, typer.Option(help="many bags: processes; 0 = one less than processors", rich_help_panel=OF_BAG)
    ] = 0,
    ray: Annotated[
        str, typer.Option(help="many bags: on Ray; local, auto, or a cluster's address", rich_help_panel=OF_BAG)
    ] = "",
) -> None:
    """Errors of weights on recorded motion under occlusion, lifted online; or on a bag.

    On motion, beside them stands the same network trained clean and fed by linear interpolation.
    """
    if (motion is None) == (not bag):
        raise ConfigError("evaluate: expected --motion FILE (a motion file, npz), or --bag BAG (a rosbag2)")
    _refuse_other_mode(context, OF_MOTION if bag else OF_BAG)
    if bag:
        if rate is not None and not replay:
            raise ConfigError("--rate with --bag sets the pace of --replay; for a slower camera: --fault rate:2")
        from pose3d_ros.cli.evaluate_bag import BagOptions
        from pose3d_ros.cli.evaluate_bags import More, evaluate

        options = BagOptions(
            bag[0], weights, params, device, seed, truth, joint_map, offset_ms, estimates, tuple(topic or ()),
            tuple(fault or ()), severities, tuple(curve or ()), tolerance_ms, segment_s, out, force, json_path,
        )  # fmt: skip
        evaluate(options, bag, More(jobs, ray, replay, 1.0 if rate is None else rate, report, rerun))
        return
    if robot:
        from pose3d_ros.cli.evaluate_robot import evaluate as evaluate_robot

        evaluate_robot(robot, motion, weights, protocol, device, (cameras, clips, seed, min_score), json_path, table)
        return
    sources = (weights or ("hand_dtf27" if hands else "body_dtf27"), baseline, device)
    common = {"seed": seed, "min_score": min_score}
    if hands:
        report = _on_hands(motion, sources, protocol, {**common, "cameras": 2 * cameras})
    else:
        options = {
            **common,
            "cameras": cameras,
            "rate_hz": 30.0 if rate is None else rate,
            "lookahead": lookahead,
            "clips": clips,
            "told": tuple(filter(None, told.split(","))),
            "state": state,
        }
        report = _on_motion(motion, sources, protocol, options, tuple(learned or ()))
        print(f"{motion.name}: {report['meta']['people']}")
        if table:
            _store(table, report)
    if json_path is not None:
        write_json(json_path, report)
    show(report, HAND_COLUMNS if hands else COLUMNS)
    if not hands:
        show(report, STATE_COLUMNS)


def _store(table: str, report: dict[str, Any]) -> None:
    """Write the results where docs/results.md takes them from, with the command that was given."""
    from pose3d_ros.lab.evaluation.motion import summary
    from pose3d_ros.lab.evaluation.tables import store_table

    given = shlex.join(["pose3d", *sys.argv[1:]])
    store_table(table, summary.COLUMNS, summary.rows(report), summary.measured(report, given))


def _refuse_other_mode(context: typer.Context, panel: str) -> None:
    """Raises ConfigError for a given option of that panel, which would be without effect."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name)
        if getattr(option, "rich_help_panel", None) == panel and source is not None and source.name == "COMMANDLINE":
            raise ConfigError(f"{option.opts[0]} works only {panel}")


def _on_motion(
    file: Path, sources: tuple[str, str, str], protocol: str, options: dict[str, Any], learned: tuple[Path, ...]
) -> dict[str, Any]:
    from pose3d_ros.cli.progress import progress
    from pose3d_ros.estimation.body_state import StateConfig
    from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig
    from pose3d_ros.lab.evaluation.report import evaluate_motion
    from pose3d_ros.lab.synthesis.occlusion import PROTOCOLS

    options["state"] = StateConfig(enabled=options["state"])
    config = EvaluationConfig(protocols=PROTOCOLS if protocol == "all" else tuple(protocol.split(",")), **options)
    with progress("evaluating") as on_progress:
        return evaluate_motion(file, *sources[:2], config, sources[2], on_progress, learned)


def _on_hands(file: Path, sources: tuple[str, str, str], protocol: str, options: dict[str, Any]) -> dict[str, Any]:
    from pose3d_ros.cli.progress import progress
    from pose3d_ros.lab.evaluation.motion.hands import HandEvaluationConfig, evaluate_hands
    from pose3d_ros.lab.synthesis.hand_occlusion import PROTOCOLS

    config = HandEvaluationConfig(protocols=PROTOCOLS if protocol == "all" else tuple(protocol.split(",")), **options)
    with progress("evaluating") as on_progress:
        return evaluate_hands(file, *sources[:2], config, sources[2], on_progress)


def show(report: dict[str, Any], columns: tuple = COLUMNS) -> None:
    """The report's results as tables on stdout, errors in mm."""
    for name, per_protocol in report.items():
        if name != "meta" and per_protocol is not None:
            print_table(name, "protocol", columns, per_protocol)

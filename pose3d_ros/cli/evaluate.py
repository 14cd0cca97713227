"""`pose3d evaluate`: errors of weights on recorded motion, as a table and as JSON."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

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


def command(
    motion: Annotated[Path | None, typer.Option(help="motion file (npz)")] = None,
    weights: Annotated[
        str, typer.Option(help="name of shipped weights, or a .safetensors file; default body_dtf27, or hand_dtf27")
    ] = "",
    hands: Annotated[bool, typer.Option("--hands", help="the file holds hands, and so do the weights")] = False,
    protocol: Annotated[
        str, typer.Option(help="all, or names with commas: clean, random:M, burst, limb, truncated, lostframes, passer")
    ] = "all",
    json_path: Annotated[Path | None, typer.Option("--json", help="write the results to this file")] = None,
    rate: Annotated[float, typer.Option(help="frame rate of the camera, 10 to 60 Hz")] = 30.0,
    lookahead: Annotated[int, typer.Option(help="slots of the model's rate by which the output is late")] = 0,
    baseline: Annotated[
        str, typer.Option(help="weights to compare with; auto: those trained clean beside WEIGHTS; none")
    ] = "auto",
    cameras: Annotated[int, typer.Option(help="cameras for each clip")] = 2,
    clips: Annotated[int, typer.Option(help="only so many clips, for a quick look; 0 = all")] = 0,
    seed: Annotated[int, typer.Option(help="fixes cameras, detector noise and occlusion")] = 1,
    min_score: Annotated[float, typer.Option(help="keypoints with a lower score count as missing")] = 0.3,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Errors of weights on recorded motion under occlusion, lifted online.

    Beside them stands the same network trained clean and fed by linear interpolation.
    """
    if motion is None:
        raise ConfigError("evaluate: expected --motion FILE (a motion file, npz)")
    options = {"lookahead": lookahead, "cameras": cameras, "clips": clips, "seed": seed, "min_score": min_score}
    sources = (weights or ("hand_dtf27" if hands else "body_dtf27"), baseline, device)
    if hands:
        report = _on_hands(motion, sources, protocol, {"seed": seed, "min_score": min_score, "cameras": 2 * cameras})
    else:
        report = _on_motion(motion, sources, protocol, {"rate_hz": rate, **options})
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(report, indent=1) + "\n")
    show(report, HAND_COLUMNS if hands else COLUMNS)


def _on_motion(file: Path, sources: tuple[str, str, str], protocol: str, options: dict[str, Any]) -> dict[str, Any]:
    """The report of one motion file, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from pose3d_ros.evaluation.motion import EvaluationConfig
    from pose3d_ros.evaluation.report import evaluate_motion
    from pose3d_ros.synthesis.occlusion import PROTOCOLS

    config = EvaluationConfig(protocols=PROTOCOLS if protocol == "all" else tuple(protocol.split(",")), **options)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluating", total=None)
        return evaluate_motion(
            file, *sources[:2], config, sources[2],
            on_progress=lambda name, done, total: bar.update(task, description=name, completed=done, total=total),
        )  # fmt: skip


def _on_hands(file: Path, sources: tuple[str, str, str], protocol: str, options: dict[str, Any]) -> dict[str, Any]:
    """The report of one file of hands, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from pose3d_ros.evaluation.hands import HandEvaluationConfig, evaluate_hands
    from pose3d_ros.synthesis.hand_occlusion import PROTOCOLS

    config = HandEvaluationConfig(protocols=PROTOCOLS if protocol == "all" else tuple(protocol.split(",")), **options)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluating", total=None)
        return evaluate_hands(
            file, *sources[:2], config, sources[2],
            on_progress=lambda name, done, total: bar.update(task, description=name, completed=done, total=total),
        )  # fmt: skip


def show(report: dict[str, Any], columns: tuple = COLUMNS) -> None:
    """The report's results as tables on stdout, errors in mm."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 160)
    for name, per_protocol in report.items():
        if name == "meta" or per_protocol is None:
            continue
        table = Table("protocol", title=name, title_justify="left")
        for _, heading, _, _ in columns:
            table.add_column(heading, justify="right")
        for protocol, found in per_protocol.items():
            table.add_row(protocol, *(_cell(found.get(key), factor, digits) for key, _, factor, digits in columns))
        console.print(table)


def _cell(value: float | None, factor: float, digits: int) -> str:
    return "–" if value is None else f"{factor * value:.{digits}f}"

"""`pose3d evaluate --motion FILE --robot NAME`: the robot driven by the estimate beside the one driven by the truth."""

from pathlib import Path
from typing import Any

from pose3d_ros.cli.tables import cell, print_table, write_json

COLUMNS = (
    ("tip_error_mm", "tips mm", 1, 1),
    ("exact_tip_error_mm", "by truth", 1, 1),
    ("wrist_error_mm", "wrists mm", 1, 1),
    ("pelvis_lean_deg", "lean deg", 1, 1),
    ("pelvis_lean_p95_deg", "95 %", 1, 1),
    ("exact_pelvis_lean_p95_deg", "by truth 95 %", 1, 1),
    ("speed_p99", "rad/s p99", 1, 1),
    ("exact_speed_p99", "by truth", 1, 1),
    ("speed_max", "max", 1, 1),
    ("jumps", "jumps", 1, 0),
    ("held_share", "held %", 100, 1),
    ("stops", "stops", 1, 0),
    ("frames", "frames", 1, 0),
)


def evaluate(
    robots: str, motion: Path, weights: str, protocol: str, device: str, sampling: tuple[int, int, int, float],
    json_path: Path | None, table: str,
) -> None:  # fmt: skip
    """Runs, prints and writes. `robots`: names with commas; `sampling`: cameras, clips, seed, least score; `table`: as
    `store_table` takes it, "" for none. Raises Pose3DError."""
    from pose3d_ros.cli.progress import progress
    from pose3d_ros.control.config import RobotHandConfig, load
    from pose3d_ros.lab.evaluation.motion.hands import HandEvaluationConfig
    from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig
    from pose3d_ros.lab.evaluation.robots.loop import evaluate_robots
    from pose3d_ros.lab.synthesis import hand_occlusion, occlusion

    names, (cameras, clips, seed, min_score) = tuple(robots.split(",")), sampling
    hand = isinstance(load(names[0]), RobotHandConfig)
    protocols = hand_occlusion.PROTOCOLS if hand else occlusion.PROTOCOLS
    common = {
        "protocols": protocols if protocol == "all" else tuple(protocol.split(",")),
        "cameras": cameras,
        "seed": seed,
        "min_score": min_score,
    }
    config = HandEvaluationConfig(**common) if hand else EvaluationConfig(clips=clips, **common)
    weights = weights or f"{'hand' if hand else 'body'}_dtf27"
    with progress("driving") as on_progress:
        report = evaluate_robots(names, motion, weights, config, device, on_progress)
    if json_path is not None:
        write_json(json_path, report)
    show(report)
    if table:
        store(report, table, f"pose3d evaluate --motion {motion.name} --robot {robots} --protocol {protocol}")


def show(report: dict[str, Any]) -> None:
    """A table a robot on stdout, one row a protocol."""
    for robot, per_protocol in report["robots"].items():
        print_table(robot, "protocol", COLUMNS, {protocol: _flat(found) for protocol, found in per_protocol.items()})


def store(report: dict[str, Any], target: str, command: str) -> None:
    """All robots in one table of docs/results."""
    from pose3d_ros.lab.evaluation.tables import store_table

    found = {(r, p): _flat(each) for r, per in report["robots"].items() for p, each in per.items()}
    columns = [column for column in COLUMNS if any(each.get(column[0]) is not None for each in found.values())]
    rows = [
        [robot, protocol, *(cell(each.get(key), factor, digits) for key, _, factor, digits in columns)]
        for (robot, protocol), each in found.items()
    ]
    meta, headings = report["meta"], ["robot", "hidden", *(heading for _, heading, _, _ in columns)]
    measured = {"command": command, "weights": meta["weights"]["file"], "seed": meta["config"]["seed"]}
    measured |= {"cameras": meta["config"]["cameras"], "machine": meta["cpu"]}
    if meta["config"].get("clips"):
        measured["clips"] = meta["config"]["clips"]
    store_table(target, headings, rows, measured)


def _flat(found: dict[str, Any]) -> dict[str, Any]:
    speeds = {f"speed_{key}": value for key, value in found["joint_speed_rad_s"].items()}
    return found | speeds | {f"exact_speed_{key}": value for key, value in found["exact_joint_speed_rad_s"].items()}

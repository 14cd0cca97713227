"""`pose3d evaluate --motion FILE --robot NAME`: the robot driven by the estimate beside the one driven by the truth."""

from pathlib import Path
from typing import Any

from pose3d_ros.cli.tables import print_table, write_json

COLUMNS = (
    ("tip_error_mm", "tips mm", 1, 1),
    ("exact_tip_error_mm", "by truth", 1, 1),
    ("wrist_error_mm", "wrists mm", 1, 1),
    ("pelvis_lean_deg", "lean deg", 1, 1),
    ("exact_pelvis_lean_deg", "by truth", 1, 1),
    ("speed_p99", "rad/s p99", 1, 1),
    ("exact_speed_p99", "by truth", 1, 1),
    ("speed_max", "max", 1, 1),
    ("jumps", "jumps", 1, 0),
    ("held_share", "held %", 100, 1),
    ("stops", "stops", 1, 0),
    ("frames", "frames", 1, 0),
)


def evaluate(
    robot: str, motion: Path, weights: str, protocol: str, device: str, sampling: tuple[int, int, int, float],
    json_path: Path | None,
) -> None:  # fmt: skip
    """Runs, prints and writes. `sampling`: cameras, clips, seed, least score. Raises Pose3DError."""
    from pose3d_ros.cli.progress import progress
    from pose3d_ros.control.config import HandConfig, load
    from pose3d_ros.lab.evaluation.motion.hands import HandEvaluationConfig
    from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig
    from pose3d_ros.lab.evaluation.robots.loop import evaluate_robot
    from pose3d_ros.lab.synthesis import hand_occlusion, occlusion

    cameras, clips, seed, min_score = sampling
    hand = isinstance(load(robot), HandConfig)
    protocols = hand_occlusion.PROTOCOLS if hand else occlusion.PROTOCOLS
    common = {
        "protocols": protocols if protocol == "all" else tuple(protocol.split(",")),
        "cameras": cameras,
        "seed": seed,
        "min_score": min_score,
    }
    config = HandEvaluationConfig(**common) if hand else EvaluationConfig(clips=clips, **common)
    with progress("driving") as on_progress:
        report = evaluate_robot(
            robot, motion, weights or f"{'hand' if hand else 'body'}_dtf27", config, device, on_progress
        )
    if json_path is not None:
        write_json(json_path, report)
    show(report)


def show(report: dict[str, Any]) -> None:
    """A table on stdout, one row a protocol."""
    rows = {}
    for protocol, found in report["robot"].items():
        speeds = {f"speed_{key}": value for key, value in found["joint_speed_rad_s"].items()}
        exact = {f"exact_speed_{key}": value for key, value in found["exact_joint_speed_rad_s"].items()}
        rows[protocol] = found | speeds | exact
    print_table(report["meta"]["robot"], "protocol", COLUMNS, rows)

"""Evaluated motion as a table of the results' page."""

from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig
from pose3d_ros.lab.evaluation.motion.summary import COLUMNS, measured, rows
from pose3d_ros.lab.evaluation.report import evaluate_motion


def test_rows_are_the_reports_numbers(motion_file):
    config = EvaluationConfig(protocols=("clean",), cameras=1, clips=1)
    report = evaluate_motion(motion_file, "body_dtf27", "held", config, "cpu", learned=(motion_file,))
    found = rows(report)
    assert [row[:2] for row in found] == [["body_dtf27", "clean"], ["body_dtf27, last value held", "clean"]]
    assert all(len(row) == len(COLUMNS) for row in found)
    assert found[0][2] == f"{report['lifter']['clean']['mpjpe_mm']:.1f}"
    assert "known bodies" in measured(report, "pose3d evaluate")["data"]

"""`pose3d evaluate --bag` with a report, with many bags, and through the nodes."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("typer")
pytest.importorskip("rosbags")
pytest.importorskip("jinja2")

from pose3d_ros.cli.main import main
from pose3d_ros.core import formats
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.synthetic import SyntheticConfig, synthesize
from pose3d_ros.lab.evaluation.bags import batch

SAMPLE = Path(__file__).parents[1] / "data" / "motion_sample.npz"


@pytest.fixture
def bags(tmp_path, monkeypatch):
    """A folder with two bags of 1 s; work on many stays in this process, which is quicker."""
    here = lambda work, call, workers: ((task, call(task)) for task in work)  # noqa: E731
    monkeypatch.setattr(batch, "_in_processes", here)
    monkeypatch.chdir(tmp_path)
    for name, seed in (("walk", 1), ("turn", 2)):
        synthesize(tmp_path / "bags" / name, SAMPLE, SyntheticConfig(seconds=1.0, seed=seed))
    return tmp_path / "bags"


def evaluate(*options) -> int:
    try:
        main(["evaluate", *map(str, options)])
    except SystemExit as end:
        return end.code
    return 0


def test_one_bag_gets_a_report(bags, standing_weights, capsys):
    assert evaluate("--bag", bags / "walk", "--weights", standing_weights, "--truth", "topic:/truth") == 0
    assert (bags.parent / "out" / "evaluate" / "walk" / "report.html").stat().st_size > 20_000
    assert "report" in capsys.readouterr().out


def test_a_folder_of_bags_gets_one_summary_is_resumed_and_not_overwritten(bags, standing_weights, capsys):
    command = ("--bag", bags, "--weights", standing_weights, "--truth", "topic:/truth")
    out = bags.parent / "out" / "evaluate" / "bags"
    assert evaluate(*command) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("2 bags, 0 failed", "walk", "turn", "summary.html"))
    assert (out / "turn" / "report.html").exists()
    before = (out / "walk" / "run.json").stat().st_mtime_ns

    assert evaluate(*command) == 0
    assert (out / "walk" / "run.json").stat().st_mtime_ns == before
    assert evaluate(*command, "--seed", "7") == 2
    assert "other options (turn, walk)" in capsys.readouterr().err
    assert evaluate(*command, "--seed", "7", "--force") == 0
    assert (out / "walk" / "run.json").stat().st_mtime_ns > before


def test_another_truth_file_is_compared_with(bags, standing_weights, tmp_path):
    joints = formats.get("h36m17").joints
    stamps_ns = [entry.keypoints.stamp_ns for entry in Bag(bags / "walk").inputs()]
    source = f"file:{tmp_path / 't.npz'}"
    command = ("--bag", bags, "--weights", standing_weights, "--truth", source, "--out", tmp_path)
    made = []
    for depth_m in (3.0, 3.5):
        xyz_m = np.arange(17)[:, None] * 0.1 + np.array([0, 0, depth_m])
        np.savez(tmp_path / "t.npz", stamps_ns=stamps_ns, xyz_m=np.tile(xyz_m, (len(stamps_ns), 1, 1)), joints=joints)
        assert evaluate(*command) == 0
        made.append((tmp_path / "walk" / "run.json").stat().st_mtime_ns)
    assert made[0] < made[1]


def test_many_bags_into_a_file_are_refused_before_the_work(bags, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert evaluate("--bag", bags, "--weights", "nonsense", "--out", tmp_path / "file") == 2
    assert "file is a file" in capsys.readouterr().err
    assert evaluate("--bag", bags, "--jobs", "-1") == 2
    assert "--jobs: expected 0 or more" in capsys.readouterr().err


def test_a_bag_that_fails_is_named_and_the_others_are_done(bags, standing_weights, capsys):
    (bags / "broken.mcap").write_bytes(b"nothing")
    assert evaluate("--bag", bags, "--weights", standing_weights) == 2
    told = capsys.readouterr()
    assert "broken.mcap" in told.err
    assert "1 of 3 bags failed" in told.err
    assert "3 bags, 1 failed" in told.out


def test_options_that_do_not_go_together_are_refused(bags, capsys, monkeypatch):
    assert evaluate("--bag", bags, "--replay") == 2
    assert "--replay is for one bag, 2 were found" in capsys.readouterr().err
    assert evaluate("--bag", bags / "walk", "--ray", "local") == 2
    assert "--ray is for many bags" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pose3d_ros.ros.replay", None)
    assert evaluate("--bag", bags / "walk", "--replay") == 2
    assert "--replay needs ROS" in capsys.readouterr().err

"""`pose3d view`: what is there is replaced only if told so."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("typer")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")

from pose3d_ros.cli.main import main
from pose3d_ros.lab.bags.synthetic import SyntheticConfig, synthesize

SAMPLE = Path(__file__).parents[1] / "data" / "motion_sample.npz"


def view(*arguments) -> int:
    try:
        main(["view", *map(str, arguments)])
    except SystemExit as end:
        return end.code
    return 0


def test_nothing_is_replaced_without_force(tmp_path, standing_weights, capsys):
    bag, out = tmp_path / "walk", tmp_path / "view"
    synthesize(bag, SAMPLE, SyntheticConfig(seconds=0.2))
    lifted = (bag, "--out", out, "--weights", standing_weights)
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert view(*lifted) == 0
    (out / "report.json").write_text("mine")
    (out / "video.mp4").write_text("of another codec")
    assert view(*lifted) == 2
    assert "report.json); give --force to replace it" in capsys.readouterr().err
    assert (out / "report.json").read_text() == "mine"
    assert view(*lifted, "--force") == 0
    assert "latency_ms" in (out / "report.json").read_text()
    assert len(list(out.glob("video.*"))) == 1
    assert (out / "notes.txt").read_text() == "mine"


def test_a_rerun_recording_is_not_replaced_either(tmp_path, capsys):
    (tmp_path / "walk.rrd").write_text("mine")
    assert view(tmp_path / "walk", "--out", tmp_path / "view", "--rerun", tmp_path / "walk.rrd") == 2
    assert "walk.rrd: is there already; give --force" in capsys.readouterr().err
    assert (tmp_path / "walk.rrd").read_text() == "mine"

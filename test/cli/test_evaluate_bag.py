"""`pose3d evaluate --bag` and `pose3d compare`: a bag in; tables, a stored run and an exit code out."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("typer")
pytest.importorskip("rosbags")

import torch

from pose3d_ros.cli.main import main
from pose3d_ros.lab.bags.synthetic import SyntheticConfig, synthesize
from pose3d_ros.lab.evaluation.bags.curves import load
from pose3d_ros.lab.evaluation.bags.run import load_run
from pose3d_ros.models import ModelSpec, checkpoint
from pose3d_ros.models.dtf import DTF, DTFConfig

pytestmark = pytest.mark.usefixtures("everybody")

SAMPLE = Path(__file__).parents[1] / "data" / "motion_sample.npz"
SMALL = DTFConfig(channels=8, hidden=8, heads=1, layers=2, generator_layers=1, generator_heads=3, uncertainty=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, standing_m):
    """A bag of 2 s, weights, and parameters that run them as they are."""
    where = tmp_path_factory.mktemp("bag")
    synthesize(where / "walk", SAMPLE, SyntheticConfig(seconds=2.0))
    torch.manual_seed(0)
    network = DTF(SMALL)
    standing = torch.tensor(standing_m)  # the pipeline refuses what no body can be, as an untrained network gives
    with torch.no_grad():
        last = network.regression
        last.weight.mul_(0.02)
        last.bias[: standing.numel()] = standing.ravel()
    checkpoint.save(where / "w.safetensors", network, ModelSpec("w", "h36m17", 27, 30.0))
    (where / "p.yaml").write_text(
        "/**:\n  ros__parameters:\n    body.backend: torch\n    tracking.timeout_s: 0.5\n    tf.enabled: true\n"
    )
    return where


def run(folder, out, *options, code=0):
    arguments = [
        "evaluate", "--bag", str(folder / "walk"), "--weights", str(folder / "w.safetensors"),
        "--params", str(folder / "p.yaml"), "--out", str(out), "--no-report",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main([*arguments, *map(str, options)])
    assert end.value.code == code


TRUTH = ("--truth", "topic:/truth")


def test_a_run_is_stored_and_shown(folder, tmp_path, capsys):
    run(folder, tmp_path / "run", *TRUTH, "--json", tmp_path / "new" / "r.json", "--segment-s", "1")
    found = load_run(tmp_path / "run")
    assert found.info["metrics"]["all"]["frames"] + found.info["metrics"]["all"]["missed"] == len(found.frames)
    assert len(found.info["metrics"]["segments"]) == 2
    assert found.info["weights"]["file"] == "w.safetensors"
    assert found.info["pipeline"]["tracking.timeout_s"] == 0.5
    written = json.loads((tmp_path / "new" / "r.json").read_text())
    assert written["metrics"] == found.info["metrics"]
    assert written["timings"]["push_ms"]["p50"] > 0
    table = capsys.readouterr().out
    for word in ("MPJPE", "coverage", "1–2 s", "push_ms", str(tmp_path / "run")):
        assert word in table


def test_nothing_is_replaced_without_force(folder, tmp_path, capsys):
    run(folder, tmp_path / "run")
    first = (tmp_path / "run" / "frames.npz").read_bytes()
    run(folder, tmp_path / "run", *TRUTH, code=2)
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "run" / "frames.npz").read_bytes() == first
    run(folder, tmp_path / "run", *TRUTH, "--force")
    assert (tmp_path / "run" / "frames.npz").read_bytes() != first


def test_an_exact_truth_and_its_offset(folder, tmp_path, capsys):
    """The truth of a synthetic bag, taken for what the robot published."""
    recorded = ("--estimates", "recorded", "--topic", "skeletons=/truth", *TRUTH)
    run(folder, tmp_path / "exact", *recorded)
    assert load_run(tmp_path / "exact").info["metrics"]["all"]["mpjpe_absolute_mm"] == 0
    run(folder, tmp_path / "auto", *recorded, "--offset-ms", "auto")
    assert abs(load_run(tmp_path / "auto").info["truth"]["offset_ms"]) < 5
    assert "estimated" in capsys.readouterr().out


def test_faults_and_curves(folder, tmp_path, capsys):
    run(folder, tmp_path / "faults", *TRUTH, "--fault", "joints:8", "--fault", "lost:0.3")
    assert load_run(tmp_path / "faults").info["faults"] == ["joints:8", "lost:0.3"]
    run(folder, tmp_path / "curve", "--fault", "noise", "--severities", "0,10", "--json", tmp_path / "c.json")
    assert load(tmp_path / "curve")["noise"].values("mpjpe_absolute_mm")[1][0] == 0
    assert json.loads((tmp_path / "c.json").read_text())["curves"]["noise"]["unit"]
    assert load_run(tmp_path / "curve").info["faults"] == []
    run(folder, tmp_path / "curve", *TRUTH, "--force")
    assert load(tmp_path / "curve") == {}  # the curve was of another run
    assert "against the run without this fault" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fault", "nonsense:1"), "known are joints"),
        (("--fault", "joints"), "joints:SEVERITY"),
        (("--severities", "1,2"), "--fault NAME"),
        (("--fault", "joints", "--severities", "1,b"), "numbers with commas"),
        (("--offset-ms", "soon"), "auto:MILLISECONDS"),
        (("--topic", "color=/c"), "ROLE=/NAME"),
        (("--estimates", "both"), "rerun or recorded"),
        (("--estimates", "recorded", "--curve", "lost"), "--estimates rerun"),
        (("--estimates", "recorded"), "--estimates rerun); it holds /camera_info"),
        (("--weights", "hand_dtf27"), "they lift hands"),
        (("--hands",), "--hands works only with --motion"),
        (("--rate", "15"), "--fault rate:2"),
        (("--truth", "topic:/none"), "/none"),
    ],
)
def test_bad_options_are_one_line(folder, tmp_path, capsys, options, message):
    run(folder, tmp_path / "run", *options, code=2)
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    run(folder, tmp_path / "file" / "run", "--weights", "nonsense", code=2)
    assert "file is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_curve_keeps_the_offset_of_the_run_without_faults(folder, tmp_path):
    """The offset of a run with noisy stamps would be found again, and would hide a part of their error."""
    run(folder, tmp_path / "run", *TRUTH, "--offset-ms", "auto", "--fault", "joints", "--severities", "0,16")
    offset_ms = load_run(tmp_path / "run").info["truth"]["offset_ms"]
    run(folder, tmp_path / "fixed", *TRUTH, "--offset-ms", offset_ms, "--fault", "joints", "--severities", "0,16")
    assert load(tmp_path / "run") == load(tmp_path / "fixed")


def test_unknown_parameters_are_refused(folder, tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("tracking:\n  max_distanse: 1\n")
    run(folder, tmp_path / "run", "--params", tmp_path / "bad.yaml", code=2)
    assert "tracking.max_distanse" in capsys.readouterr().err


def test_motion_and_bag_exclude_each_other(folder, capsys):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "--bag", str(folder / "walk"), "--motion", str(SAMPLE)])
    assert end.value.code == 2
    assert "--bag BAG" in capsys.readouterr().err


def compare(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["compare", *map(str, arguments)])
    return end.value.code


def test_compare_breaks_on_a_regression(folder, tmp_path, capsys):
    run(folder, tmp_path / "a", *TRUTH)
    run(folder, tmp_path / "b", *TRUTH, "--fault", "lost:0.5")
    pair = (tmp_path / "a", tmp_path / "b", "--block-s", "0.2")
    assert compare(*pair) == 0
    assert compare(*pair, "--max-regression", "coverage=1%", "--json", tmp_path / "c.json") == 1
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["broken"]
    assert compare(*pair, "--max-regression", "coverage=0.9", "--by", "joint") == 0
    printed = capsys.readouterr().out
    assert "BROKEN coverage@all" in printed
    assert "joint:left_wrist" in printed
    assert compare(*pair, "--json", tmp_path / "c.json") == 2
    assert compare(*pair, "--by", "joints") == 2
    assert "--by: expected joint, person, segment" in capsys.readouterr().err
    assert compare(*pair[:2]) == 0
    assert "no intervals: the recordings are shorter than 5 blocks of 1 s" in capsys.readouterr().out
    assert compare(tmp_path / "a", tmp_path / "c.json") == 2
    assert "--motion" in capsys.readouterr().err
    assert compare(tmp_path / "a", tmp_path) == 2

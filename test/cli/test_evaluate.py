"""`pose3d evaluate --motion`: weights and a motion file in, a table and the agreed JSON out."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("typer")

from pose3d_ros.cli.main import main
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.models import ModelSpec, checkpoint
from pose3d_ros.models.dtf import DTF, DTFConfig

SAMPLE = Path(__file__).parents[1] / "data" / "motion_sample.npz"
SMALL = DTFConfig(channels=8, hidden=8, heads=1, layers=2, generator_layers=1, generator_heads=3, uncertainty=True)
METRICS = {
    "mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "pck150", "auc", "velocity_error_mm_s", "accel_error_mm_s2",
    "root_error_percent", "sigma_coverage", "frames",
}  # fmt: skip


@pytest.fixture
def weights(tmp_path):
    clean = GuidanceConfig(variant="linear", confidence=False)
    checkpoint.save(tmp_path / "w.safetensors", DTF(SMALL), ModelSpec("w", "h36m17", 27, 30.0))
    checkpoint.save(tmp_path / "w_clean.safetensors", DTF(SMALL), ModelSpec("w_clean", "h36m17", 27, 30.0, clean))
    return tmp_path / "w.safetensors"


def evaluate(weights, out, *options):
    arguments = ["evaluate", "--motion", str(SAMPLE), "--weights", str(weights), "--json", str(out), "--clips", "1"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, *options])
    assert end.value.code == 0
    return json.loads(out.read_text())


def test_report_of_all_protocols(weights, tmp_path, capsys):
    report = evaluate(weights, tmp_path / "new" / "report.json", "--protocol", "all", "--cameras", "1")
    assert set(report) == {"lifter", "baseline_interpolation", "meta"}
    protocols = ["clean", "random:8", "random:12", "random:16", "burst", "limb", "truncated", "lostframes"]
    for name in ("lifter", "baseline_interpolation"):
        assert list(report[name]) == protocols
        for found in report[name].values():
            assert set(found) >= METRICS
            assert found["frames"] + found["skipped"] == 85
    assert report["meta"]["weights"]["baseline_interpolation"]["file"] == "w_clean.safetensors"
    assert report["meta"]["config"]["seed"] == 1
    assert {"device", "threads", "versions"} <= set(report["meta"])
    table = capsys.readouterr().out
    assert all(protocol in table for protocol in protocols)


def test_one_protocol_without_a_baseline(weights, tmp_path):
    report = evaluate(weights, tmp_path / "r.json", "--protocol", "random:12", "--baseline", "none", "--rate", "15")
    assert list(report["lifter"]) == ["random:12"]
    assert report["baseline_interpolation"] is None
    assert report["meta"]["config"]["rate_hz"] == 15


def test_two_runs_agree(weights, tmp_path):
    reports = [evaluate(weights, tmp_path / f"{i}.json", "--protocol", "burst,limb") for i in range(2)]
    assert reports[0] == reports[1]

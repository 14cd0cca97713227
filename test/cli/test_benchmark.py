"""`pose3d benchmark`: the agreed JSON, and what it refuses to measure."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("typer")

from pose3d_ros.cli.main import main
from pose3d_ros.core.errors import EngineError
from pose3d_ros.lab.evaluation.latency import energy, image_latency, latency, roofline
from pose3d_ros.lab.evaluation.latency.roofline import Reach, Work, work
from pose3d_ros.lab.evaluation.latency.synthetic_keypoints import CAMERA, crowd
from pose3d_ros.lab.evaluation.latency.timing import TimedCandidate, in_turns
from pose3d_ros.models.dtf import DTFConfig
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageLifter, ImageSpec
from pose3d_ros.models.vit import ViTConfig
from pose3d_ros.pipeline import Pipeline, PipelineConfig
from pose3d_ros.settings import BodyConfig, HandConfig

WEIGHTS = "body_dtf27"


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """The published network, the probes and the warm-up are made small: their times are not what is tested."""
    monkeypatch.setitem(latency.PUBLISHED, latency.PUBLISHED_FRAMES, DTFConfig(351, channels=8, heads=1, layers=2))
    monkeypatch.setattr(roofline, "SIDE", {"cpu": 64})
    monkeypatch.setattr(roofline, "COPIED_BYTES", {"cpu": 1 << 16})
    monkeypatch.setattr(latency, "WARM_UP", 6)
    monkeypatch.setenv("POSE3D_ROS_ENGINES", str(tmp_path / "engines"))


def run(*options):
    with pytest.raises(SystemExit) as end:
        main(["benchmark", *options])
    return end.value.code


def test_report(tmp_path, capsys):
    out = tmp_path / "new" / "b.json"
    assert run("--backend", "torch", "--people", "2,1", "--seconds", "0.1",
               "--json", str(out)) == 0  # fmt: skip
    report = json.loads(out.read_text())
    for times in ("push_ms", "model_ms"):
        assert list(report[times]) == ["p50", "p95", "p99"]
        assert 0 < report[times]["p50"] <= report[times]["p95"] <= report[times]["p99"]
    assert report["backend"] == "torch"
    assert report["people"] == 2
    assert not report["hands"]
    assert report["speedup_over_eager"] == 1.0, "eager torch against itself"
    assert report["speedup_over_published"] > 0
    assert {"python", "torch", "numpy"} <= set(report["versions"])
    assert "eager" in report["device"] or "torch" in report["device"]
    assert [found["people"] for found in report["runs"]] == [2, 1]
    for found in report["runs"]:
        assert found["around_ms"]["p50"] < found["push_ms"]["p50"]
        assert found["fastest_ms"]["push"] <= found["push_ms"]["p50"]
        assert found["calls"] >= 24
        assert found["floor_ms"] > 0
    assert report["runs"][0]["mflops"] == pytest.approx(2 * report["runs"][1]["mflops"], rel=0.02)
    table = capsys.readouterr().out
    assert "published" in table
    assert "GFLOP/s" in table


def test_all_backends_say_why_they_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(latency, "FILES", {"tensorrt": "", "torch": ""})
    out = tmp_path / "b.json"
    assert run("--backend", "all", "--people", "1", "--seconds", "0.1", "--device", "cpu",
               "--json", str(out)) == 0  # fmt: skip
    report = json.loads(out.read_text())
    assert set(report["left_out"]) == {"tensorrt"}
    assert report["left_out"]["tensorrt"]
    assert set(report["start_up"]) == {"torch"}


def test_image_models_step_by_step(tmp_path, monkeypatch, capsys):
    vit = ViTConfig(image_height=32, image_width=32, width=16, depth=1, heads=2)
    monkeypatch.setattr(image_latency, "PRESETS", {"tiny": vit})
    out = tmp_path / "p.json"
    assert run("--images", "tiny", "--backend", "torch", "--people", "1,2", "--frames", "1,3", "--seconds", "0.05",
               "--device", "cpu", "--json", str(out)) == 0  # fmt: skip
    runs = json.loads(out.read_text())["runs"]
    assert [(found["frames"], found["crops"]) for found in runs] == [(1, 1), (1, 2), (3, 1), (3, 2)]
    for found in runs:
        assert found["backend"] == "torch"
        assert 0 < found["step_ms"]["p50"] <= found["step_ms"]["p95"] <= found["step_ms"]["p99"]
        assert found["cpu_ms"]["p50"] > 0
        assert found["calls"] >= 12
    assert "past frames cached" in capsys.readouterr().out


def test_a_step_is_measured_with_a_full_cache():
    vit = ViTConfig(image_height=32, image_width=32, width=16, depth=1, heads=2)
    lifter = ImageLifter(ExtPose(ExtPoseConfig(vit, frames=3)), ImageSpec("tiny", "hand21", 3, 30.0))
    stepper = image_latency.Stepper(lifter, 2)
    assert (stepper._cache.age(stepper._cache.newest + 1) > 0).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("body_dtf27",), "presets are tiny"),
        (("tiny", "--frames", "0"), "frames"),
        (("tiny", "--people", "x"), "people"),
    ],
)
def test_images_refuse_what_is_none(options, says, capsys):
    assert run("--backend", "torch", "--images", *options) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [("--people", "0"), ("--people", "some"), ("--backend", "abacus"), ("--seconds", "0")]
)
def test_wrong_options_are_one_line(options, capsys):
    assert run(*options) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_engine_that_falls_while_it_is_measured_is_no_result(monkeypatch):
    opened = []
    real_open, real_turns = latency.open_lifter, latency.in_turns
    monkeypatch.setattr(latency, "open_lifter", lambda *a, **k: opened.append(real_open(*a, **k)) or opened[-1])

    def turns(*args):
        real_turns(*args)
        opened[0].engine.engine.falls = 1

    monkeypatch.setattr(latency, "in_turns", turns)
    config = PipelineConfig(BodyConfig(WEIGHTS, backend="torch"), hands=HandConfig(weights=""))
    with pytest.raises(EngineError, match="failed while it was measured"):
        latency.measure(latency.BenchmarkConfig((1,), "torch", config, 0.01))


def test_hands_of_the_crowd_are_hands():
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(backend="torch")))
    for frame in crowd(2, hands=True, frames=20):
        found = pipeline.push(frame, CAMERA)
    assert len(found.people) == 2
    assert len(found.hands) == 4
    assert not found.reasons
    hands = {hand.side: hand.wrist_m[0] for hand in found.hands if hand.track == found.people[0].track}
    assert hands["right"] < hands["left"], "people face the camera: their right is on its left"


def test_work_is_counted_and_its_floor_is_the_larger_of_both():
    import torch

    counted = work(torch.nn.Linear(10, 20), (torch.zeros(3, 10),))
    assert counted == Work(2 * 3 * 10 * 20, 4 * 220)
    assert Work(1000, 10).floor_ms(Reach(1e6, 1e6)) == 1.0
    assert Work(10, 1000).floor_ms(Reach(1e6, 1e6)) == 1.0


def test_turns_are_taken_and_energy_is_each_candidates_own():
    order = []
    joules = iter(range(1000))
    first, second = (TimedCandidate(lambda name=name: order.append(name), calls=2) for name in "ab")
    in_turns([first, second], 1e-9, energy.Meter("test", lambda: float(next(joules))))
    assert "".join(order) == "ab" + 3 * "aabb"
    assert len(first.times_ms) == 6
    assert first.joules == 3.0


def test_processor_energy_counts_over_the_end_of_its_counter(tmp_path, monkeypatch):
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "max_energy_range_uj").write_text("10000000\n")
    (zone / "energy_uj").write_text("9000000\n")
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    monkeypatch.setattr(energy, "INA", tmp_path)
    found = energy.meter("cpu")
    assert found.source == "processor (RAPL)"
    assert found.joules() == 0.0
    (zone / "energy_uj").write_text("1000000\n")
    assert found.joules() == 2.0


def test_without_counters_there_is_no_energy(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "RAPL", tmp_path / "none")
    monkeypatch.setattr(energy, "INA", tmp_path / "none")
    assert energy.meter("cpu") is None

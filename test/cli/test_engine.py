"""`pose3d engine`: what is built is listed, checked and cleared; what is damaged is named."""

import pytest
from pose3d_testing.engines import Fake

from pose3d_ros.cli.main import main
from pose3d_ros.engines.backends.choice import FILES, backend
from pose3d_ros.engines.cache import VARIABLE

REAL = backend


@pytest.fixture
def fake(monkeypatch) -> type[Fake]:
    """In the place of OpenVINO; nothing else is there to be built."""
    made = type("Fake", (Fake,), {"made": [], "name": "openvino"})

    def one_fake(name: str):
        return made if name == "openvino" else REAL(name)

    monkeypatch.setattr("pose3d_ros.engines.backends.choice.backend", one_fake)
    kept = {name: file for name, file in FILES.items() if name not in ("tensorrt", "onnxruntime")}
    monkeypatch.setattr("pose3d_ros.engines.backends.choice.FILES", kept)
    return made


@pytest.fixture
def run(tmp_path, capsys, standing_weights):
    """Calls the command and returns (exit code, stdout)."""
    cache = tmp_path / "engines"

    def call(what: str, *arguments: str) -> tuple[int, str]:
        models = [str(standing_weights)] if what in ("build", "check") and "--params" not in arguments else []
        with pytest.raises(SystemExit) as end:
            main(["engine", what, *models, "--cache", str(cache), *arguments])
        return end.value.code, capsys.readouterr().out

    call.cache = cache
    return call


def test_build_list_check_clear(fake, run):
    code, out = run("build")
    assert code == 0
    assert f"standing, openvino fp32: {run.cache}" in out
    assert "standing" in run("list")[1]
    code, out = run("check")
    assert code == 0
    assert "standing, openvino fp32: ready, differs from eager fp32 by xyz 0" in out
    assert "standing, cuda fp32: not here, no GPU that torch sees" in out
    assert "nothing to remove" in run("clear", "--model", "other")[1]
    assert "removed" in run("clear")[1]
    assert "standing, openvino fp32: not built (`pose3d engine build`)" in run("check")[1]


def test_a_damaged_engine_is_refused_and_can_be_cleared(fake, run):
    run("build")
    (file,) = run.cache.glob("*/engine.bin")
    file.write_bytes(b"half")
    code, out = run("check")
    assert code == 1
    assert "REFUSED" in out
    assert "engine.bin is truncated or was changed" in out
    assert "DAMAGED" in run("list")[1]
    assert "removed" in run("clear", "--damaged")[1]
    assert not file.exists()


def test_what_is_stale_is_told_apart_and_can_be_cleared(fake, run, standing_weights):
    run("build")
    fake.version = "2"
    run("build")
    of = ("--weights", str(standing_weights))
    states = [line for line in run("list", *of)[1].splitlines() if "fp32" in line]
    assert sorted("current" in line for line in states) == [False, True]
    (old,) = (line for line in states if "current" not in line)
    assert "fake 1" in old
    assert "stale: other versions.fake" in old
    assert "weights not shipped" in " ".join(run("list")[1].split())
    assert "nothing to remove" in run("clear", "--stale")[1]  # of weights that are not here nobody knows
    assert "nothing to remove" in run("clear", "--damaged", *of)[1]
    assert run("clear", "--stale", *of)[1].count("removed") == 1
    assert "standing, openvino fp32: ready" in run("check")[1]


def test_engines_of_another_gpu_are_not_stale(fake, run, standing_weights, monkeypatch):
    fake.on_gpu, card = True, {"gpu": "A", "driver": "1"}
    monkeypatch.setattr("pose3d_ros.engines.cache.gpu", lambda _: dict(card))
    run("build")
    of = ("--weights", str(standing_weights))
    assert "current" in run("list", *of)[1]
    card["gpu"] = "B"
    assert "of another GPU" in run("list", *of)[1]
    assert "nothing to remove" in run("clear", "--stale", *of)[1]
    card.update(gpu="A", driver="2")
    assert "removed" in run("clear", "--stale", *of)[1]


def test_a_build_that_fails(fake, run):
    fake.error = 0.1
    code, out = run("build")
    assert code == 1
    assert "FAILED, xyz differs from eager fp32 by 0.1" in out


def test_a_backend_that_is_not_there(fake, run):
    fake.import_error = ImportError("libopenvino.so.2610")
    code, out = run("build", "--backend", "openvino")
    assert code == 1
    assert "libopenvino.so.2610" in out


def test_models_come_from_a_file_of_parameters(fake, run, tmp_path, standing_weights):
    file = tmp_path / "robot.yaml"
    text = f"/**:\n  ros__parameters:\n    body.weights: {standing_weights}\n    hands: {{weights: ''}}\n"
    file.write_text(text + "    body.backend: openvino\n    output.tf: true\n")
    assert "standing, openvino fp32: " in run("build", "--params", str(file))[1]
    file.write_text(text + "    body.precission: fp16\n")
    with pytest.raises(SystemExit) as end:
        main(["engine", "build", "--params", str(file)])
    assert end.value.code == 2


def test_no_cache(fake, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(SystemExit) as end:
        main(["engine", "list"])
    assert end.value.code == 2
    assert f"{VARIABLE} is empty" in capsys.readouterr().err


def test_an_unknown_precision_is_refused(fake, run, capsys):
    with pytest.raises(SystemExit) as end:
        main(["engine", "build", "--precision", "fp8"])
    assert end.value.code == 2
    assert "precision: expected one of fp32, fp16, got 'fp8'" in capsys.readouterr().err

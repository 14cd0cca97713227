"""`pose3d doctor` tells what is broken, and survives it."""

import hashlib
import json
import os

import pytest

pytest.importorskip("typer")

from pose3d_ros.cli.diagnosis import child, engines, robot, rungs, software
from pose3d_ros.cli.diagnosis.page import Line, guarded
from pose3d_ros.cli.main import main
from pose3d_ros.core.paths import share_dir

BROKEN = {
    "torch": "raise AssertionError('Torch not compiled with CUDA enabled')",
    "openvino": "import os; os.abort()",
    "onnxruntime": 'print(\'{"name": "onnxruntime", "state": "lies"}\'); __version__ = \'1.2.3\'',
    "rosbags": "import a_part_that_nobody_has",
}


@pytest.fixture
def inject(tmp_path, monkeypatch):
    """Makes modules of this source code for child interpreters, before all that is installed."""

    def write(modules):
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source + "\n")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))

    return write


def doctor(*options):
    with pytest.raises(SystemExit) as end:
        main(["doctor", *options])
    return end.value.code


def test_a_page_where_everything_is_broken(inject, tmp_path, monkeypatch, capsys):
    inject(BROKEN)
    monkeypatch.setattr(software, "REQUIRED", ("torch", "no_such_module_at_all"))
    monkeypatch.setattr(software, "OPTIONAL", dict.fromkeys(("openvino", "onnxruntime", "rosbags", "not_here"), "why"))
    monkeypatch.setattr(software, "share_dir", lambda: tmp_path / "nowhere")
    out = tmp_path / "new" / "d.json"
    assert doctor("--json", str(out)) == 0
    page = json.loads(out.read_text())
    parts = {line["name"]: line for line in page["Parts"]}
    assert "Torch not compiled" in parts["torch"]["text"]
    assert "signal 6" in parts["openvino"]["text"]
    assert parts["onnxruntime"]["mark"] == "ok"
    assert "a_part_that_nobody_has" in parts["rosbags"]["text"]
    assert parts["no_such_module_at_all"]["mark"] == "hint"
    assert parts["not_here"]["mark"] == "-"
    assert "FileNotFoundError" in page["Weights"][0]["text"]
    assert any("NOTHING runs" in line["text"] for line in page["Backends, best first"])
    assert "Torch not compiled" in page["GPU"][-1]["text"]
    printed = capsys.readouterr().out
    assert all(section in printed for section in page)


@pytest.mark.parametrize(("hint", "code"), [("do this", 1), ("", 0)])
def test_strict_says_by_its_exit_code_whether_there_are_hints(hint, code, monkeypatch):
    monkeypatch.setattr("pose3d_ros.cli.doctor.look", lambda: {"Section": [Line("name", "text", hint)]})
    assert doctor("--strict") == code
    assert doctor() == 0


def test_a_module_that_never_returns(inject, monkeypatch):
    inject({"never": "import threading; threading.Event().wait()", "after": "__version__ = '2'"})
    monkeypatch.setattr(child, "TIMEOUT_S", 2.0)
    assert child.imports(["never", "after"]) == {"never": ("broken", "no answer in 2 s"), "after": ("ok", "2")}


def test_a_check_that_breaks_off_keeps_what_it_had():
    def broken():
        yield Line("first", "there")
        raise RuntimeError("of some kind\nwith details")

    first, last = guarded(broken)
    assert first.mark == "ok"
    assert last.mark == "hint"
    assert "of some kind" in last.text
    assert "\n" not in last.text


def test_weights_missing_damaged_and_right(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("right", "wrong"):
        (folder / name).write_bytes(b"content")
    good = hashlib.sha256(b"content").hexdigest()
    (folder / "SHA256SUMS").write_text(f"{good}  right\n{good[::-1]}  wrong\n{good}  gone\n")
    monkeypatch.setattr(software, "share_dir", lambda: tmp_path)
    found = {line.name: line for line in software.weights()}
    assert {name: line.mark for name, line in found.items()} == {"right": "ok", "wrong": "hint", "gone": "hint"}
    assert "WRONG" in found["wrong"].text


def test_backends_of_this_machine_are_told_one_by_one(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setenv("POSE3D_ROS_ENGINES", str(tmp_path / "engines"))
    rungs.main("body_dtf27")
    cache, *lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert cache == {"cache": str(tmp_path / "engines"), "entries": []}
    last = {line["rung"]: line["state"] for line in lines}
    assert list(last.values()).count("TAKEN") == 1
    assert last["torch on cpu"] in ("TAKEN", "would be next")
    assert not (tmp_path / "engines").exists(), "looking builds nothing"


def test_the_cache_is_told_with_what_is_damaged_in_it(tmp_path, monkeypatch):
    entries = [{"name": "a", "mb": 1.5, "fault": ""}, {"name": "b", "mb": 0.1, "fault": "truncated"}]
    cache, disk = engines._cache({"cache": str(tmp_path / "not" / "yet"), "entries": entries})
    assert "2 engines, 2 MB" in cache.text
    assert "DAMAGED or foreign: b" in cache.text
    assert "clear --damaged" in cache.hint
    assert "GiB free" in disk.text
    (off,) = engines._cache({"cache": "", "entries": []})
    assert off.mark == "hint"


@pytest.mark.parametrize(
    ("profile", "mark"),
    [("ours", "ok"), ("gone.xml", "hint"), ("<broken", "hint"), ("<a><segment_size>1000</segment_size></a>", "hint"),
     ("<a><segment_size>many</segment_size></a>", "hint"), ("", "hint")],
)  # fmt: skip
def test_fastdds_profile(profile, mark, tmp_path, monkeypatch):
    file = share_dir() / "config" / "fastdds.xml" if profile == "ours" else tmp_path / "gone.xml"
    if profile.startswith("<"):
        file.write_text(profile)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE", raising=False)
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(file) if profile else "")
    (found,) = (line for line in robot.ros() if line.name == "Fast DDS profile")
    assert found.mark == mark


def test_without_ros_there_is_one_line(monkeypatch):
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    (found,) = robot.ros()
    assert found.mark == "-"


@pytest.mark.parametrize(("size", "mark"), [("212992", "hint"), ("16777216", "ok")])
def test_receive_buffers_against_the_size_of_an_image(size, mark, tmp_path, monkeypatch):
    (tmp_path / "rmem_max").write_text(size + "\n")
    monkeypatch.setattr(robot, "RMEM_MAX", tmp_path / "rmem_max")
    assert next(robot.network()).mark == mark


def test_a_wall_clock_that_jumps_while_we_look(monkeypatch):
    check = robot.clocks()
    assert next(iter(check())).mark == "ok"
    now = robot.time.time()
    monkeypatch.setattr(robot.time, "time", lambda: now + 3.0)
    assert "jump" in next(iter(check())).hint

"""What CONTRIBUTING.md shows works as it is printed."""

import re
from pathlib import Path

import numpy as np

from pose3d_ros.core import mapping
from pose3d_ros.core.skeleton import Skeleton

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def test_the_format_is_one(monkeypatch):
    scope: dict = {}
    exec(next(block for block in BLOCKS if "SKELETON" in block), scope)
    assert isinstance(scope["SKELETON"], Skeleton)
    known = mapping.formats.get
    monkeypatch.setattr(mapping.formats, "get", lambda name: scope["SKELETON"] if name == "gate12" else known(name))
    xy_px, score = mapping.mapping("gate12", "h36m17")(np.ones((12, 2), np.float32), np.ones(12, np.float32))
    found = dict(zip(known("h36m17").joints, score, strict=True))
    assert found["left_wrist"] > 0
    assert found["nose"] == 0
    assert np.isfinite(xy_px[score > 0]).all()


def test_the_detector_has_what_a_detector_has():
    scope: dict = {}
    exec(next(block for block in BLOCKS if "GateDetector" in block), scope)
    made = scope["make"](None)
    assert made.names == ("gate12",)
    assert callable(made.detect)
    assert callable(made.close)


def test_every_path_it_names_exists():
    root = Path(__file__).parents[1]
    made_up = {"pose3d_ros/core/formats/gate12.py", "pose3d_ros/detectors/gate.py", "config/robots/NAME.yaml"}
    for path in set(re.findall(r"`((?:pose3d_ros|test|docs|config|tools)/[\w/.]+\.\w+)`", TEXT)) - made_up:
        assert (root / path).exists(), path


def test_the_program_of_the_readme_runs_as_printed(capsys):
    text = (Path(__file__).parents[1] / "README.md").read_text()
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], {})
    assert len(capsys.readouterr().out.splitlines()) >= 29

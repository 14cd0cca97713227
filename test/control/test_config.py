import re

import pytest
import yaml

from pose3d_ros.control import config
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.paths import share_dir

FOLDER = share_dir() / "config" / "robots"
SHIPPED = [
    f"{path.stem}:{variant}"
    for path in sorted(FOLDER.glob("*.yaml"))
    for variant in yaml.safe_load(path.read_text()).get("variants", {"": None})
]
HAND = {"kind": "hand", "model": "x.urdf", "base": "b", "tips": {"thumb": "t"}}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_robots_can_be_read(name):
    robot = config.load(name)
    assert robot.name == name.replace(":", "_")
    assert robot.kind in config.KINDS


def test_first_variant_is_the_default_and_a_variant_goes_before():
    values = HAND | {"scale": 2.0, "variants": {"right": {"side": "right"}, "left": {"side": "left", "scale": 3.0}}}
    assert config.parse(values, "r") == config.parse(values, "r", "right")
    left = config.parse(values, "r", "left")
    assert (left.side, left.scale, left.name) == ("left", 3.0, "r_left")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "expected a mapping"),
        ({"kind": "wheel"}, "kind: expected one of hand, body, arm"),
        (HAND | {"speed": 1}, "unknown speed; known:"),
        (HAND | {"limits": {"fast": 1}}, "limits: unknown fast"),
        (HAND | {"limits": {"speed_rad_s": "fast"}}, "limits: speed_rad_s: expected a number"),
        (HAND | {"limits": {"jump_rad_s": -1.0}}, "jump_rad_s: expected at least"),
        (HAND | {"limits": []}, "limits: expected a mapping"),
        (HAND | {"side": "middle"}, "side: expected one of left, right"),
        (HAND | {"tips": [1]}, "tips: expected a mapping"),
        (HAND | {"joints": "all"}, "joints: expected a list"),
        (HAND | {"scale": float("nan")}, "scale: expected a number"),
        ({"kind": "arm", "home_xyz_m": [1, 2]}, "home_xyz_m: expected 3 numbers"),
        ({"kind": "body", "tasks": [{"frame": "a", "weight": 1}]}, "unknown weight"),
        (HAND | {"variants": {"right": {}}}, "no variant 'middle'; it has right"),
    ],
)
def test_a_bad_file_names_the_key(values, text):
    variant = "middle" if "middle" in text and "variant" in text else ""
    with pytest.raises(ConfigError, match=re.escape(text)):
        config.parse(values, "test", variant)


def test_a_robot_that_is_not_there():
    with pytest.raises(ConfigError, match=r"no file .*; there: .*leap"):
        config.load("leep")


def test_not_yaml(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not YAML"):
        config.load(str(tmp_path / "bad.yaml"))

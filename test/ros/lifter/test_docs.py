"""What is written about parameters is what the code declares."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")
pytest.importorskip("torch")

import yaml

from pose3d_ros.core.config import flatten
from pose3d_ros.ros.detector_node import DetectorNodeConfig
from pose3d_ros.ros.lifter_config import LifterConfig
from pose3d_ros.ros.pose_vit_node import DEFAULTS
from pose3d_ros.ros.retarget_config import RetargetConfig
from pose3d_ros.ros.separation_node import SeparationConfig

ROOT = Path(__file__).parents[3]
NODES = (DEFAULTS, DetectorNodeConfig(), RetargetConfig(), SeparationConfig())


def test_parameter_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("parameter_docs", ROOT / "tools" / "parameter_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run tools/parameter_docs.py"


def test_shipped_settings_are_known_and_are_the_defaults():
    (settings,) = yaml.safe_load((ROOT / "config" / "pose3d.yaml").read_text()).values()
    known = {name: value for config in NODES for name, value, _ in flatten(config)}
    shipped = {n: tuple(v) if isinstance(v, list) else v for n, v in settings["ros__parameters"].items()}
    assert shipped.items() <= known.items()


@pytest.mark.parametrize("kind", [LifterConfig, DetectorNodeConfig, RetargetConfig, SeparationConfig])
def test_every_parameter_says_what_it_is_for_and_its_unit(kind):
    for name, value, rule in flatten(kind()):
        assert rule.help, name
        if name.endswith(("_m", "_s", "_deg", "_px", "_hz")) and isinstance(value, float):
            assert rule.unit, f"{name} has no unit"

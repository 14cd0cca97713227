"""The LeRobot plugin, with stand-ins of LeRobot's base classes where it is not installed."""

import importlib
import sys
import threading
import types
from pathlib import Path

import pytest

from test.control.people import frame, hand3d, recorded_hands

pytest.importorskip("dexi_rs", reason="needs dexi-rs, of the extra `control`")

from pose3d_ros.core.errors import ConfigError, EngineError

FOLDER = Path(__file__).parents[1] / "examples" / "lerobot_teleoperator_pose3d"


class TeleoperatorConfig:
    kinds: dict = {}

    @classmethod
    def register_subclass(cls, name):
        def register(kind):
            cls.kinds[name] = kind
            return kind

        return register


class Teleoperator:
    def __init__(self, config):
        self.id = getattr(config, "id", None)


@pytest.fixture
def plugin(monkeypatch):
    for name, content in {
        "lerobot": {},
        "lerobot.teleoperators": {},
        "lerobot.teleoperators.config": {"TeleoperatorConfig": TeleoperatorConfig},
        "lerobot.teleoperators.teleoperator": {"Teleoperator": Teleoperator},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("lerobot_teleoperator_pose3d")
    for name in [name for name in sys.modules if name.startswith("lerobot_teleoperator_pose3d")]:
        del sys.modules[name]


def teleoperator(plugin, count, patience_s=20.0):
    """One whose camera shows so many frames of a hand, and then waits to be ended."""
    done, end = threading.Event(), threading.Event()

    def frames(config):
        for number in range(count):
            yield frame(number, hand3d(recorded_hands()["right"][number], "right"))
        done.set()
        end.wait(20)

    made = plugin.Pose3D(plugin.Pose3DConfig(robot="leap:right", patience_s=patience_s), frames)
    return made, done, end


def test_it_is_found_under_its_name(plugin):
    assert TeleoperatorConfig.kinds["pose3d"] is plugin.Pose3DConfig
    assert plugin.Pose3D.config_class is plugin.Pose3DConfig


def test_a_hand_gives_actions_of_all_joints(plugin):
    made, done, end = teleoperator(plugin, 20)
    assert set(made.action_features) == {f"{number}.pos" for number in range(16)}
    made.connect()
    assert made.is_connected
    assert done.wait(20)
    action = made.get_action()
    assert action.keys() == made.action_features.keys()
    assert action == made.get_action(), "it holds still while nothing new comes"
    assert made.reason == ""
    end.set()
    made.disconnect()
    assert not made.is_connected
    with pytest.raises(EngineError, match="connect"):
        made.get_action()


def test_without_a_command_it_says_why(plugin):
    made, _, end = teleoperator(plugin, 0, patience_s=0.1)
    made.connect()
    with pytest.raises(EngineError, match="no command within"):
        made.get_action()
    end.set()
    made.disconnect()


def test_an_arm_has_no_joints(plugin):
    with pytest.raises(ConfigError, match="expected one that takes joints"):
        plugin.Pose3D(plugin.Pose3DConfig(robot="arm:right"))

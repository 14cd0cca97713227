"""Launch files: complete descriptions, and the real nodes come up by lifecycle events. Needs launch_ros."""

import importlib.util
import os
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not installed (the ROS wheels lack it): use a ROS workspace")
pytest.importorskip("pose3d_ros.msg")

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.events.lifecycle import StateTransition

import launch

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
DEADLINE_S = 60.0


def installed() -> Path:
    try:
        return Path(get_package_share_directory("pose3d_ros"))
    except PackageNotFoundError:
        pytest.skip("pose3d_ros is not installed in this environment (colcon build, then source it)")


def described(path: Path) -> launch.LaunchDescription:
    spec = importlib.util.spec_from_file_location(path.stem.replace(".", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_argument_is_described(path):
    arguments = [a for a in described(path).entities if isinstance(a, DeclareLaunchArgument)]
    assert arguments
    for argument in arguments:
        assert argument.description not in ("", "no description given"), argument.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_absolute_paths(path):
    assert not [
        line for line in path.read_text().splitlines() if '"/home' in line or '"/opt' in line or '"/usr' in line
    ]


class OnTransition(launch.event_handler.BaseEventHandler):
    """Notes the states that lifecycle nodes reach, and ends the launch at one of the `last`."""

    def __init__(self, *last: str) -> None:
        super().__init__(matcher=lambda event: isinstance(event, StateTransition))
        self.reached: list[str] = []
        self._last = last

    def handle(self, event, context):
        super().handle(event, context)
        self.reached.append(event.goal_state)
        return launch.actions.Shutdown(reason="seen enough") if event.goal_state in self._last else None


def launched(handler: OnTransition, **arguments: str) -> list[str]:
    """Runs the installed launch file until the handler ends it; the states that were reached."""
    source = PythonLaunchDescriptionSource(str(installed() / "launch" / "pose3d.launch.py"))
    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(
        launch.LaunchDescription(
            [
                launch.actions.SetEnvironmentVariable("ROS_DOMAIN_ID", str(1 + os.getpid() % 100)),
                launch.actions.RegisterEventHandler(handler),
                launch.actions.IncludeLaunchDescription(source, launch_arguments=arguments.items()),
                launch.actions.TimerAction(period=DEADLINE_S, actions=[launch.actions.Shutdown(reason="deadline")]),
            ]
        )
    )
    assert service.run() == 0
    return handler.reached


@pytest.fixture
def params_file(tmp_path):
    """Parameters that name weights which exist wherever this runs: an untrained network."""
    pytest.importorskip("torch")
    from pose3d_ros.models import ModelSpec, checkpoint
    from pose3d_ros.models.dtf import DTF, DTFConfig

    weights = tmp_path / "untrained.safetensors"
    checkpoint.save(weights, DTF(DTFConfig()), ModelSpec("untrained", "h36m17", 27, 30.0))
    path = tmp_path / "params.yaml"
    path.write_text(
        f"/**:\n  ros__parameters:\n    body.weights: {weights}\n    body.device: cpu\n    body.backend: torch\n"
        '    refine.hands: ""\n'
    )
    return str(path)


@pytest.mark.parametrize("images", ["false", "true"])
def test_launch_configures_and_activates_one_lifting_node(params_file, images):
    reached = launched(OnTransition("active"), namespace="here", params_file=params_file, images=images)
    assert reached[-1] == "active"  # by itself: those before may have come before anybody listened


def test_failed_configure_does_not_activate(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("/**:\n  ros__parameters:\n    body.weights: no_such_weights\n")
    reached = launched(OnTransition("unconfigured"), params_file=str(path))
    assert set(reached) <= {"configuring", "unconfigured"}

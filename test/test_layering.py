"""Imports point down: a layer uses itself and the layers before it. A new folder or module forces a decision here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pose3d_ros"
LAYERS = [
    "core", "geometry", "tracking", "guidance",  # numpy, scipy, OpenCV
    "estimation",
    "models", "engines", "settings", "messages", "adapters", "stages", "pipeline",  # and torch
    "detectors", "control", "lab", "ros", "cli",
]  # fmt: skip
NUMERIC = {"numpy", "scipy", "cv2"}
ASKED = {"yaml"}  # where it is needed only: core/files.py reads YAML for whoever asks, and has no other use for it
ROS = {
    "ament_index_python", "builtin_interfaces", "cv_bridge", "diagnostic_updater", "launch", "launch_ros",
    "message_filters", "rclpy", "rosbag2_py", "rosidl_runtime_py", "tf2_ros",
}  # fmt: skip
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every imported name in full, also those imported inside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: use absolute imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_ros(module: str) -> bool:
    root, *rest = module.split(".")
    return root in ROS or root.endswith(("_msgs", "_srvs")) or (root == "pose3d_ros" and rest[:1] in (["msg"], ["srv"]))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def faults(layer: str, tree: ast.AST) -> list[str]:
    """What the imports of one module of `layer` break."""
    found = []
    rank = LAYERS.index(layer)
    for module in imports(tree):
        root, *rest = module.split(".")
        if layer != "ros" and is_ros(module):
            found.append(f"{layer} imports {module}: only ros/ may")
        elif root == "pose3d_ros" and rest[0] in LAYERS and LAYERS.index(rest[0]) > rank:
            found.append(f"{layer} imports {module}: that layer comes later")
        elif rank < LAYERS.index("models") and root not in NUMERIC | ASKED | {"pose3d_ros"} | sys.stdlib_module_names:
            found.append(f"{layer} imports {module}: before models/ only {', '.join(sorted(NUMERIC))} are allowed")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    assert layer_of(path) in LAYERS, f"{path.name}: decide where in LAYERS it belongs"
    assert faults(layer_of(path), ast.parse(path.read_text())) == []


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def graph() -> dict[str, set[str]]:
    """Every file of the package, and those that it imports."""
    files = {module_of(path): path for path in MODULES}
    parsed = {name: set(imports(ast.parse(path.read_text()))) for name, path in files.items()}
    return {
        name: {m if m in files else m.rpartition(".")[0] for m in found} & files.keys() - {name}
        for name, found in parsed.items()
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """What is left when everything was taken away, again and again, that imports nothing that is left."""
    left = dict(graph)
    while ready := [name for name, found in left.items() if not found & left.keys()]:
        for name in ready:
            del left[name]
    return sorted(left)


def test_no_file_imports_itself_by_way_of_others():
    assert circle(graph()) == []


def test_a_planted_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_only_commands_the_demo_and_replay_use_the_lab():
    users = {name for name, found in graph().items() if any(m.startswith("pose3d_ros.lab.") for m in found)}
    allowed = ("pose3d_ros.lab.", "pose3d_ros.cli.", "pose3d_ros.ros.demo.", "pose3d_ros.ros.replay")
    assert sorted(name for name in users if not name.startswith(allowed)) == []


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("core", "import torch"),
        ("geometry", "from pose3d_ros.tracking.window import Window"),
        ("guidance", "def late():\n    import pose3d_ros.pipeline"),
        ("lab", "import rclpy.node"),
        ("cli", "from pose3d_ros.msg import Skeleton3D"),
        ("pipeline", "from sensor_msgs.msg import Image"),
        ("tracking", "from rosbags.highlevel import AnyReader"),
    ],
)
def test_a_planted_fault_is_found(layer, line):
    assert len(faults(layer, ast.parse(line))) == 1


def test_the_package_itself_imports_nothing_and_at_once():
    code = (
        "import sys, time; before = time.process_time(); import pose3d_ros; took = time.process_time() - before;"
        "assert took < 0.2, took; print(sorted({'torch', 'rclpy', 'cv2', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"

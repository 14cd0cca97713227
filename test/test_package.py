"""What ROS, pip and CMake are told about the package agrees with the package."""

import ast
import configparser
import importlib.util
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pose3d_ros.core.paths import share_dir
from pose3d_ros.core.types import JointState, TrackState

ROOT = Path(__file__).parents[1]
MESSAGES = sorted((ROOT / "msg").glob("*.msg"))
LAUNCH = sorted((ROOT / "launch").glob("*.py"))
DATA = sorted(path for folder in ("launch", "config") for path in (ROOT / folder).glob("*") if path.is_file())
SOURCES = sorted((ROOT / "pose3d_ros").rglob("*.py"))
CMAKE = (ROOT / "CMakeLists.txt").read_text()


def name(path):
    return str(path.relative_to(ROOT))


def package_xml():
    return ET.parse(ROOT / "package.xml").getroot()


def dependencies():
    return {entry.text for entry in package_xml() if entry.tag.endswith("depend")}


def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_versions_agree():
    changelog = re.findall(r"^(\d+\.\d+\.\d+) \(\d{4}-\d{2}-\d{2}\)\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.M)
    assert package_xml().findtext("version") == setup_cfg()["metadata"]["version"] == changelog[0]


def test_names_and_licences_agree():
    metadata = setup_cfg()["metadata"]
    assert package_xml().findtext("name") == metadata["name"] == "pose3d_ros"
    assert package_xml().findtext("license") == metadata["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / package_xml().find("license").get("file")).read_text()


def test_a_distribution_can_resolve_every_key():
    assert not [key for key in dependencies() if key.endswith("-pip") or "torch" in key]


OPTIONAL = {"hri_msgs", "people_msgs"}  # outputs that are offered where these import (docs/outputs.md)


def test_every_ros_import_is_declared():
    known = re.compile(
        r"^(rclpy|launch|launch_ros|tf2_ros|cv_bridge|message_filters|diagnostic_updater|\w+_(msgs|srvs))$"
    )
    used = set()
    for path in [*(ROOT / "pose3d_ros" / "ros").rglob("*.py"), *LAUNCH]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(node.module.split(".")[0])
    assert {root for root in used if known.match(root)} - OPTIONAL <= dependencies()


def test_cmake_builds_every_message():
    assert set(re.findall(r"msg/(\w+)\.msg", CMAKE)) == {path.stem for path in MESSAGES}


def test_python_is_installed_after_the_generated_code():
    assert CMAKE.index("rosidl_generate_interfaces(") < CMAKE.index("foreach(part ${PYTHON_PARTS})")


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_every_field_says_what_it_is(path):
    for line in filter(None, path.read_text().splitlines()):
        assert re.match(r"#|\S+ \w+(=\d+)? +# \S", line), f"no comment: {line}"


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_every_quantity_has_its_unit(path):
    words = {
        "m": "metres",
        "px": "pixels",
        "rad": "radians",
        "ms": "milliseconds",
        "s": "seconds",
        "m_s": "metres per second",
    }
    words["covariance"] = "m^2"
    for line in path.read_text().splitlines():
        field = re.match(r"float32\S* (\w+) +# (.*)", line)
        if field:
            suffixes = [word for word in words if field[1] == word or field[1].endswith(f"_{word}")]
            unit = words[max(suffixes, key=len)] if suffixes else "no unit"
            assert unit in field[2], f"{field[1]}: expected {unit!r} in its comment"


def test_message_constants_equal_the_enums():
    constants = dict(re.findall(r"^uint8 ([A-Z]+)=(\d+)", (ROOT / "msg/Skeleton3D.msg").read_text(), re.M))
    assert {key: int(value) for key, value in constants.items()} == {
        entry.name: int(entry) for enum in (JointState, TrackState) for entry in enum
    }


@pytest.mark.parametrize("script", re.findall(r"scripts/(\w+)", CMAKE))
def test_every_executable_has_a_main(script):
    path = ROOT / "scripts" / script
    assert os.access(path, os.X_OK)
    module = re.search(r"^from (pose3d_ros\S*) import main$", path.read_text(), re.M)[1]
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def test_pip_and_colcon_start_the_same_command():
    target = setup_cfg()["options.entry_points"]["console_scripts"].split("=")[1].strip()
    module, function = target.split(":")
    assert f"from {module} import {function}" in (ROOT / "scripts/pose3d").read_text()


@pytest.mark.parametrize("path", LAUNCH, ids=name)
def test_launch_files_compile(path):
    tree = compile(path.read_text(), str(path), "exec", ast.PyCF_ONLY_AST)
    assert "generate_launch_description" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", DATA, ids=name)
def test_no_absolute_paths(path):
    found = re.findall(r"(?<![\w./:<])/(?:home|root|opt|usr|tmp|var|etc|mnt|srv|work|Users)/\S*", path.read_text())
    assert found == []


def bound_names(body):
    """Names that a module binds, also by the branches of `try` and `if`."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (entry.id for target in targets for entry in ast.walk(target) if isinstance(entry, ast.Name))
        elif isinstance(node, ast.Try | ast.If):
            yield from bound_names(node.body)


def exported(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    return []


@pytest.mark.parametrize("path", [path for path in SOURCES if exported(path)], ids=name)
def test_every_exported_name_exists(path):
    bound = set(bound_names(ast.parse(path.read_text()).body))
    missing = [entry for entry in exported(path) if entry not in bound]
    if "__getattr__" in bound:  # exported on first use
        pytest.importorskip("torch", reason="what is exported on first use needs torch")
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
        missing = [entry for entry in missing if not hasattr(module, entry)]
    assert missing == []


def test_share_dir_is_the_source_tree_here():
    assert share_dir() == ROOT


def test_share_dir_of_an_installation(tmp_path):
    installed = tmp_path / "lib/python3/site-packages/pose3d_ros/core/paths.py"
    installed.parent.mkdir(parents=True)
    installed.write_text((ROOT / "pose3d_ros/core/paths.py").read_text())
    share = tmp_path / "share/pose3d_ros"
    share.mkdir(parents=True)
    spec = importlib.util.spec_from_file_location("installed_paths", installed)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.share_dir() == share

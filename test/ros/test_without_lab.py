"""A robot's installation (`-DWITH_LAB=OFF`) has no `lab/` and no weights for tables, and nothing of it is missed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")
pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
# runs a node from keypoints to skeletons; nobody may import lab, not even from another folder of the path
SCRIPT = """
import sys

class NoLab:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("pose3d_ros.lab"):
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, NoLab())
import numpy as np, rclpy
from rclpy.executors import SingleThreadedExecutor
import pose3d_ros.ros.detector_node
from pose3d_ros import pipeline
from pose3d_ros.cli.main import main
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.msg import Skeleton3DArray
from pose3d_ros.ros import conversions
from pose3d_ros.ros.pose_vit_node import pose_vit_node

assert pipeline.__file__.startswith(sys.argv[1]), pipeline.__file__
rclpy.init()
executor, node = SingleThreadedExecutor(), pose_vit_node()
executor.add_node(node)
assert node.trigger_configure().name == "SUCCESS", node.last_error
assert node.trigger_activate().name == "SUCCESS", node.last_error
got = []
node.create_subscription(Skeleton3DArray, "skeletons", got.append, 10)
node._on_camera_info(conversions.camera_to_msg(Camera.from_fov(640, 480, 60.0)))
xy_px = np.stack((300 + 10.0 * np.arange(17), 100 + 15.0 * np.arange(17)), 1)
frame = Keypoints2D(10**9, (Person2D("coco17", xy_px, np.full(17, 0.9), "me"),), "camera", 640, 480)
while not got:
    frame = Keypoints2D(frame.stamp_ns + 33_000_000, frame.people, "camera", 640, 480)
    node._on_keypoints(conversions.keypoints_to_msg(frame))
    executor.spin_once(0.2)
node.give_back()
try:
    main(["view", "x"])
except SystemExit as end:
    assert end.code == 2
print("no lab", not [name for name in sys.modules if name.startswith("pose3d_ros.lab")], flush=True)
import os; os._exit(0)
"""


@pytest.fixture
def installed(tmp_path):
    """Where cmake would install to: python/pose3d_ros and share/pose3d_ros."""
    command = ["cmake", "-DWITH_LAB=OFF", "-P", ROOT / "cmake" / "installed.cmake"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    for part in listing.stderr.split():
        target = tmp_path / ("python" if part.startswith("pose3d_ros") else "share/pose3d_ros") / part
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, target)
    return tmp_path


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_a_node_runs_from_an_installation_without_the_lab(installed, ros):
    assert not (installed / "python/pose3d_ros/lab").exists()
    weights = {path.stem for path in (installed / "share/pose3d_ros/weights").glob("*.safetensors")}
    assert {"body_dtf27", "hand_dtf27", "hand_extpose"} <= weights
    assert not {"body_dtf27_clean", "hand_dtf27_clean", "body_extpose"} & weights
    path = os.pathsep.join([str(installed / "python"), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "POSE3D_ROS_ENGINES": ""}
    env["ROS_DOMAIN_ID"] = str(ros.context.get_domain_id())
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(installed)], cwd=installed, env=env, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "no lab True" in run.stdout
    assert "view needs pose3d_ros.lab, which is left out of this installation" in run.stderr

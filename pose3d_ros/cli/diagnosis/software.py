"""Versions, required and optional parts, and the shipped weights."""

import hashlib
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from pose3d_ros.cli.diagnosis.child import imports
from pose3d_ros.cli.diagnosis.page import Line
from pose3d_ros.core.paths import share_dir

REQUIRED = ("numpy", "scipy", "cv2", "torch", "safetensors")
# module -> what it is for, and how to get it
OPTIONAL = {
    "openvino": "the detector node, and the fastest engine on Intel and AMD CPUs: pip install 'pose3d_ros[openvino]'",
    "onnxruntime": "a fast CPU backend: pip install 'pose3d_ros[onnxruntime]'",
    "torch_tensorrt": "TensorRT on NVIDIA GPUs: docs/engines.md says which version",
    "tensorrt": "needed by torch_tensorrt",
    "rclpy": "the ROS nodes: source your ROS installation, or tools/env.sh",
    "pose3d_ros.msg": "the ROS nodes: build with colcon and source install/setup.bash",
    "cv_bridge": "nothing that a stand-in does not do",
    "tf2_ros": "TF output; a stand-in is used without it",
    "rosbags": "reading bags: pip install 'pose3d_ros[tools]'",
    "dexi_rs": "driving robot hands: pip install 'pose3d_ros[control]'",
    "mink": "driving humanoids: pip install 'pose3d_ros[control]'",
    "mujoco": "humanoids, and images of robots: pip install 'pose3d_ros[control]'",
    "smplx": "weights that speak SMPL or MANO (HMR2.0, HaMeR): pip install 'pose3d_ros[smplx]'",
    "matplotlib": "images and reports: pip install 'pose3d_ros[tools]'",
    "typer": "this command line: pip install 'pose3d_ros[tools]'",
    "rich": "tables: pip install 'pose3d_ros[tools]'",
}


def package() -> Iterator[Line]:
    """This package, Python and the system."""
    try:
        version = metadata.version("pose3d_ros")
    except metadata.PackageNotFoundError:
        version = "not installed, run from its sources"
    yield Line("pose3d_ros", f"{version}, data in {share_dir()}")
    python = platform.python_version()
    yield Line("python", f"{python}, {sys.executable}", "" if sys.version_info >= (3, 10) else "Python 3.10 or later")
    yield Line("system", f"{_distribution()}, {platform.system()} {platform.release()} {platform.machine()}")


def parts() -> Iterator[Line]:
    """What imports, what is missing, what is broken."""
    found = imports((*REQUIRED, *OPTIONAL))
    for name, (state, text) in found.items():
        if state == "ok":
            yield Line(name, text or "there")
        elif state == "absent" and name in OPTIONAL:
            yield Line(name, "not installed", OPTIONAL[name], absent=True)
        elif state == "absent":
            yield Line(name, "MISSING", "pip install pose3d_ros brings it; docs/dependencies.md")
        else:
            yield Line(name, f"installed but BROKEN: {text}", f"reinstall it: `{sys.executable} -c 'import {name}'`")


def weights() -> Iterator[Line]:
    """The shipped weights against their checksums."""
    folder = share_dir() / "weights"
    wanted = dict(reversed(line.split(maxsplit=1)) for line in (folder / "SHA256SUMS").read_text().splitlines() if line)
    for name in sorted(wanted):
        file = folder / name
        if not file.is_file():
            yield Line(name, "MISSING", "reinstall the package")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != wanted[name]:
            yield Line(
                name, f"{_mb(file)}, checksum is WRONG", "reinstall the package; a large-file pointer is no weights"
            )
        else:
            yield Line(name, f"{_mb(file)}, checksum right")


def models() -> Iterator[Line]:
    """The fetched models of the 2D detector."""
    from pose3d_ros.detectors import files

    for model in files.KNOWN:
        fault = files.state(model)
        file = files.folder() / model.name
        if not fault:
            yield Line(model.name, f"{_mb(file)}, checksum right")
        elif file.exists():
            yield Line(model.name, f"DAMAGED: {fault}", files.FETCH)
        else:
            yield Line(model.name, "not fetched", f"the detector node: {files.FETCH}", absent=True)


def _mb(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "system without os-release"

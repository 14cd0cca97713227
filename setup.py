"""The part that needs no ROS, for plain pip: training, evaluation, the command line. On a robot: CMakeLists.txt.

Weights and settings go to <prefix>/share/pose3d_ros, where colcon puts them too (see pose3d_ros/core/paths.py).
"""

from glob import glob
from os.path import isfile

from setuptools import setup

SHARE = "share/pose3d_ros"


def files(pattern: str) -> list[str]:
    """The files that match, no folders."""
    return sorted(filter(isfile, glob(pattern)))


setup(
    data_files=[
        (SHARE, ["package.xml", "LICENSE", "NOTICE"]),
        (f"{SHARE}/config", files("config/*")),
        (f"{SHARE}/config/robots", files("config/robots/*")),
        (f"{SHARE}/config/separation", files("config/separation/*")),
        (f"{SHARE}/weights", files("weights/*")),
    ],
)

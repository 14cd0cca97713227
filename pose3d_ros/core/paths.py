"""Where the package's data lies: weights, settings, the demo bag."""

from pathlib import Path

from pose3d_ros.core.errors import Pose3DError


def share_dir() -> Path:
    """The folder that holds `weights/` and `config/`.

    The source tree where the package runs from there (also by an editable install), else `share/pose3d_ros` of the
    prefix into which colcon or pip installed it. Raises Pose3DError where neither exists.
    """
    for folder in Path(__file__).parents:
        if (folder / "package.xml").is_file() and (folder / "msg").is_dir():
            return folder
        installed = folder / "share" / "pose3d_ros"
        if installed.is_dir():
            return installed
    raise Pose3DError(
        f"no share/pose3d_ros beside or above {Path(__file__).parent}: expected the source tree or an installation "
        "with its data files; install with colcon or pip, not by copying the Python files"
    )

"""Metric 3D skeletons and hand poses from 2D keypoints, online and under occlusion.

`Pipeline` is the main path; everything ROS lives in `pose3d_ros.ros`. The names below are what most programs need; they
are imported on first use, so that who only wants messages loads neither torch nor numpy.
"""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pose3d_ros.core.types import Keypoints2D, Person2D, Skeletons3D
    from pose3d_ros.geometry.camera import Camera
    from pose3d_ros.models.registry import load
    from pose3d_ros.pipeline import Pipeline
    from pose3d_ros.settings import BodyConfig, PipelineConfig

# The generated messages (pose3d_ros.msg) may lie in another folder than the sources; both are this package.
__path__ = extend_path(__path__, __name__)

__all__ = ["BodyConfig", "Camera", "Keypoints2D", "Person2D", "Pipeline", "PipelineConfig", "Skeletons3D", "load"]
_WHERE = {
    "BodyConfig": "settings", "Camera": "geometry.camera", "Keypoints2D": "core.types", "Person2D": "core.types",
    "Pipeline": "pipeline", "PipelineConfig": "settings", "Skeletons3D": "core.types", "load": "models.registry",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"pose3d_ros.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]

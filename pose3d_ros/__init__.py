"""Metric 3D skeletons and hand poses from 2D keypoints, online and under occlusion.

`Pipeline` is the main path; everything ROS lives in `pose3d_ros.ros`.
"""

from pkgutil import extend_path

# The generated messages (pose3d_ros.msg) may lie in another folder than the sources; both are this package.
__path__ = extend_path(__path__, __name__)


def __getattr__(name: str):
    """`from pose3d_ros import Pipeline` without loading torch for those who only want messages."""
    if name in __all__:
        from pose3d_ros import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Pipeline", "PipelineConfig"]

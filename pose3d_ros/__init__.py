"""Metric 3D skeletons and hand poses from 2D keypoints, online and under occlusion.

`Pipeline` is the main path; everything ROS lives in `pose3d_ros.ros`.
"""

from pkgutil import extend_path

# The generated messages (pose3d_ros.msg) may lie in another folder than the sources; both are this package.
__path__ = extend_path(__path__, __name__)

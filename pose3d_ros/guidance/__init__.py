"""Occlusion guidance: hidden joints are filled from time, with a confidence that falls with distance."""

from pose3d_ros.guidance.fill import GuidanceConfig, fill

__all__ = ["GuidanceConfig", "fill"]

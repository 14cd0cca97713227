"""Smallest stand-ins for ROS packages that may be missing; imported by `pose3d_ros.ros.compat` only."""

"""Recordings: reading rosbag2 of any kind, truth, and making synthetic ones. No ROS installation needed."""

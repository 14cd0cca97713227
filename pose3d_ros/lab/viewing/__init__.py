"""Images, videos and a report from a recorded bag. Needs no ROS: rosbags reads, OpenCV draws."""

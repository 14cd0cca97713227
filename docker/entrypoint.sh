#!/bin/bash
# The environment of ROS, of torch and of this package, then the command.
set -e
. "/opt/ros/$ROS_DISTRO/setup.bash"
. /venv/bin/activate
. /ws/install/setup.bash
exec "$@"

# source tools/env.sh [DISTRO]
#
# The environment in which everything of this repository runs without a ROS installation: the virtual environment with
# the ROS wheels, and the messages that colcon built against them. On a robot, source the workspace's setup file instead.

_distro="${1:-${DISTRO:-jazzy}}"
_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if [ "$_distro" = jazzy ]; then _venv="$_root/.venv" _install="$_root/install"
else _venv="$_root/.venv-$_distro" _install="$_root/.venv-$_distro/ws/install"; fi

# A sourced ROS installation would mix its Python and libraries with those of the wheels.
unset PYTHONPATH PYTHONHOME COLCON_PREFIX_PATH COLCON_CURRENT_PREFIX AMENT_CURRENT_PREFIX ROS_PACKAGE_PATH
LD_LIBRARY_PATH="$(printf %s "${LD_LIBRARY_PATH:-}" | tr : '\n' | sed -e '/\/opt\/ros/d' -e "\|^$_root|d" | paste -sd: -)"

# The wheels start each interpreter twice to set LD_LIBRARY_PATH, and mark that in this variable. Inherited from an
# interpreter of another environment the mark is wrong, and rclpy would not find its libraries.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE

export VIRTUAL_ENV="$_venv" PATH="$_venv/bin:$PATH" LD_LIBRARY_PATH
export AMENT_PREFIX_PATH="$_venv" CMAKE_PREFIX_PATH="$_venv"  # the wheels do not set them
export ROS_DISTRO="$_distro" ROS_VERSION=2 ROS_PYTHON_VERSION=3 RMW_IMPLEMENTATION=rmw_fastrtps_cpp
export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"

# colcon's file reads variables that may be unset
case $- in *u*) _strict=1; set +u ;; *) _strict= ;; esac
if [ -f "$_install/local_setup.bash" ]; then . "$_install/local_setup.bash"; fi
_tf="$_root/build/tf2_msgs/install/local_setup.bash"  # make tf
if [ "$_distro" = jazzy ] && [ -f "$_tf" ]; then . "$_tf"; fi
if [ -n "$_strict" ]; then set -u; fi
unset _tf _distro _root _venv _install _strict

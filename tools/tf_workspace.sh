#!/bin/bash
# tools/tf_workspace.sh: builds tf2_msgs, which the wheels lack, so that tests run TF for real. A robot has the package.
#
# Its one message that matters, as published with ROS 2 (geometry2, BSD-3-Clause): an array of stamped transforms.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
set +u; . tools/env.sh; set -u
if python -c "import tf2_msgs.msg" 2>/dev/null; then exit 0; fi
base="build/tf2_msgs"
source="$base/src/tf2_msgs"
mkdir -p "$source/msg"
echo "geometry_msgs/TransformStamped[] transforms" >"$source/msg/TFMessage.msg"
cat >"$source/package.xml" <<'XML'
<?xml version="1.0"?>
<package format="3">
  <name>tf2_msgs</name>
  <version>0.0.0</version>
  <description>The message of TF, for tests.</description>
  <maintainer email="pose3d_ros@example.com">pose3d_ros</maintainer>
  <license>BSD-3-Clause</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <depend>geometry_msgs</depend>
  <build_depend>rosidl_default_generators</build_depend>
  <exec_depend>rosidl_default_runtime</exec_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
XML
cat >"$source/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(tf2_msgs)
find_package(ament_cmake REQUIRED)
find_package(geometry_msgs REQUIRED)
find_package(rosidl_default_generators REQUIRED)
rosidl_generate_interfaces(${PROJECT_NAME} msg/TFMessage.msg DEPENDENCIES geometry_msgs)
ament_package()
CMAKE
touch "$base/COLCON_IGNORE"  # the main build leaves it alone
colcon --log-base "$base/log" build --paths "$source" --build-base "$base/build" --install-base "$base/install" \
    --cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE="$(command -v python)"
echo "tf2_msgs is in $base/install; source its local_setup.bash after tools/env.sh"

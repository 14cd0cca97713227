# Jetson with JetPack 7 (Ubuntu 24.04, CUDA 13, Jazzy): docker build -f docker/jetson.Dockerfile -t pose3d_ros:jetson .
# Run with --runtime nvidia. Versions belong together: torch, torch_tensorrt and the TensorRT of JetPack (docs/engines.md).
# Not built by our CI: it has neither an engine for containers nor a Jetson.
ARG BASE=ros:jazzy-ros-base
FROM ${BASE}
ARG TORCH="torch==2.12.*"
ARG TORCH_TENSORRT="torch_tensorrt==2.12.*"
SHELL ["/bin/bash", "-c"]
ENV DEBIAN_FRONTEND=noninteractive NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY package.xml /ws/src/pose3d_ros/package.xml
RUN apt-get update \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths /ws/src --ignore-src -y --skip-keys "rviz2" \
 && apt-get install -y --no-install-recommends python3-venv python3-pip \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --system-site-packages /venv \
 && /venv/bin/pip install --no-cache-dir "${TORCH}" "${TORCH_TENSORRT}" "safetensors>=0.4,<1" "numpy>=1.26,<3" \
 && touch /venv/COLCON_IGNORE
COPY . /ws/src/pose3d_ros
RUN . /opt/ros/"$ROS_DISTRO"/setup.bash && . /venv/bin/activate && cd /ws \
 && python -m colcon build --packages-select pose3d_ros --cmake-args -DBUILD_TESTING=OFF -DWITH_LAB=OFF
COPY docker/entrypoint.sh /entrypoint.sh
RUN useradd --create-home robot && chown -R robot /ws/install
USER robot
ENTRYPOINT ["/entrypoint.sh"]
CMD ["ros2", "launch", "pose3d_ros", "pose3d.launch.py"]

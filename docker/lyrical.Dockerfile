# ROS 2 Lyrical with this package, for a desktop CPU: docker build -f docker/lyrical.Dockerfile -t pose3d_ros:lyrical .
# A CUDA image: --build-arg BASE=<an image with CUDA and ROS 2 Lyrical> --build-arg TORCH="torch>=2.8,<3"
ARG BASE=ros:lyrical-ros-base
FROM ${BASE}
ARG TORCH="torch>=2.4,<3"
SHELL ["/bin/bash", "-c"]
ENV DEBIAN_FRONTEND=noninteractive
COPY package.xml /ws/src/pose3d_ros/package.xml
RUN apt-get update \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths /ws/src --ignore-src -y --skip-keys "rviz2" \
 && apt-get install -y --no-install-recommends python3-venv python3-pip \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --system-site-packages /venv \
 && /venv/bin/pip install --no-cache-dir "${TORCH}" "safetensors>=0.4,<1" "openvino>=2025.1,<2027" "numpy>=1.26,<3" \
 && touch /venv/COLCON_IGNORE
COPY . /ws/src/pose3d_ros
RUN . /opt/ros/"$ROS_DISTRO"/setup.bash && . /venv/bin/activate && cd /ws \
 && python -m colcon build --packages-select pose3d_ros --cmake-args -DBUILD_TESTING=OFF -DWITH_LAB=OFF
COPY docker/entrypoint.sh /entrypoint.sh
# nothing here needs root at run time
RUN useradd --create-home robot && chown -R robot /ws/install
USER robot
ENTRYPOINT ["/entrypoint.sh"]
CMD ["ros2", "launch", "pose3d_ros", "pose3d.launch.py"]

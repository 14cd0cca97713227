"""`Frames`: where the camera is, where up is, and the frame in which results go out. TF at the stamps of images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rclpy.duration import Duration
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Imu

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.geometry.transform import transformed
from pose3d_ros.ros import compat, qos
from pose3d_ros.ros.lifecycle import ManagedNode

CACHE_S = 30.0  # of transforms: longer than any window
PATIENCE = 5  # transforms that are missing in a row
IMU_SMOOTHING = 0.05  # share of a new reading: what accelerates the robot is not gravity
GRAVITY_M_S2 = 4.0, 16.0  # a reading outside is no gravity


@dataclass(frozen=True)
class FramesConfig:
    """How the camera's frame hangs together with others."""

    fixed: str = param("", "TF frame that does not move with the robot, such as odom; empty = the camera stands still")
    output: str = param("", "TF frame in which everything is published, such as base_link; empty = the camera's")
    gravity: str = param(
        "fixed", "where up comes from: z of frames.fixed, the topic imu (sensor_msgs/Imu), or a camera that is tilted "
        "by frames.tilt_deg; none = unknown", choices=("none", "fixed", "imu", "tilt"),
    )  # fmt: skip
    tilt_deg: float = param(
        0.0, "the camera looks down by so much, without roll", unit="deg", low=-90.0, high=90.0, live=True
    )
    floor: bool = param(
        False, "people walk on a floor: at floor_z_m of frames.fixed, or camera_height_m below", live=True
    )
    floor_z_m: float = param(0.0, "height of the floor in frames.fixed", unit="m", low=-100.0, high=100.0, live=True)
    camera_height_m: float = param(
        0.0, "of a camera without frames.fixed above the floor; 0 = unknown", unit="m", low=0.0, high=100.0, live=True
    )
    prefix: str = param("", "before the names of TF frames that are published, one for each camera")
    wait_s: float = param(
        0.05, "longest wait for the transform of an image's stamp; then the camera is taken to stand still", unit="s",
        low=0.0, high=1.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


class Frames:
    """Listens to TF where a frame is configured. `pose` and `placed` are called in the worker's thread.

    `blame(name, text)` takes what is wrong. Raises ConfigError where TF is asked for and not installed.
    """

    def __init__(self, node: ManagedNode, config: FramesConfig, blame: Callable[[str, str], None]) -> None:
        self._node, self.config, self._blame = node, config, blame
        self._up: np.ndarray | None = None  # in the frame of the Imu
        self._imu_frame = ""
        self._buffer = self._listener = self._imu = None
        self._missed = 0
        if config.fixed or config.output or config.gravity == "imu":
            self._buffer = compat.Buffer(cache_time=Duration(seconds=CACHE_S), node=node)
            try:
                self._listener = compat.TransformListener(self._buffer, node)
            except ImportError as error:
                raise ConfigError(f"frames: {error}") from None
        if config.gravity == "imu":
            self._imu = qos.subscribe(
                node, Imu, "imu", self._on_imu, qos.LATEST, lambda text: blame("QoS of imu", text)
            )

    def pose(self, stamp_ns: int, camera_frame: str) -> CameraPose | None:
        """Of the camera at the stamp of an image; None where nothing is configured, or known yet."""
        config, T = self.config, None
        if config.fixed:
            T = self._transform(config.fixed, camera_frame, stamp_ns)
            if T is None:
                return None
        up = self._gravity(T, camera_frame)
        if T is None and up is None:
            return None
        return CameraPose(np.eye(4) if T is None else T, up, self._height(T, up))

    def placed(self, result: Skeletons3D) -> Skeletons3D | None:
        """The result in `frames.output` at its stamp; None where that is not known: better nothing than elsewhere."""
        if not self.config.output or self.config.output == result.frame_id:
            return result
        T = self._transform(self.config.output, result.frame_id, result.stamp_ns)
        return None if T is None else transformed(result, T, self.config.output)

    def close(self) -> None:
        """Stop listening."""
        if self._listener:
            self._listener.unregister()
        if self._imu:
            self._node.destroy_subscription(self._imu)
        self._listener = self._imu = None

    def _gravity(self, T: np.ndarray | None, camera_frame: str) -> np.ndarray | None:
        """Up in the axes of the camera."""
        config = self.config
        if config.gravity == "fixed" and T is not None:
            return T[2, :3]
        if config.gravity == "tilt":
            tilt = np.deg2rad(config.tilt_deg)
            return np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
        if config.gravity == "imu" and self._up is not None:
            turn = self._transform(camera_frame, self._imu_frame, 0)
            return None if turn is None else turn[:3, :3] @ self._up
        return None

    def _height(self, T: np.ndarray | None, up: np.ndarray | None) -> float | None:
        """Of the camera above the floor; None where that is unknown, or makes no sense."""
        config = self.config
        if not config.floor or up is None:
            return None
        height_m = config.camera_height_m if T is None else T[2, 3] - config.floor_z_m
        if height_m <= 0:
            if T is not None:
                self._blame("floor", f"the floor is {-height_m:.2f} m above the camera: check frames.floor_z_m")
            return None
        return float(height_m)

    def _transform(self, target: str, source: str, stamp_ns: int) -> np.ndarray | None:
        """(4, 4) from TF, waiting up to `wait_s`; None and blame where there is none."""
        try:
            # who never has an answer is not waited for, frame by frame
            wait = Duration(seconds=self.config.wait_s if self._missed < PATIENCE else 0)
            found = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns), wait).transform
            t, q = found.translation, found.rotation
            T = np.eye(4)
            T[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
            T[:3, 3] = t.x, t.y, t.z
        except (compat.TransformException, ValueError) as error:  # ValueError: a quaternion of length 0
            self._missed += 1
            self._blame("TF", f"no transform from {source} to {target}: {error}")
            return None
        self._missed = 0
        if not np.isfinite(T).all():
            self._blame("TF", f"the transform from {source} to {target} is not finite")
            return None
        return T

    def _on_imu(self, msg: Imu) -> None:
        force = np.array([msg.linear_acceleration.x, msg.linear_acceleration.y, msg.linear_acceleration.z])
        size = np.linalg.norm(force)
        if not GRAVITY_M_S2[0] < size < GRAVITY_M_S2[1]:  # also refuses NaN
            self._blame(
                "imu", f"its acceleration of {size:.1f} m/s^2 is no gravity: free fall, a shock, or another unit"
            )
            return
        up = force / size
        known = self._up is not None and self._imu_frame == msg.header.frame_id
        self._up = up if not known else (1 - IMU_SMOOTHING) * self._up + IMU_SMOOTHING * up
        self._imu_frame = msg.header.frame_id

"""`Pose3D`: hands or body of the person before a camera drive a robot of config/robots under LeRobot.

    pip install -e . -e examples/lerobot_teleoperator_pose3d && pose3d detector fetch
    lerobot-teleoperate --teleop.type=pose3d --teleop.robot=leap:right --robot.type=...

An action is {"<joint>.pos": rad}. LeRobot asks for actions all the time: while the person is lost, stale or unsure the
last one is given again, so the robot holds still, and `reason` says why. Not a safety function.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lerobot.teleoperators.config import TeleoperatorConfig
from lerobot.teleoperators.teleoperator import Teleoperator

from pose3d_ros.control.config import load
from pose3d_ros.control.driver import JointDriver
from pose3d_ros.control.follow import FollowConfig
from pose3d_ros.control.robots import Robots
from pose3d_ros.core.errors import ConfigError, EngineError, InputError
from pose3d_ros.core.types import Keypoints2D, Skeletons3D

END_S = 5.0


@TeleoperatorConfig.register_subclass("pose3d")
@dataclass
class Pose3DConfig(TeleoperatorConfig):
    """Which robot, and which camera looks at the person."""

    robot: str = "leap:right"
    camera: int = 0
    fov_deg: float = 60.0  # horizontal
    patience_s: float = 30.0  # for the first command


class Pose3D(Teleoperator):
    """`frames(config)` gives results of the pipeline until it is closed; it exists for tests."""

    config_class = Pose3DConfig
    name = "pose3d"

    def __init__(self, config: Pose3DConfig, frames: Callable[[Pose3DConfig], Iterator[Skeletons3D]] | None = None):
        super().__init__(config)
        self.config = config
        self._frames = frames or camera_frames
        self._robots = Robots((config.robot,), FollowConfig())
        self._driver = self._robots.drivers[load(config.robot).name]
        if not isinstance(self._driver, JointDriver):
            raise ConfigError(f"robot {config.robot}: expected one that takes joints, got an arm")
        self._action: dict[str, float] = {}
        self._news, self._stopped, self._error = threading.Event(), threading.Event(), ""
        self._thread: threading.Thread | None = None

    @property
    def action_features(self) -> dict[str, type]:
        return {f"{name}.pos": float for name in self._driver.published_names}

    @property
    def feedback_features(self) -> dict[str, type]:
        return {}

    @property
    def is_connected(self) -> bool:
        return self._thread is not None

    @property
    def is_calibrated(self) -> bool:
        return True

    @property
    def reason(self) -> str:
        """Why the robot holds still, "" while the person drives it."""
        return self._error or self._driver.reason

    def connect(self, calibrate: bool = True) -> None:
        """Starts the camera and closes the clutch: who is nearest drives."""
        if self.is_connected:
            return
        self._stopped.clear()
        self._news.clear()
        self._robots.close_clutch()
        self._thread = threading.Thread(target=self._run, name="pose3d", daemon=True)
        self._thread.start()

    def calibrate(self) -> None:
        """Nothing to do: hands and bodies are measured."""

    def configure(self) -> None:
        """Nothing to do."""

    def get_action(self) -> dict[str, Any]:
        """The newest command; before the first one it is waited for. Raises EngineError where none comes."""
        if not self.is_connected:
            raise EngineError("pose3d: connect() first")
        if not self._news.wait(self.config.patience_s) or not self._action:
            raise EngineError(f"pose3d: no command within {self.config.patience_s:.0f} s: {self.reason}")
        return dict(self._action)

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """Nothing to feel."""

    def disconnect(self) -> None:
        """Ends the camera."""
        self._stopped.set()
        if self._thread:
            self._thread.join(END_S)
            self._thread = None
        self._robots.open_clutch()

    def _run(self) -> None:
        try:
            for result in self._frames(self.config):
                if self._stopped.is_set():
                    return
                for command in self._robots.push(result).values():
                    joints = zip(command.names, command.position_rad, strict=True)
                    self._action = {f"{name}.pos": float(at) for name, at in joints}
                    self._news.set()
            self._error = "the camera gives no images any more"
        except Exception as error:  # LeRobot's loop must hear of it
            self._error = f"{type(error).__name__}: {error}"
        self._robots.hold(self._error)


def camera_frames(config: Pose3DConfig) -> Iterator[Skeletons3D]:
    """Detector and pipeline on a camera. Raises InputError where it cannot be opened."""
    import cv2

    from pose3d_ros import Pipeline, detectors
    from pose3d_ros.geometry.camera import Camera

    video = cv2.VideoCapture(config.camera)
    if not video.isOpened():
        raise InputError(f"cannot open camera {config.camera}: is it connected, used elsewhere?")
    detector, pipeline = detectors.make(), Pipeline()
    try:
        while True:
            read, bgr = video.read()
            if not read:
                return
            stamp_ns, (height, width) = time.time_ns(), bgr.shape[:2]
            people = detector.detect(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), stamp_ns)
            frame = Keypoints2D(stamp_ns, people, "camera_optical_frame", width, height)
            yield pipeline.push(frame, Camera.from_fov(width, height, config.fov_deg))
    finally:
        video.release()
        detector.close()
        pipeline.close()

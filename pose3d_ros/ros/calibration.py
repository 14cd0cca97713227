"""`Calibration`: the camera of the keypoints' image, from camera_info messages that come late, change, or are wrong."""

from sensor_msgs.msg import CameraInfo

from pose3d_ros.core.errors import CameraError
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.ros import conversions
from pose3d_ros.ros.lifter_config import CameraConfig


class Calibration:
    """The latest usable camera. It stays the same object while the calibration stays the same, so that what is
    computed for a camera can be kept."""

    def __init__(self) -> None:
        self.camera: Camera | None = None
        self.assumed: Camera | None = None  # in use where camera_info is missing and a field of view is given
        self._problem = ""

    def update(self, msg: CameraInfo, config: CameraConfig) -> bool:
        """True when the camera changed. Raises CameraError where the message holds no calibration."""
        try:
            camera = conversions.camera_from_msg(msg, config.rectified)
        except CameraError as error:
            self.camera, self._problem = None, str(error)
            raise
        changed = camera != self.camera
        if changed:
            self.camera, self.assumed, self._problem = camera, None, ""
        return changed

    def of(self, frame: Keypoints2D, config: CameraConfig) -> Camera:
        """The camera of this frame. Raises CameraError where there is none yet, or it is that of another image."""
        if self.camera:
            self.camera.check_image(frame.width, frame.height)
            return self.camera
        if not (config.fallback_fov_deg and frame.width and frame.height):
            raise CameraError(self._problem or "no camera_info has arrived")
        assumed = Camera.from_fov(frame.width, frame.height, config.fallback_fov_deg)
        if assumed != self.assumed:
            self.assumed = assumed
        return self.assumed

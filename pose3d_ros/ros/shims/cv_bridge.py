"""Stand-in for cv_bridge: messages to arrays and back, on `pose3d_ros.ros.images`."""

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from pose3d_ros.core.errors import InputError
from pose3d_ros.ros import images

FROM_BGR = {
    "bgr8": None,
    "rgb8": cv2.COLOR_BGR2RGB,
    "bgra8": cv2.COLOR_BGR2BGRA,
    "rgba8": cv2.COLOR_BGR2RGBA,
    "mono8": cv2.COLOR_BGR2GRAY,
}
DEPTHS = {"uint8": "8U", "uint16": "16U", "int16": "16S", "int32": "32S", "float32": "32F", "float64": "64F"}


class CvBridgeError(TypeError):
    """A conversion is not possible."""


class CvBridge:
    """The subset of cv_bridge.CvBridge that works between colour and grey images of 8 bits, and passthrough."""

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> np.ndarray:
        """Writable array, (H, W) or (H, W, C). Raises CvBridgeError."""
        try:
            if desired_encoding in ("passthrough", img_msg.encoding):
                return images.to_array(img_msg).copy()
            return self._from_bgr(images.to_bgr(img_msg), desired_encoding)
        except InputError as error:
            raise CvBridgeError(str(error)) from error

    def compressed_imgmsg_to_cv2(self, cmprs_img_msg: CompressedImage, desired_encoding: str = "passthrough"):
        """Array as stored for "passthrough", else in the desired encoding. Raises CvBridgeError."""
        try:
            if desired_encoding == "passthrough":
                return cv2.imdecode(np.frombuffer(cmprs_img_msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
            return self._from_bgr(images.to_bgr(cmprs_img_msg), desired_encoding)
        except InputError as error:
            raise CvBridgeError(str(error)) from error

    def cv2_to_imgmsg(self, cvim: np.ndarray, encoding: str = "passthrough", header: Header | None = None) -> Image:
        """Message with the array's pixels; "passthrough" names the encoding after the array's type."""
        if not isinstance(cvim, np.ndarray):
            raise TypeError(f"expected a numpy array, got {type(cvim).__name__}")
        channels = cvim.shape[2] if cvim.ndim == 3 else 1
        native = cvim.astype(cvim.dtype.newbyteorder("="), copy=False)
        name = f"{DEPTHS.get(native.dtype.name, native.dtype.name)}C{channels}"
        try:
            msg = images.from_array(native, name if encoding == "passthrough" else encoding)
        except InputError as error:
            raise CvBridgeError(str(error)) from error
        msg.header = header or Header()
        return msg

    def cv2_to_compressed_imgmsg(self, cvim: np.ndarray, dst_format: str = "jpg") -> CompressedImage:
        """Message compressed as a file with this extension would be."""
        return CompressedImage(format=dst_format, data=cv2.imencode(f".{dst_format}", cvim)[1].tobytes())

    def _from_bgr(self, pixels: np.ndarray, encoding: str) -> np.ndarray:
        if encoding not in FROM_BGR:
            raise CvBridgeError(f"expected one of {', '.join(FROM_BGR)} or passthrough, got {encoding!r}")
        code = FROM_BGR[encoding]
        return pixels if code is None else cv2.cvtColor(pixels, code)

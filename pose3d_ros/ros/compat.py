"""ROS packages that the PyPI wheels lack, imported in one place.

The real package where it imports; otherwise (also where cv_bridge fails because of NumPy 2) the smallest stand-in with
the same behaviour. `STAND_INS` names those in use.
"""

STAND_INS: list[str] = []

try:
    from cv_bridge import CvBridge, CvBridgeError
    from cv_bridge.boost import cv_bridge_boost  # noqa: F401 - its C extension is what fails with another NumPy
except (ImportError, AttributeError):  # AttributeError: built for NumPy 1, run with 2
    from pose3d_ros.ros.shims.cv_bridge import CvBridge, CvBridgeError

    STAND_INS.append("cv_bridge")

try:
    from message_filters import Subscriber
except ImportError:
    from pose3d_ros.ros.shims.message_filters import Subscriber

    STAND_INS.append("message_filters")

try:
    from tf2_ros import Buffer, TransformBroadcaster, TransformException, TransformListener
except ImportError:
    from pose3d_ros.ros.shims.tf2_ros import Buffer, TransformBroadcaster, TransformException, TransformListener

    STAND_INS.append("tf2_ros")

try:
    from diagnostic_updater import DiagnosticStatusWrapper, Updater
except ImportError:
    from pose3d_ros.ros.shims.diagnostic_updater import DiagnosticStatusWrapper, Updater

    STAND_INS.append("diagnostic_updater")

__all__ = [
    "STAND_INS",
    "Buffer",
    "CvBridge",
    "CvBridgeError",
    "DiagnosticStatusWrapper",
    "Subscriber",
    "TransformBroadcaster",
    "TransformException",
    "TransformListener",
    "Updater",
]

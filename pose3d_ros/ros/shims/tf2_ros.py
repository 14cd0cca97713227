"""Stand-in for tf2_ros: the transform broadcaster, where tf2_msgs at least exists."""

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None


class TransformBroadcaster:
    """Publishes on /tf. Raises ImportError with what to do where not even the message type is installed."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        if TFMessage is None:
            raise ImportError("TF needs the package tf2_msgs, which is not installed: install it, or leave TF off")
        self.pub_tf = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100) if qos is None else qos)

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        single = isinstance(transform, TransformStamped)
        self.pub_tf.publish(TFMessage(transforms=[transform] if single else list(transform)))

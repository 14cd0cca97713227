"""/tf and /tf_static into a `TransformTree`, where tf2_msgs is installed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pose3d_ros.geometry.transform_tree import TransformTree, transform
from pose3d_ros.ros import qos
from pose3d_ros.ros.lifecycle import ManagedNode

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None


def listen(node: ManagedNode, tree: Callable[[], TransformTree], now_s: Callable[[], float]) -> list[Any]:
    """Subscriptions that fill the tree; none where tf2_msgs is not installed. Edges are as old as their arrival."""
    if not TFMessage:
        return []

    def take(msg: Any, static: bool) -> None:
        for edge in msg.transforms:
            t, q = edge.transform.translation, edge.transform.rotation
            T = transform(np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w]))
            tree().set(edge.header.frame_id, edge.child_frame_id, T, None if static else now_s())

    return [
        node.create_subscription(TFMessage, "/tf", node.guarded(lambda msg: take(msg, False)), qos.reliable(100)),
        node.create_subscription(TFMessage, "/tf_static", node.guarded(lambda msg: take(msg, True)), qos.latched(100)),
    ]


listen.available = TFMessage is not None

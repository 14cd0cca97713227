"""This package's own messages."""

from dataclasses import replace

from pose3d_ros.adapters.base import Adapter, Context
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.messages import Message, keypoints_from_msg, skeletons_from_msg


def keypoints(msg: Message, context: Context) -> Keypoints2D:
    """Skeleton2DArray; bad people are left out."""
    frame, reasons = keypoints_from_msg(msg)
    for reason in reasons:
        context.skipped[f"{context.topic}: {reason.partition('): ')[2]}"] += 1
    return replace(frame, stamp_ns=context.stamp_ns)


def skeletons(msg: Message, context: Context) -> Skeletons3D:
    """Skeleton3DArray."""
    return replace(skeletons_from_msg(msg), stamp_ns=context.stamp_ns)


ADAPTERS = (
    Adapter("pose3d_ros/msg/Skeleton2DArray", keypoints=keypoints),
    Adapter("pose3d_ros/msg/Skeleton3DArray", skeletons=skeletons),
)

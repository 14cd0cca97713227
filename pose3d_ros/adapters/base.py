"""What an adapter is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pose3d_ros.adapters.joints import JointMap
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.messages import Message


@dataclass
class Context:
    """What a message does not say itself. `stamp_ns` is its own stamp, or its arrival where it has none; `joints` names
    the skeleton wanted and where its joints are, for messages that do not say."""

    topic: str
    stamp_ns: int
    camera: Camera | None = None
    joints: JointMap = field(default_factory=JointMap)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Adapter:
    """How a message type is read. Functions raise Pose3DError for a message of no use, and count in
    `Context.skipped` the parts of no use.

    `skeletons` gives joints in the frame that the message's header names. `per_person`: one topic for each person.
    `needs_map`: the message does not say what its points are.
    """

    msgtype: str
    keypoints: Callable[[Message, Context], Keypoints2D] | None = None
    skeletons: Callable[[Message, Context], Skeletons3D] | None = None
    per_person: bool = False
    needs_map: bool = False

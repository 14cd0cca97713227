"""What an adapter is."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pose3d_ros.adapters.joints import JointMap, keypoints_of
from pose3d_ros.core.types import Keypoints2D, Person2D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.messages import Message

UNSCORED = "a person without any score counts as unseen"


@dataclass
class Context:
    """What a message does not say itself. `stamp_ns` is its own stamp, or its arrival where it has none; `joints` names
    the skeleton wanted and where its joints are, for messages that do not say."""

    topic: str
    stamp_ns: int
    camera: Camera | None = None
    joints: JointMap = field(default_factory=JointMap)
    skipped: Counter[str] = field(default_factory=Counter)
    assumed_score: float = 0.0  # of people whose source sends no scores; 0 = nothing of them counts as seen

    def person(self, joints: Mapping[str, tuple[float, float, float]], format: str, id: str = "") -> Person2D:
        """`keypoints_of`; a person without any score is counted, or has the assumed one."""
        if joints and not any(score > 0 for _, _, score in joints.values()):
            if self.assumed_score:
                joints = {name: (x, y, self.assumed_score) for name, (x, y, _) in joints.items() if (x, y) != (0, 0)}
            else:
                self.skipped[f"{self.topic}: {UNSCORED}"] += 1
        return keypoints_of(joints, format, id)


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

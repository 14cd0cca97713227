"""The demo with eyes: which weights refine, and what came of it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rosbags.highlevel import AnyReader

from pose3d_ros.core.types import Method
from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.models import checkpoint, registry
from pose3d_ros.ros.demo import topics
from pose3d_ros.settings import RefineConfig
from pose3d_ros.stages.body_image import BodyRefiner
from pose3d_ros.stages.hand_image import HandRefiner
from pose3d_ros.stages.image_refiner import RefineReason

SO_FAR = "reasons so far"
LATE = "image"  # the node's reason for keypoints whose image did not come


def weights(body: str = "", hands: str = "") -> dict[str, str]:
    """Parameters of pose_vit_node: the weights given, else the node's own. Raises CheckpointError."""
    own = RefineConfig()
    found = {"refine.body": body or own.body, "refine.hands": hands or own.hands}
    for name in filter(None, found.values()):
        checkpoint.read_header(registry.find(name))
    return {parameter: name for parameter, name in found.items() if name}


def summary(bag: Path) -> Iterator[str]:
    """Lines: how many answers of a recorded bag are the image's, and why the others are not."""
    recorded = Bag(bag)
    estimates = recorded.estimates()
    people = [person.method for frame in estimates.frames for person in frame.people] if estimates else []
    hands = [hand.method for of_frame in recorded.hands().values() for hand in of_frame]
    for what, methods in (("bodies", people), ("hands", hands)):
        taken = sum(method == Method.EXTPOSE for method in methods)
        yield f"{what:<7} the image's answer was taken for {taken} of {len(methods)}, the lifter's for the others"
    known = {LATE, str(RefineReason.IMAGE_SIZE)}
    known |= {reason.of(refiner.WHOM) for reason in RefineReason for refiner in (BodyRefiner, HandRefiner)}
    kept = ", ".join(f"{name} {count}" for name, count in reasons(bag).most_common() if name in known)
    yield f"why     {kept or 'nothing was told'}"


def reasons(bag: Path) -> Counter[str]:
    """How often each reason held, as the node told at the end."""
    last = ""
    with AnyReader([bag], default_typestore=typestore()) as reader:
        connections = [connection for connection in reader.connections if connection.topic in topics.DIAGNOSTICS]
        for connection, _, raw in reader.messages(connections=connections):
            for status in reader.deserialize(raw, connection.msgtype).status:
                if status.name.endswith(topics.STATUSES):
                    last = next((entry.value for entry in status.values if entry.key == SO_FAR), last)
    pairs = (part.rpartition(" ") for part in last.split("; ") if part)
    return Counter({name: int(count) for name, _, count in pairs})

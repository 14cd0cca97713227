"""Products that publish 2D keypoints: their message types and the topics they use when nobody renames them."""

from typing import NamedTuple

from pose3d_ros.adapters import Adapter, all_adapters
from pose3d_ros.core.errors import ConfigError


class Source(NamedTuple):
    """`topic` of the messages; where there is one for each person, the topic below which they lie, and `ids` the name
    below it of the list of who is there."""

    msgtype: str
    topic: str = ""
    ids: str = ""

    @property
    def adapter(self) -> Adapter:
        """How the messages are read."""
        return all_adapters()[self.msgtype]


SOURCES = {
    "yolo": Source("yolo_msgs/msg/DetectionArray", "/yolo/tracking"),
    "hri": Source("hri_msgs/msg/Skeleton2D", "/humans/bodies", "tracked"),
    "zed": Source("zed_msgs/msg/ObjectsStamped", "/zed/zed_node/body_trk/skeletons"),
}


def source_of(name: str, topic: str = "") -> Source:
    """By the name of a product or of a message type. Raises ConfigError."""
    readable = {kind: Source(kind) for kind, adapter in all_adapters().items() if adapter.keypoints}
    found = SOURCES.get(name) or readable.get(name)
    if found is None:
        raise ConfigError(f"source: expected one of {', '.join((*SOURCES, *sorted(readable)))}, got {name!r}")
    if not (topic or found.topic):
        raise ConfigError(f"topic: expected the topic of the {name} messages, got none")
    return found._replace(topic=topic or found.topic)

"""Player process: publishes a bag in real time, with the stamps that it was recorded with (rosbag2 is in no wheel).

    python -m pose3d_ros.ros.demo.player BAG [--namespace NAME] [--seconds S] [--readers N]

Says "ready" on stdout when every topic has its subscribers, waits for a line on stdin, plays, and says
"done STAMP_NS STAMP_NS ...": the stamps of all keypoint messages that were sent.
"""

import argparse
import math
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader

from pose3d_ros.core.errors import InputError
from pose3d_ros.msg import Skeleton2DArray
from pose3d_ros.ros import qos
from pose3d_ros.ros.conversions import stamp_to_ns
from pose3d_ros.ros.demo import topics
from pose3d_ros.viewing.bag import NS_PER_S, typestore

DEPTH = 10
POLL_S = 0.02  # of what discovery has found: that has no event


class Recorded(NamedTuple):
    """One message of the bag, serialized."""

    topic: str
    at_ns: int
    raw: bytes


def read(bag: Path, seconds: float = math.inf) -> list[Recorded]:
    """Messages of the demo's input topics in the order of their recording. Raises InputError where there are none."""
    kinds = {f"/{topic}": topic for topic in topics.INPUTS}
    with AnyReader([bag], default_typestore=typestore()) as reader:
        connections = [c for c in reader.connections if c.topic in kinds]
        found = [Recorded(kinds[c.topic], at, bytes(raw)) for c, at, raw in reader.messages(connections=connections)]
    if not any(message.topic == "keypoints" for message in found):
        raise InputError(f"bag {bag}: expected messages on {', '.join(kinds)}")
    return [message for message in found if message.at_ns - found[0].at_ns <= seconds * NS_PER_S]


class Player(Node):
    """Publishers of all input topics, also of those that do not occur: a recorder waits for each."""

    def __init__(self, messages: list[Recorded], namespace: str = "", **kwargs) -> None:
        super().__init__("player", namespace=namespace, **kwargs)
        self._messages = messages
        self._out: dict[str, Publisher] = {
            topic: self.create_publisher(topics.message_class(kind), topic, qos.reliable(DEPTH))
            for topic, kind in topics.INPUTS.items()
        }

    def wait_for_subscribers(self, counts: dict[str, int]) -> None:
        """Until each topic has been found by so many subscriptions (default 1)."""
        pause = threading.Event()
        while any(out.get_subscription_count() < counts.get(topic, 1) for topic, out in self._out.items()):
            pause.wait(POLL_S)

    def play(self) -> list[int]:
        """In real time; returns the stamps of the keypoint messages."""
        start, first_ns, stamps = time.monotonic(), self._messages[0].at_ns, []
        for topic, at_ns, raw in self._messages:
            time.sleep(max(0.0, start + (at_ns - first_ns) / NS_PER_S - time.monotonic()))  # the recording's own pace
            self._out[topic].publish(raw)
            if topic == "keypoints":
                stamps.append(stamp_to_ns(deserialize_message(raw, Skeleton2DArray).header.stamp))
        return stamps


def main() -> None:
    """Plays once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path)
    parser.add_argument("--namespace", default="")
    parser.add_argument("--seconds", type=float, default=math.inf, help="play only the first S seconds")
    parser.add_argument("--readers", type=int, default=1, help="subscribers of keypoints and camera_info to wait for")
    args = parser.parse_args()
    rclpy.init()
    player = Player(read(args.bag, args.seconds), args.namespace)
    player.wait_for_subscribers({"keypoints": args.readers, "camera_info": args.readers})
    print("ready", flush=True)
    sys.stdin.readline()
    stamps = player.play()
    print("done", *stamps, flush=True)
    sys.stdin.readline()  # what was sent last is delivered while this process lives
    player.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

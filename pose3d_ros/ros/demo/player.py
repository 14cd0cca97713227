"""Player process: publishes a bag at its own pace, with the stamps that it was recorded with (rosbag2 is in no wheel).

    python -m pose3d_ros.ros.demo.player BAG [--namespace NAME] [--seconds S] [--readers N] [--images] [--rate R]
                                             [--clock] [--topics JSON]

With --topics (fields of `pose3d_ros.lab.bags.types.TopicChoice`) the keypoints may be of any kind that bags are read
with, on any topic; images are not played then. --clock publishes the time of the recording on <namespace>/clock.

Says "ready" on stdout when every topic has its subscribers, waits for a line on stdin, plays, and says
"done STAMP_NS STAMP_NS ...": the stamps of all keypoint messages that were sent.
"""

import argparse
import json
import math
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosgraph_msgs.msg import Clock

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.lab.bags.reader import Bag, stamp_of
from pose3d_ros.lab.bags.types import NS_PER_S, TopicChoice
from pose3d_ros.ros import conversions, qos
from pose3d_ros.ros.demo import topics

DEPTH = 10
POLL_S = 0.02  # of what discovery has found: that has no event
CLOCK_S = 0.01  # between two messages of the clock


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


def converted(bag: Path, choice: TopicChoice, seconds: float = math.inf) -> list[Recorded]:
    """Keypoints of any kind as this package's messages, and before each the calibration that then was valid.

    Raises InputError where there are no keypoints.
    """
    found = []
    for entry in Bag(bag, choice).inputs():
        if found and entry.arrival_ns - found[0].at_ns > seconds * NS_PER_S:
            break
        frame = entry.keypoints
        if entry.camera is not None:
            info = conversions.camera_to_msg(entry.camera, frame.stamp_ns, frame.frame_id)
            found.append(Recorded("camera_info", entry.arrival_ns, serialize_message(info)))
        raw = serialize_message(conversions.keypoints_to_msg(frame))
        found.append(Recorded("keypoints", entry.arrival_ns, raw))
    if not found:
        raise InputError(f"bag {bag}: it holds no 2D keypoints that could be played")
    return found


class Player(Node):
    """Publishers of all input topics, also of those that do not occur: a recorder waits for each."""

    def __init__(
        self, messages: list[Recorded], namespace: str = "", rate: float = 1.0, clock: bool = False, **kwargs
    ) -> None:
        super().__init__("player", namespace=namespace, **kwargs)
        self._messages, self._rate = messages, rate
        self._clock = self.create_publisher(Clock, "clock", qos.reliable(1)) if clock else None
        self._out: dict[str, Publisher] = {
            topic: self.create_publisher(topics.message_class(kind), topic, qos.reliable(DEPTH))
            for topic, kind in topics.INPUTS.items()
        }

    def wait_for_subscribers(self, counts: dict[str, int]) -> None:
        """Until each topic has been found by so many subscriptions (default 1)."""
        pause = threading.Event()
        out = self._out | ({"clock": self._clock} if self._clock else {})
        while any(each.get_subscription_count() < counts.get(topic, 1) for topic, each in out.items()):
            pause.wait(POLL_S)

    def play(self) -> list[int]:
        """At `rate` times the pace of the recording; returns the stamps of the keypoint messages."""
        start, first_ns = time.monotonic(), self._messages[0].at_ns
        for topic, at_ns, raw in self._messages:
            self._wait(start + (at_ns - first_ns) / NS_PER_S / self._rate, at_ns)
            self._out[topic].publish(raw)
        return [stamp_of(raw) for topic, _, raw in self._messages if topic == "keypoints"]

    def _wait(self, due_s: float, at_ns: int) -> None:
        """Sleeps until it is time for the message that was recorded at `at_ns`; the clock goes on meanwhile."""
        while True:
            left_s = due_s - time.monotonic()
            if self._clock:
                now_ns = at_ns - round(max(left_s, 0) * self._rate * NS_PER_S)
                self._clock.publish(Clock(clock=conversions.stamp_from_ns(now_ns)))
            if left_s <= 0:
                return
            time.sleep(min(left_s, CLOCK_S) if self._clock else left_s)  # the recording's own pace


def main() -> None:
    """Plays once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path)
    parser.add_argument("--namespace", default="")
    parser.add_argument("--seconds", type=float, default=math.inf, help="play only the first S seconds")
    parser.add_argument("--readers", type=int, default=1, help="subscribers of keypoints and camera_info to wait for")
    parser.add_argument("--images", action="store_true", help="the images have as many subscribers")
    parser.add_argument("--rate", type=float, default=1.0, help="times the pace of the recording")
    parser.add_argument("--clock", action="store_true", help="publish the time of the recording")
    parser.add_argument("--topics", help="JSON object; see above")
    args = parser.parse_args()
    rclpy.init()
    if args.topics is None:
        messages = read(args.bag, args.seconds)
    else:
        messages = converted(args.bag, TopicChoice(**json.loads(args.topics)), args.seconds)
    player = Player(messages, args.namespace, args.rate, args.clock)
    read_by_all = ["keypoints", "camera_info", *(["image/compressed"] if args.images else [])]
    player.wait_for_subscribers(dict.fromkeys(read_by_all, args.readers))
    print("ready", flush=True)
    sys.stdin.readline()
    stamps = player.play()
    print("done", *stamps, flush=True)
    sys.stdin.readline()  # what was sent last is delivered while this process lives
    player.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

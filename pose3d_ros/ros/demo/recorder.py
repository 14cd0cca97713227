"""Recorder process: topics into an mcap bag, with the time at which DDS received each message.

    python -m pose3d_ros.ros.demo.recorder BAG [--namespace NAME] [--diagnostics] [--robots NAME ...]

Says "ready" on stdout when each topic has a publisher. On stdin: "until STAMP_NS" ends when skeletons of that stamp or
a later one were recorded, with --diagnostics when their node's diagnostics, which count all reasons, came after them;
"stop", or the end of stdin, ends at once. Says "end" when the bag is complete.
"""

import argparse
import sys
import threading
from functools import partial
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import StoragePlugin, Writer

from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.msg import Skeleton3DArray
from pose3d_ros.ros.conversions import stamp_to_ns
from pose3d_ros.ros.demo import topics

METADATA_VERSION = 8  # read by Humble to Lyrical
POLL_S = 0.05  # of what discovery has found: that has no event


class Recorder(Node):
    """Subscribes to `kinds` (topic -> type) and writes every message as it came, undecoded. `diagnostics`: the last
    ones are waited for, too."""

    def __init__(
        self, writer: Writer, kinds: dict[str, str], namespace: str = "", diagnostics: bool = False, **kwargs
    ) -> None:
        super().__init__("recorder", namespace=namespace, **kwargs)
        self._writer, store = writer, typestore()
        self._last_stamp_ns, self._until_ns, self._diagnostics = -1, None, diagnostics
        self.finished = threading.Event()
        for topic, kind in kinds.items():
            name = self.resolve_topic_name(topic)
            connection = writer.add_connection(name, kind, typestore=store)
            self.create_subscription(
                topics.message_class(kind),
                topic,
                partial(self._on_message, connection, topic),
                topics.profile(topic),
                raw=True,
            )
        self._poll = self.create_timer(POLL_S, self._on_poll)

    def end_after(self, stamp_ns: int) -> None:
        """`finished` is set when skeletons of this stamp, or a later one, have been written."""
        self._until_ns = stamp_ns
        if not self._diagnostics:
            self._check_end()

    def _on_message(self, connection, topic: str, raw: bytes, info: dict) -> None:
        self._writer.write(connection, info["received_timestamp"], raw)
        if topic == "skeletons":
            stamp_ns = stamp_to_ns(deserialize_message(raw, Skeleton3DArray).header.stamp)
            self._last_stamp_ns = max(self._last_stamp_ns, stamp_ns)
            if not self._diagnostics:
                self._check_end()
        elif self._diagnostics and topic in topics.DIAGNOSTICS:
            statuses = deserialize_message(raw, DiagnosticArray).status
            if any(status.name.endswith(topics.STATUSES) for status in statuses):  # others share the topic
                self._check_end()

    def _check_end(self) -> None:
        if self._until_ns is not None and self._last_stamp_ns >= self._until_ns:
            self.finished.set()

    def _on_poll(self) -> None:
        if all(subscription.get_publisher_count() for subscription in self.subscriptions):
            self.destroy_timer(self._poll)
            print("ready", flush=True)


def listen(recorder: Recorder) -> None:
    """Reads commands from stdin until there are no more; runs in a thread."""
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "stop":
            break
        if command == "until":
            recorder.end_after(int(rest[0]))
    recorder.finished.set()


def main() -> None:
    """Records until told to end, or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path, help="folder of the new bag")
    parser.add_argument("--namespace", default="")
    parser.add_argument("--diagnostics", action="store_true", help="wait for the last ones, too")
    parser.add_argument("--robots", nargs="*", default=[], help="record what these are told, too")
    args = parser.parse_args()
    rclpy.init()
    with Writer(args.bag, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = topics.INPUTS | topics.OUTPUTS | topics.DIAGNOSTICS | topics.of_robots(args.robots)
        recorder = Recorder(writer, kinds, args.namespace, args.diagnostics)
        executor = SingleThreadedExecutor()
        executor.add_node(recorder)
        threading.Thread(target=listen, args=(recorder,), daemon=True).start()
        try:
            while not recorder.finished.is_set():
                executor.spin_once(timeout_sec=0.1)
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        executor.shutdown()
        recorder.destroy_node()
    print("end", flush=True)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

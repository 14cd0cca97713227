"""The real lifter node in a process of its own, and a peer that talks to it over DDS; used by the node benchmarks."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo

from peer.people import CAMERA, RATE_HZ, frame
from pose3d_ros.msg import Skeleton2DArray, Skeleton3DArray
from pose3d_ros.ros import conversions

PATIENCE_S = 60.0


class Peer(Node):
    """Publishes keypoints at 30 Hz and notes when each was sent and its skeletons came back (seconds by stamp)."""

    def __init__(self, people: int) -> None:
        super().__init__("benchmark_peer")
        self.people, self.number = people, 0
        self.sent: dict[int, float] = {}
        self.received: dict[int, float] = {}
        self.seen_by_node = 0
        deep = QoSProfile(depth=200)
        self.info = self.create_publisher(CameraInfo, "camera_info", 1)
        self.keypoints = self.create_publisher(Skeleton2DArray, "keypoints", deep)
        self.create_subscription(Skeleton3DArray, "skeletons", self._on_skeletons, deep)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_skeletons(self, msg: Skeleton3DArray) -> None:
        self.received[conversions.stamp_to_ns(msg.header.stamp)] = time.perf_counter()

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            values = {entry.key: entry.value for entry in status.values}
            self.seen_by_node = int(values.get("received", self.seen_by_node))

    def play(self, seconds: float) -> None:
        """Sends frames at their times; a late frame is sent at once, none is left out."""
        start = time.perf_counter()
        for tick in range(round(seconds * RATE_HZ)):
            time.sleep(max(0.0, start + tick / RATE_HZ - time.perf_counter()))
            if self.number % round(RATE_HZ) == 0:
                self.info.publish(conversions.camera_to_msg(CAMERA, 0, "camera_optical_frame"))
            stamp_ns = self.get_clock().now().nanoseconds
            msg = conversions.keypoints_to_msg(frame(self.number, self.people, stamp_ns))
            self.sent[stamp_ns] = time.perf_counter()
            self.keypoints.publish(msg)
            self.number += 1

    def change(self, transition: int) -> None:
        """Asks the lifter for a transition; raises RuntimeError where it fails."""
        client = self.create_client(ChangeState, "lifter/change_state")
        if not client.wait_for_service(PATIENCE_S):
            raise RuntimeError("the lifter node did not come up")
        done = threading.Event()
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        future.add_done_callback(lambda _: done.set())
        if not (done.wait(PATIENCE_S) and future.result().success):
            raise RuntimeError(f"transition {transition} failed; see the node's log above")
        self.destroy_client(client)


@contextmanager
def session(people: int, weights: str, settings: tuple[str, ...] = ()) -> Iterator[tuple[Peer, int]]:
    """An active lifter and its peer: (peer, process id of the node)."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    values = [f"body.weights:={weights}", *settings]
    arguments = ["--ros-args", "--log-level", "warn", *(word for value in values for word in ("-p", value))]
    code = "from pose3d_ros.ros.lifter_node import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    rclpy.init()
    peer = Peer(people)
    executor = SingleThreadedExecutor()
    executor.add_node(peer)
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.2)

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        peer.change(Transition.TRANSITION_CONFIGURE)
        peer.change(Transition.TRANSITION_ACTIVATE)
        deadline = time.monotonic() + PATIENCE_S
        while not (peer.keypoints.get_subscription_count() and peer.info.get_subscription_count()):
            if time.monotonic() > deadline:
                raise RuntimeError("the lifter did not subscribe")
            time.sleep(0.05)
        peer.info.publish(conversions.camera_to_msg(CAMERA, 0, "camera_optical_frame"))
        time.sleep(0.5)
        yield peer, process.pid
    finally:
        process.terminate()
        process.wait(20)
        ended.set()
        thread.join(10)
        executor.shutdown()
        rclpy.try_shutdown()

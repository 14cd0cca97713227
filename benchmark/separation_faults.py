#!/usr/bin/env python3
"""Faults through the separation node over DDS: from the last good message to UNKNOWN or STOP, wall time.

    . tools/env.sh && python benchmark/separation_faults.py --faults 100

Skeletons at 30 Hz of somebody who stands; then a fault of each kind in turn, until the node is well again. Wall times
are of this machine and its load; the same kinds on the core, without clocks: pose3d separation --faults.
"""

import argparse
import json
import threading
import time
from collections import Counter

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.lab.evaluation.motion.separation import CHANGES, standing, with_noise
from pose3d_ros.msg import Separation, Skeleton3DArray
from pose3d_ros.ros import conversions
from pose3d_ros.ros.separation_node import SeparationNode

STEP_S, LIMIT_S, WAIT_S = 1 / 30, 0.1, 20.0
KINDS = ("source killed", "person lost", "person vanished", "marked stale", "jumped", "NaN joint", "NaN sigma")
OPTICAL = (0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5)  # a camera at the base that looks ahead


class Peer:
    """Sends skeletons and hears the answers, in the executor's thread."""

    def __init__(self) -> None:
        pose = Parameter("camera_pose", value=list(OPTICAL))
        quick = [Parameter("vanish_s", value=0.2), Parameter("hold_s", value=0.1)]
        self.watch = SeparationNode(parameter_overrides=[pose, *quick])
        self.node = rclpy.create_node("separation_peer")
        self.answers: list[tuple[float, int]] = []
        self.publisher = self.node.create_publisher(Skeleton3DArray, "skeletons", 1)
        self.node.create_subscription(Separation, "separation", self._on_answer, 10)
        self.rng = np.random.default_rng(1)
        self.base = standing(self.rng)

    def _on_answer(self, message: Separation) -> None:
        self.answers.append((time.monotonic(), message.state))

    def send(self, kind: str = "") -> float:
        """One message, spoilt or not; when it was sent."""
        result: Skeletons3D = with_noise(self.base, self.node.get_clock().now().nanoseconds, self.rng)
        if kind in CHANGES:
            result = CHANGES[kind](result, self.rng)
        message = conversions.skeletons_to_msg(result)
        self.publisher.publish(message)
        return time.monotonic()

    def until_well(self) -> float:
        """Good messages until the answer is CLEAR or SLOW; when the last one was sent."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            sent = self.send()
            time.sleep(STEP_S)
            if self.answers and self.answers[-1][1] in (Separation.CLEAR, Separation.SLOW):
                return sent
        raise TimeoutError("the node does not become well")

    def until_halt_s(self, kind: str) -> float:
        """Seconds from the last good message to UNKNOWN or STOP."""
        good, heard = self.until_well(), len(self.answers)
        if kind != "source killed":
            self.send(kind)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for at, state in self.answers[heard:]:
                if state in (Separation.UNKNOWN, Separation.STOP):
                    return at - good
            time.sleep(0.002)
        return WAIT_S


def main() -> None:
    """Runs and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=100)
    options = parser.parse_args()
    rclpy.init()
    peer, executor = Peer(), SingleThreadedExecutor()
    for node in (peer.watch, peer.node):
        executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    peer.watch.trigger_configure()
    peer.watch.trigger_activate()
    took_s, late = [], Counter()
    for number in range(options.faults):
        kind = KINDS[number % len(KINDS)]
        took_s.append(peer.until_halt_s(kind))
        late[kind] += took_s[-1] > LIMIT_S
    noticed = sum(one < WAIT_S for one in took_s)
    p50, p99 = (round(1e3 * float(np.percentile(took_s, q)), 1) for q in (50, 99))
    report = {"faults": len(took_s), "noticed": noticed, "within_100_ms": sum(one <= LIMIT_S for one in took_s)}
    print(json.dumps(report | {"ms": {"p50": p50, "p99": p99, "max": round(1e3 * max(took_s), 1)}, "late": dict(late)}))
    executor.shutdown()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

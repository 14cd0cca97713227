"""/diagnostics of a node: one status that says whether it works, else why nothing comes out and since when."""

import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType

from pose3d_ros.ros import compat
from pose3d_ros.ros.health import Health
from pose3d_ros.ros.lifecycle import ManagedNode

BEAT_S, STANDS_S = 1.0, 2.0
FULL_NAMES = "diagnostic_updater.use_fqn"
STALE = "age"  # the reason that is an ERROR although something comes out
SILENT_S = 1.0  # without input or output for so long is worth saying


class StandingClock:
    """Tells for how long ROS time has stood still, in seconds of a steady clock; 0 where it is the system's time."""

    def __init__(self, node: ManagedNode) -> None:
        self._node, self._seen_ns, self._since_s = node, -1, time.monotonic()

    def stands_s(self) -> float:
        """Seconds. Call it more often than what counts as standing."""
        now_ns, now_s = self._node.get_clock().now().nanoseconds, time.monotonic()
        if now_ns != self._seen_ns:
            self._seen_ns, self._since_s = now_ns, now_s
        return now_s - self._since_s


class Diagnostics:
    """Made once for the life of the node, so that it also tells why the node could not be configured.

    `facts()` gives further values to show (model, backend); `input_topic` is the topic without which nothing happens.
    """

    def __init__(
        self, node: ManagedNode, health: Health, input_topic: str, facts: Callable[[], dict[str, str]]
    ) -> None:
        self._node, self._health, self._facts = node, health, facts
        self._input_topic = input_topic
        namespace = node.get_namespace()
        if namespace != "/" and not node.has_parameter(FULL_NAMES):
            node.declare_parameter(FULL_NAMES, True)  # of two cameras in two namespaces
        self.updater = compat.Updater(node)
        self.updater.setHardwareID(namespace.strip("/") or "none")
        self._clock = StandingClock(node)
        self.updater.add("status", self._fill)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        if "diagnostic_updater" not in compat.STAND_INS:  # the real one counts in ROS time, which may stand still
            node.create_timer(BEAT_S, self._beat, clock=steady)

    def watch(self, input_topic: str) -> None:
        """Another topic is the one without which nothing happens."""
        self._input_topic = input_topic

    def _beat(self) -> None:
        """Publishes where a dead /clock keeps the updater from it."""
        if self._clock.stands_s() > BEAT_S:
            self.updater.force_update()

    def _fill(self, status: compat.DiagnosticStatusWrapper) -> compat.DiagnosticStatusWrapper:
        reasons = self._health.reasons()
        status.summary(*self._verdict(reasons))
        status.add("state", self._node.state)
        status.add("last error", self._node.last_error)
        for key, value in (self._facts() | self._health.figures()).items():
            status.add(key, value)
        for key, text in reasons.items():
            status.add(f"reason: {key}", text)
        return status

    def _verdict(self, reasons: dict[str, str]) -> tuple[bytes, str]:
        node = self._node
        if node.last_error:
            return DiagnosticStatus.ERROR, f"{node.state}: {node.last_error}"
        if node.state != "active":
            return DiagnosticStatus.WARN, f"{node.state}: configure and activate this node"
        input_s, output_s = self._health.silence_s()
        texts = list(reasons.values())
        if (stands_s := self._clock.stands_s()) > STANDS_S:
            topic = node.resolve_topic_name("/clock")
            stands = f"use_sim_time is true, but {topic} ({node.count_publishers(topic)} publishers) stands still"
            return DiagnosticStatus.ERROR, "; ".join([f"{stands} for {stands_s:.1f} s", *texts])
        if output_s <= SILENT_S and STALE in reasons:
            return DiagnosticStatus.ERROR, "; ".join([reasons[STALE], *(t for t in texts if t != reasons[STALE])])
        if output_s <= SILENT_S:
            return (DiagnosticStatus.WARN, "; ".join(texts)) if texts else (DiagnosticStatus.OK, "running")
        if input_s > SILENT_S:
            topic = node.resolve_topic_name(self._input_topic)
            texts.insert(0, f"no message on {topic} for {input_s:.1f} s ({node.count_publishers(topic)} publishers)")
        texts = texts or ["work in hand takes longer than that"]
        return DiagnosticStatus.ERROR, f"nothing comes out for {output_s:.1f} s: {'; '.join(texts)}"

"""Stand-in for diagnostic_updater: tasks that fill a status, published on /diagnostics once a period."""

from collections.abc import Callable
from threading import Lock
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

SHORTEST_S = 0.01


class DiagnosticStatusWrapper(DiagnosticStatus):
    """A DiagnosticStatus that is easy to fill."""

    def summary(self, *args: Any) -> None:
        """summary(status) or summary(level, message)."""
        self.level, self.message = (args[0].level, args[0].message) if len(args) == 1 else (args[0], str(args[1]))

    def clearSummary(self) -> None:
        self.summary(DiagnosticStatus.OK, "")

    def mergeSummary(self, *args: Any) -> None:
        """The higher level wins; messages of two that are both OK, or both not OK, are joined."""
        level, message = (args[0].level, args[0].message) if len(args) == 1 else args
        if (level > DiagnosticStatus.OK) == (self.level > DiagnosticStatus.OK):
            self.message = f"{self.message}; {message}" if self.message else message
        elif level > self.level:
            self.message = message
        self.level = max(level, self.level)

    def add(self, key: str, val: str) -> None:
        self.values.append(KeyValue(key=key, value=val))


class Updater:
    """Runs its tasks every `diagnostic_updater.period` seconds; each returns the status that it was given."""

    def __init__(self, node: Node, period: float = 1.0) -> None:
        self.node, self.hwid, self.lock = node, "", Lock()
        self.tasks: list[tuple[str, Callable]] = []
        self.publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 1)
        # a steady clock, unlike the real one's: simulated time may stand still, which is what must be told then
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        period_s = max(self._parameter("diagnostic_updater.period", period), SHORTEST_S)
        self.timer = node.create_timer(period_s, self.update, clock=clock)
        full_name = self._parameter("diagnostic_updater.use_fqn", False)
        self.node_name = f"{node.get_namespace()}/{node.get_name()}" if full_name else node.get_name()

    def setHardwareID(self, hwid: str) -> None:
        self.hwid = hwid

    def add(self, name: str, fn: Callable[[DiagnosticStatusWrapper], DiagnosticStatusWrapper]) -> None:
        with self.lock:
            self.tasks.append((name, fn))
        self.publish([self._status(name, DiagnosticStatus.OK, "Node starting up")])

    def removeByName(self, name: str) -> bool:
        with self.lock:
            for task in self.tasks:
                if task[0] == name:
                    self.tasks.remove(task)
                    return True
        return False

    def update(self) -> None:
        with self.lock:
            statuses = [fn(self._status(name, DiagnosticStatus.ERROR, "No message was set")) for name, fn in self.tasks]
        self.publish(statuses)

    def force_update(self) -> None:
        self.update()

    def broadcast(self, lvl: bytes, msg: str) -> None:
        """The same level and message for every task."""
        self.publish([self._status(name, lvl, msg) for name, _ in self.tasks])

    def publish(self, statuses: list[DiagnosticStatusWrapper]) -> None:
        array = DiagnosticArray()
        array.header.stamp = self.node.get_clock().now().to_msg()
        for status in statuses:
            status.name = f"{self.node_name}: {status.name}"
        array.status = [
            DiagnosticStatus(level=s.level, name=s.name, message=s.message, hardware_id=s.hardware_id, values=s.values)
            for s in statuses
        ]
        self.publisher.publish(array)

    def _status(self, name: str, level: bytes, message: str) -> DiagnosticStatusWrapper:
        return DiagnosticStatusWrapper(name=name, level=level, message=message, hardware_id=self.hwid)

    def _parameter(self, name: str, default: Any) -> Any:
        if not self.node.has_parameter(name):
            self.node.declare_parameter(name, default, ParameterDescriptor(dynamic_typing=True))
        value = self.node.get_parameter(name).value
        return value if type(value) is type(default) or (type(value), type(default)) == (int, float) else default

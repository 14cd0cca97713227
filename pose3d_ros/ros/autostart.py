"""A node that configures and activates itself, also after it was killed and started again, and tells that it lives.

Whoever asks over services may lose the answer: the first change_state after a kill -9 went unanswered for minutes. A
node that brings itself up needs nobody. Where a lifecycle manager does it, `autostart` stays false.
"""

from lifecycle_msgs.msg import State
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSProfile

FIRST_RETRY_S, LAST_RETRY_S = 2.0, 60.0
BEAT_S = 0.5
HELP = "the node configures and activates itself, and tries again when that fails; false where somebody else does"


class Autostart:
    """One node's way up, by timers of a steady clock. Ends once the node is active, or somebody else moved it."""

    def __init__(self, node: Node) -> None:
        self._node, self._retry_s = node, FIRST_RETRY_S
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.declare_parameter("autostart", False, ParameterDescriptor(description=HELP, dynamic_typing=True))
        self._timer = None
        if node.get_parameter("autostart").value is True:
            self._again(0.01)

    def _again(self, after_s: float) -> None:
        self._timer = self._node.create_timer(after_s, self._try, clock=self._steady)

    def _try(self) -> None:
        self._node.destroy_timer(self._timer)
        success = TransitionCallbackReturn.SUCCESS
        if self._node.state == "unconfigured":
            self._node.trigger_configure()
        if self._node.state == "inactive" and self._node.trigger_activate() == success:
            return
        if self._node.state in ("unconfigured", "inactive"):
            self._again(self._retry_s)
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)


class Heartbeat:
    """The node's state on `~/heartbeat` twice a second, as long as it can answer; none while its work hangs.

    The offered deadline lets a reader be told by the middleware when a beat is missing.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        profile = QoSProfile(depth=1, deadline=Duration(seconds=3 * BEAT_S))
        self._publisher = node.create_publisher(State, "~/heartbeat", profile)
        node.create_timer(BEAT_S, self._beat, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _beat(self) -> None:
        if self._node.context.ok() and "hang" not in self._node.health.reasons():
            number, label = self._node._state_machine.current_state
            self._publisher.publish(State(id=number, label=label))

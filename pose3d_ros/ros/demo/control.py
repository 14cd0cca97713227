"""`Control`: brings lifecycle nodes of other processes up, through their services."""

import contextlib
import threading
import time
from collections.abc import Iterator

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from pose3d_ros.core.errors import EngineError
from pose3d_ros.ros.demo.child import Child

APPEAR_S = 60.0
TRANSITION_S = 120.0  # weights load, engines may be built


class Control(Node):
    """One client for each node that is brought up."""

    def bring_up(self, name: str, child: Child) -> None:
        """Configure and activate. Raises EngineError with the end of the child's log."""
        client = self.create_client(ChangeState, f"{name}/change_state")
        deadline = time.monotonic() + APPEAR_S
        while not client.wait_for_service(0.5):
            if child.ended or time.monotonic() > deadline:
                raise child.error("ended before it could be configured" if child.ended else "did not appear")
        for label, transition in (
            ("configure", Transition.TRANSITION_CONFIGURE),
            ("activate", Transition.TRANSITION_ACTIVATE),
        ):
            if not self._ask(client, transition):
                raise child.error(f"could not {label}")
        self.destroy_client(client)

    @staticmethod
    def _ask(client, transition: int) -> bool:
        done = threading.Event()
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        future.add_done_callback(lambda _: done.set())
        return done.wait(TRANSITION_S) and future.result().success


@contextlib.contextmanager
def control(namespace: str) -> Iterator[Control]:
    """A node whose executor spins in a thread, in a context of its own."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Control("demo", namespace=namespace, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, name="demo executor", daemon=True)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown(timeout_sec=5)
        node.destroy_node()
        context.try_shutdown()
        thread.join(5)
        if thread.is_alive():
            raise EngineError("the demo's executor did not end")

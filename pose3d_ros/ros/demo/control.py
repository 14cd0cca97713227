"""`Control`: brings lifecycle nodes of other processes up, through their services."""

import contextlib
import threading
import time
from collections.abc import Iterator
from queue import Empty, Queue

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from pose3d_ros.core.errors import EngineError
from pose3d_ros.ros.demo.child import Child

APPEAR_S = 60.0
TRANSITION_S = 900.0  # weights load, engines may be built
ANSWER_S = 5.0


class Control(Node):
    """One client for each node that is brought up."""

    def bring_up(self, name: str, child: Child) -> None:
        """Configure and activate. Raises EngineError with the end of the child's log."""
        change = self.create_client(ChangeState, f"{name}/change_state")
        get = self.create_client(GetState, f"{name}/get_state")
        deadline = time.monotonic() + APPEAR_S
        while not (change.wait_for_service(0.5) and get.wait_for_service(0.5)):
            if child.ended or time.monotonic() > deadline:
                raise child.error("ended before it could be configured" if child.ended else "did not appear")
        for label, transition, goal in (
            ("configure", Transition.TRANSITION_CONFIGURE, "inactive"),
            ("activate", Transition.TRANSITION_ACTIVATE, "active"),
        ):
            if not self._change(change, get, transition, goal):
                raise child.error(f"could not {label}")
        self.destroy_client(change)
        self.destroy_client(get)

    @staticmethod
    def _change(change, get, transition: int, goal: str) -> bool:
        """Ask for a transition. A node that has not found our reader yet drops its answer: then its state tells."""
        answers: Queue = Queue()
        change.call_async(ChangeState.Request(transition=Transition(id=transition))).add_done_callback(answers.put)
        deadline = time.monotonic() + TRANSITION_S
        while time.monotonic() < deadline:
            try:
                answer = answers.get(timeout=ANSWER_S).result()
            except Empty:
                get.call_async(GetState.Request()).add_done_callback(answers.put)
                continue
            if isinstance(answer, ChangeState.Response):
                return answer.success
            if answer.current_state.label == goal:
                return True
        return False


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

"""`ManagedNode`: a lifecycle node whose transitions never fail silently.

rclpy swallows exceptions that are raised in transition callbacks. Here each is logged with what to do, remembered for
diagnostics, and whatever the node had acquired is given back.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from lifecycle_msgs.srv import ChangeState
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.ros.autostart import Autostart, Heartbeat
from pose3d_ros.ros.health import Health

SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


class ManagedNode(LifecycleNode):
    """Base of this package's nodes. Subclasses override four plain hooks, which simply raise on trouble.

    `acquire` (configure): read parameters, load, warm up, create publishers. `start` (activate): create subscriptions.
    `stop` (deactivate): undo `start`. `release` (cleanup): undo `acquire` and free the device. `stop` and `release`
    must work on a half-built node, because they also undo a failed `acquire` or `start`.

    A Pose3DError means expected trouble: the transition FAILs and may be tried again. Anything else is an ERROR: the
    node gives everything back and lands in unconfigured.
    """

    def __init__(self, name: str, **kwargs) -> None:
        super().__init__(name, **kwargs)
        self.health = Health()
        self.last_error = ""  # of the latest failed transition, "" after one that succeeded
        self._service_change_state.callback = self._answering(self._service_change_state.callback)
        self._heartbeat, self._autostart = Heartbeat(self), Autostart(self)

    def acquire(self) -> None:
        """Called by configure."""

    def start(self) -> None:
        """Called by activate, with lifecycle publishers already active."""

    def stop(self) -> None:
        """Called by deactivate, while lifecycle publishers are still active."""

    def release(self) -> None:
        """Called by cleanup, shutdown and after errors."""

    @property
    def state(self) -> str:
        """Label of the current lifecycle state, for example "inactive"."""
        return self._state_machine.current_state[1]

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        def acquire() -> None:
            if settings := getattr(self, "_settings", None):  # of those nodes that have parameters
                settings.check()
            self.acquire()

        return self._attempt("configure", acquire, super().on_configure, state, self.release)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        def start(state: LifecycleState) -> TransitionCallbackReturn:
            LifecycleNode.on_activate(self, state)  # publishers first: `start` may publish
            self.start()
            return SUCCESS

        def undo() -> None:
            self.stop()
            LifecycleNode.on_deactivate(self, state)

        return self._attempt("activate", lambda: None, start, state, undo)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("deactivate", self.stop, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("cleanup", self.release, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.give_back()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lands in unconfigured, ready for another configure."""
        LifecycleNode.on_deactivate(self, state)
        self.give_back()
        return SUCCESS

    def give_back(self) -> None:
        """Stops and releases everything; each step runs even when the other fails."""
        for step in (self.stop, self.release):
            self._guarded(step)

    def _blame(self, key: str, text: str, lasting: bool = False, name: str = "") -> None:
        """As `Health.blame`; logged when it is news."""
        if self.health.blame(key, text, lasting, name):
            self.get_logger().warning(text)

    def _answering(self, change_state: Callable) -> Callable:
        """rclpy (Jazzy) raises out of the executor when a transition is asked for that the state does not have, which
        would end the node; a service call must be answered instead."""

        def answer(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
            try:
                return change_state(request, response)
            except RCLError as error:
                wanted = request.transition.label or request.transition.id
                self.get_logger().error(f"transition {wanted} is not possible while {self.state}: {error}")
                response.success = False
                return response

        return answer

    def _attempt(
        self,
        transition: str,
        hook: Callable[[], None],
        base: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
        undo: Callable[[], None] | None = None,
    ) -> TransitionCallbackReturn:
        try:
            hook()
            base(state)
        except Exception as error:  # rclpy would swallow it
            # Nothing can be tried again after a failed way down, so that is always an ERROR, which frees everything.
            result = FAILURE if isinstance(error, Pose3DError) and undo else ERROR
            self._report(transition, error, result)
            if undo:
                self._guarded(undo)
            return result
        self.last_error = ""
        return SUCCESS

    def _report(self, transition: str, error: Exception, result: TransitionCallbackReturn) -> None:
        self.last_error = f"{transition} failed: {type(error).__name__}: {error}"
        if result == FAILURE:
            self.get_logger().error(f"{self.last_error}. Correct this, then {transition} again.")
        else:
            self.get_logger().error(
                f"{self.last_error}. Everything was freed; the node is unconfigured.\n{traceback.format_exc()}"
            )

    def guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """The callback, whose errors are told and never end the node."""

        def call(*args: Any) -> Any:
            try:
                return callback(*args)
            except Exception as error:
                self._blame("error", f"{type(error).__name__}: {error}")
                return None

        return call

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            self.get_logger().error(f"while giving back resources: {traceback.format_exc()}")


def _spin(executor: SingleThreadedExecutor, node: ManagedNode) -> None:
    """Spins until a signal. What a callback of rclpy or ours lets through is told, and the node goes on."""
    while True:
        try:
            return executor.spin()
        except (KeyboardInterrupt, ExternalShutdownException):
            return None
        except Exception as error:
            if not node.context.ok():
                return None
            node.get_logger().error(f"a callback failed, the node goes on: {traceback.format_exc()}")
            node._blame("callback", f"{type(error).__name__}: {error}")


def run(make_node: Callable[[], ManagedNode], args: list[str] | None = None) -> NoReturn:
    """Spins one node until SIGINT or SIGTERM, gives everything back and ends the process. It never activates itself.

    One thread is enough: callbacks only store their input, a worker infers. The multi-threaded executor costs more
    processor time for the same answers.
    """
    rclpy.init(args=args)
    executor, node = SingleThreadedExecutor(), None
    try:
        node = make_node()
        executor.add_node(node)
        _spin(executor, node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():  # else a signal came while the node was being made
            raise
    finally:
        # A second Ctrl-C must not interrupt the freeing of the device.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if node:
            node.give_back()
            executor.shutdown()
            node.destroy_node()
        rclpy.try_shutdown()
    # All is freed. What the interpreter would still do to rclpy and torch took seconds and crashed (3 of 18 times).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

"""`Watchdog`: notices work that does not return, says so, and has it replaced."""

from collections.abc import Callable
from dataclasses import dataclass

from rclpy.clock import Clock, ClockType

from pose3d_ros.core.config import param, validate
from pose3d_ros.ros.lifecycle import ManagedNode
from pose3d_ros.ros.worker import Worker

TICK_S = 0.1
SLOW_S = 1.0  # work in hand for so long is told
KEY = "hang"


@dataclass(frozen=True)
class WatchdogConfig:
    """When work that does not return is given up."""

    limit_s: float = param(
        2.0, "an inference that does not return for so long is given up: what hung is loaded again without its engine",
        unit="s", low=0.5, high=600.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


class Watchdog:
    """Watches the worker that `worker()` names now. `hung(seconds)` is called once for work that takes longer than
    `limit_s()`; the reason "hang" holds from `SLOW_S` on.

    Time is counted in ticks of a timer of the same process: where the whole machine is busy they come late as well, and
    no work is blamed for it.
    """

    def __init__(
        self,
        node: ManagedNode,
        worker: Callable[[], Worker | None],
        limit_s: Callable[[], float],
        hung: Callable[[float], None],
    ) -> None:
        self._node, self._worker, self._limit_s, self._hung = node, worker, limit_s, hung
        self._watched: tuple[Worker | None, int] = (None, 0)
        self._ticks = 0
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        node.create_timer(TICK_S, node.guarded(self.tick), clock=steady)

    @property
    def held_s(self) -> float:
        """For how long the work in hand has been the same."""
        return self._ticks * TICK_S

    def tick(self) -> None:
        """One look."""
        worker = self._worker()
        looked_at = (worker, worker.in_hand if worker else 0)
        if not looked_at[1] or looked_at != self._watched:
            self._watched, self._ticks = looked_at, 0
            if worker and worker.returned:
                self._node.health.clear(KEY)
            return
        self._ticks += 1
        if self.held_s >= min(SLOW_S, self._limit_s()):
            self._node._blame(KEY, f"an inference has not returned for {self.held_s:.1f} s", lasting=True)
        if self.held_s >= self._limit_s():
            seconds, self._ticks, self._watched = self.held_s, 0, (None, 0)
            self._hung(seconds)

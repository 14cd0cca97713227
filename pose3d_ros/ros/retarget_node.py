"""`retarget_node`: skeletons and hands in, commands of robot hands, arms and humanoids out. NOT A SAFETY FUNCTION."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from rclpy.clock import Clock, ClockType
from std_srvs.srv import SetBool

from pose3d_ros.control.config import HumanoidConfig
from pose3d_ros.control.driver import Driver
from pose3d_ros.control.robots import Robots
from pose3d_ros.msg import Hand3DArray, Skeleton3DArray
from pose3d_ros.ros import conversions, lifecycle, qos
from pose3d_ros.ros.diagnostics import Diagnostics
from pose3d_ros.ros.parameters import Parameters
from pose3d_ros.ros.retarget_config import RetargetConfig
from pose3d_ros.ros.retarget_outputs import RobotTopics
from pose3d_ros.ros.worker import Worker

QUEUE = 5  # what waits longer is old
CHECK_S = 0.05
UNTOLD = "the robot has not told where it is"
BAD_INPUT = "the input cannot be read"


class Job(NamedTuple):
    """Skeletons and, where a robot needs them, hands of one stamp."""

    skeletons: Any
    hands: Any
    arrived_s: float


class RetargetNode(lifecycle.ManagedNode):
    """Callbacks pair messages by stamp; the worker retargets the newest pair and publishes."""

    def __init__(self, **kwargs) -> None:
        super().__init__("retarget", **kwargs)
        self._robots: Robots | None = None
        self._topics: dict[str, RobotTopics] = {}
        self._worker = self._timer = None
        self._subscribed: list[Any] = []
        self._settings = Parameters(self, RetargetConfig(), lambda: self.state, self._reconfigure)
        self._diagnostics = Diagnostics(self, self.health, "skeletons", self._facts)
        self.create_service(SetBool, "~/clutch", self._on_clutch)

    @property
    def config(self) -> RetargetConfig:
        return self._settings.config

    def acquire(self) -> None:
        self._robots = Robots(self.config.robots, self.config.follow)
        for name, driver in self._robots.drivers.items():
            self._topics[name] = RobotTopics(self, name, driver, self._mismatch(name))
        self.get_logger().warning("no safety function: robots must have one of their own")

    def start(self) -> None:
        self.health.restart()
        self._skeletons = self._hands = None
        self._worker = Worker(self._work, self._failed)
        for name, topics in self._topics.items():
            self._robots.drivers[name].blocked = UNTOLD if self.config.wait_for_state else ""
            topics.listen(self._worker.call)
        self._robots.open_clutch()
        if self.config.clutch_closed:
            self._robots.close_clutch()
        self._tell()
        self._subscribe()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(CHECK_S, self.guarded(self._on_check), clock=steady)

    def stop(self) -> None:
        if self._timer:
            self.destroy_timer(self._timer)
            self._timer = None
        while self._subscribed:
            self.destroy_subscription(self._subscribed.pop())
        for topics in self._topics.values():
            topics.deafen()
        if self._worker:
            self._worker.stop()
            self._worker = None
            self._robots.open_clutch()
            if self.context.ok():
                self._tell()

    def release(self) -> None:
        while self._topics:
            self._topics.popitem()[1].close()
        self._robots = None

    def _subscribe(self) -> None:
        """To hands only where a robot needs them: skeletons alone are enough for a body."""
        self._with_hands = any(not isinstance(d.config, HumanoidConfig) for d in self._robots.drivers.values())
        wanted = [(Skeleton3DArray, "skeletons", self._on_skeletons)]
        wanted += [(Hand3DArray, "hands", self._on_hands)] if self._with_hands else []
        for kind, topic, callback in wanted:
            profile = qos.reliable(QUEUE)
            self._subscribed.append(qos.subscribe(self, kind, topic, callback, profile, self._mismatch(topic)))

    def _mismatch(self, topic: str) -> Callable[[str], None]:
        return lambda text: self._blame(f"QoS of {topic}", text, lasting=True)

    def _on_skeletons(self, msg: Skeleton3DArray) -> None:
        self._skeletons = msg
        self._pair(msg)

    def _on_hands(self, msg: Hand3DArray) -> None:
        self._hands = msg
        self._pair(msg)

    def _pair(self, msg: Any) -> None:
        """Submits what has one stamp; both topics carry every frame."""
        skeletons, hands = self._skeletons, self._hands
        if self._with_hands:
            if skeletons is None or hands is None or skeletons.header.stamp != hands.header.stamp:
                return
            self._hands = None
        self._skeletons = None
        arrived_s = self.health.arrived(self._age_ms(msg))
        if self._worker:
            self._worker.submit(Job(skeletons, hands, arrived_s))

    def _work(self, jobs: list[Job]) -> None:
        worker, (*older, job) = self._worker, jobs
        self.health.count("coalesced", len(older))
        try:
            result = conversions.skeletons_from_msg(job.skeletons, job.hands)
            commands = self._robots.push(result, self._age_s(job.skeletons))
        except Exception as error:  # whatever it was: nothing is commanded
            self._robots.hold(BAD_INPUT)
            self._failed(error)
            commands = {}
        if not (worker and worker.mine):
            return  # stopped meanwhile: nothing is commanded any more
        for name, command in commands.items():
            self._topics[name].publish(command, self.config.trajectory_s)
        if commands:
            self.health.published(job.arrived_s, 1)
        self._tell()

    def _tell(self) -> None:
        """Status, log and diagnostics of who holds still and why."""
        for name, driver in self._robots.drivers.items():
            if driver.reason:
                self.health.blame(name, f"{name} holds still: {driver.reason}", name=f"{name}: {driver.reason}")
            else:
                self.health.clear(name)
            if self._topics[name].tell(driver.reason):
                self.get_logger().info(f"{name}: {driver.reason or 'moves'}")

    def _on_check(self) -> None:
        """Silence is noticed by a clock of its own. What was heard from the robots lets them move."""
        for name, topics in self._topics.items():
            if topics.told:
                self._robots.drivers[name].blocked = ""
        worker = self._worker
        if worker and self.health.silence_s()[0] > self.config.silent_s:
            worker.call(self._silence)

    def _silence(self) -> None:
        self._robots.silence()
        self._tell()

    def _on_clutch(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        worker, robots = self._worker, self._robots
        response.success = worker is not None
        response.message = (
            "clutch " + ("closed" if request.data else "open") if worker else f"nothing while {self.state}"
        )

        def change() -> None:
            robots.close_clutch() if request.data else robots.open_clutch()
            self._tell()

        if worker:
            worker.call(change)
        return response

    def _reconfigure(self, config: RetargetConfig) -> None:
        robots = self._robots
        if robots is None:
            return

        def apply() -> None:
            robots.followed.config = config.follow

        self._worker.call(apply) if self._worker else apply()

    def _age_ms(self, msg: Any) -> float:
        stamp_ns = conversions.stamp_to_ns(msg.header.stamp)
        return conversions.age_ms(self.get_clock().now().nanoseconds, stamp_ns)

    def _age_s(self, msg: Any) -> float:
        """Infinite where the stamp is of another clock and that is not expected."""
        age_ms = self._age_ms(msg)
        return math.inf if math.isnan(age_ms) and not self.config.recorded else age_ms / 1e3

    def _failed(self, error: Exception) -> None:
        if self.context.ok():
            self._blame("error", f"{type(error).__name__}: {error}")

    def _facts(self) -> dict[str, str]:
        drivers: dict[str, Driver] = self._robots.drivers if self._robots else {}
        return {
            f"{name}: {key}": value
            for name, driver in drivers.items()
            for key, value in (
                ("now", driver.reason or "moves"),
                ("stops", str(driver.stops)),
                ("holds", "; ".join(f"{reason} {count}" for reason, count in driver.held.most_common())),
            )
        }


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(RetargetNode, args)

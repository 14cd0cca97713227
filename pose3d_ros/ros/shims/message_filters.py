"""Stand-in for message_filters: subscriber and the two synchronisers."""

from collections.abc import Callable
from itertools import product
from threading import Lock
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.time import Time


class SimpleFilter:
    """Passes what it outputs to all registered callbacks, followed by the arguments given at registration."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable, tuple]] = {}

    def registerCallback(self, cb: Callable, *args: Any) -> int:
        self.callbacks[len(self.callbacks)] = (cb, args)
        return len(self.callbacks) - 1

    def signalMessage(self, *msg: Any) -> None:
        for callback, args in self.callbacks.values():
            callback(*msg, *args)


class Subscriber(SimpleFilter):
    """A subscription as the source of a filter chain: Subscriber(node, type, topic, **subscription options)."""

    def __init__(self, node: Node, msg_type: type, topic: str, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node, self.topic = node, topic
        if not args:
            kwargs.setdefault("qos_profile", 10)
        self.sub = node.create_subscription(msg_type, topic, self.signalMessage, *args, **kwargs)

    def getTopic(self) -> str:
        return self.topic

    def __getattr__(self, name: str) -> Any:
        if name == "sub":  # not created yet: do not look for it in itself
            raise AttributeError(name)
        return getattr(self.sub, name)


class TimeSynchronizer(SimpleFilter):
    """Calls back with one message of each filter when their stamps are equal; keeps `queue_size` messages a filter."""

    def __init__(self, fs: list[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = Lock()
        self.connectInput(fs)

    def connectInput(self, fs: list[SimpleFilter]) -> None:
        self.queues: list[dict[int, Any]] = [{} for _ in fs]
        pairs = zip(fs, self.queues, strict=True)
        self.input_connections = [f.registerCallback(self.add, q, i) for i, (f, q) in enumerate(pairs)]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        with self.lock:
            self._keep(Time.from_msg(msg.header.stamp).nanoseconds, msg, my_queue)
            for stamp in sorted(set.intersection(*(set(queue) for queue in self.queues))):
                self._emit([stamp] * len(self.queues))

    def _keep(self, stamp: int, msg: Any, queue: dict[int, Any]) -> None:
        queue[stamp] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _emit(self, stamps: list[int]) -> None:
        try:
            self.signalMessage(*(queue[stamp] for queue, stamp in zip(self.queues, stamps, strict=True)))
        finally:
            for queue, stamp in zip(self.queues, stamps, strict=True):
                del queue[stamp]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Like TimeSynchronizer, for stamps that differ by less than `slop` seconds; the nearest ones win."""

    def __init__(self, fs: list[SimpleFilter], queue_size: int, slop: float, allow_headerless: bool = False) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        stamp = self._stamp(msg)
        if stamp is None:
            return
        with self.lock:
            self._keep(stamp, msg, my_queue)
            if stamp not in my_queue:
                return  # older than all that the full queue holds
            near = [
                [stamp] if queue is my_queue else sorted(
                    (s for s in queue if abs(s - stamp) <= self.slop.nanoseconds), key=lambda s: abs(s - stamp)
                )
                for queue in self.queues
            ]  # fmt: skip
            for stamps in product(*near):
                if max(stamps) - min(stamps) < self.slop.nanoseconds:
                    self._emit(list(stamps))
                    return

    def _stamp(self, msg: Any) -> int | None:
        if hasattr(getattr(msg, "header", None), "stamp"):
            return Time.from_msg(msg.header.stamp).nanoseconds
        if self.allow_headerless:
            return ROSClock().now().nanoseconds
        get_logger("message_filters").warning(
            "a message without stamp was dropped; allow_headerless takes the time now"
        )
        return None

"""Shim for message_filters: the subscriber, a source of messages for several callbacks.

Its synchronisers are not needed: keypoints and images are paired by `ros/pairing.py`, whose queues survive bags that
start again and images from the future.
"""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node


class SimpleFilter:
    """Passes what it outputs to all registered callbacks, followed by the arguments given at registration."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable, tuple]] = {}

    def registerCallback(self, cb: Callable, *args: Any) -> int:
        """Return the number of the connection."""
        self.callbacks[len(self.callbacks)] = (cb, args)
        return len(self.callbacks) - 1

    def signalMessage(self, *msg: Any) -> None:
        """Call all callbacks."""
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
        """The topic as it was given."""
        return self.topic

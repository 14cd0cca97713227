"""Real rclpy over real DDS: each test gets a domain, a context and an executor thread of its own. No sleeps."""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

# A wrong field type fails at the assignment, not at the publication (Jazzy and later skip the check without this).
os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")

DEADLINE_S = 20.0
RESEND_S = 5.0


@contextlib.contextmanager
def claimed_domain() -> Iterator[int]:
    """A domain id that no other test uses meanwhile, also none of another process: a TCP port is the claim.

    Ids of 1..100 keep DDS off the ports that Linux hands out by itself.
    """
    for domain in random.sample(range(1, 101), 100):
        with socket.socket() as claim:
            try:
                claim.bind(("127.0.0.1", 20000 + domain))
            except OSError:
                continue
            yield domain
            return
    pytest.fail("no DDS domain is free")


def why_unavailable() -> str:
    """Why these tests cannot run here, "" where they can."""
    try:
        import rclpy  # noqa: F401 - only whether it is there

        import pose3d_ros.msg  # noqa: F401
    except ImportError as error:
        return f"needs ROS and the built messages (make test, or . tools/env.sh): {error}"
    return ""


WHY_UNAVAILABLE = why_unavailable()


class Unavailable(pytest.Module):
    """A test module that is not even imported, since its own imports would fail."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip(WHY_UNAVAILABLE, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Skips this folder, with the reason, where ROS or the built messages are missing."""
    return Unavailable.from_parent(parent, path=module_path) if WHY_UNAVAILABLE else None


class Inbox:
    """Collects the messages of one subscription, or whatever it is called with, and lets a test wait for them."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._items: list[Any] = []

    def __call__(self, item: Any) -> None:
        with self._condition:
            self._items.append(item)
            self._condition.notify_all()

    def __len__(self) -> int:
        with self._condition:
            return len(self._items)

    @property
    def items(self) -> list[Any]:
        with self._condition:
            return list(self._items)

    def clear(self) -> None:
        with self._condition:
            self._items.clear()

    def wait(self, count: int = 1, deadline_s: float = DEADLINE_S) -> list[Any]:
        """All items once there are `count`; fails the test with what came until the deadline."""
        self._wait(lambda: len(self._items) >= count, f"{count} items", deadline_s)
        return self.items

    def wait_for(self, accept: Callable[[Any], bool], deadline_s: float = DEADLINE_S) -> Any:
        """The first item, old or new, that `accept` takes."""
        self._wait(lambda: any(map(accept, self._items)), "an item that fits", deadline_s)
        return next(filter(accept, self.items))

    def _wait(self, ready: Callable[[], bool], what: str, deadline_s: float) -> None:
        with self._condition:
            if not self._condition.wait_for(ready, deadline_s):
                last = repr(self._items[-1])[:300] if self._items else "nothing"
                pytest.fail(f"waited {deadline_s} s for {what}, got {len(self._items)}; the last: {last}")


class Ros:
    """One DDS domain with a context and an executor that spins in a thread until the test ends."""

    def __init__(self, domain: int) -> None:
        import rclpy
        from rclpy.executors import MultiThreadedExecutor

        self.domain = domain
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.executor = MultiThreadedExecutor(num_threads=3, context=self.context)
        self._nodes: list[Any] = []
        self._node: Any = None
        self._closing = False
        self._thread = threading.Thread(target=self._spin, name="test executor", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._closing:
            self.executor.spin_once(timeout_sec=0.2)

    def add(self, node: Any) -> Any:
        """Spins `node`, which must have been made with `context=ros.context`; destroyed when the test ends."""
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    @property
    def node(self) -> Any:
        """The test's own side: a plain node to make publishers, subscriptions and clients on."""
        if self._node is None:
            from rclpy.node import Node

            self._node = self.add(Node("test_peer", context=self.context))
        return self._node

    def inbox(self, message_type: Any, topic: str, qos: Any = 10) -> Inbox:
        """Subscribes and returns the inbox."""
        inbox = Inbox()
        self.node.create_subscription(message_type, topic, inbox, qos)
        return inbox

    def publisher(self, message_type: Any, topic: str, qos: Any = 10, subscribers: int = 1) -> Any:
        """A publisher that has found `subscribers` subscriptions already, so that no message is lost to discovery."""
        publisher = self.node.create_publisher(message_type, topic, qos)
        self.until(lambda: publisher.get_subscription_count() >= subscribers, f"{subscribers} subscribers of {topic}")
        return publisher

    def call(self, service_type: Any, name: str, request: Any, deadline_s: float = DEADLINE_S) -> Any:
        """The response of a service that may be asked twice: a server that has not yet found this client's reader drops
        its answer, which happens to the first request on a busy machine."""
        client = self.node.create_client(service_type, name)
        if not client.wait_for_service(deadline_s):
            pytest.fail(f"no service {name} after {deadline_s} s")
        answers: Queue = Queue()
        try:
            for _ in range(max(1, int(deadline_s / RESEND_S))):
                client.call_async(request).add_done_callback(answers.put)
                with contextlib.suppress(Empty):
                    return answers.get(timeout=min(RESEND_S, deadline_s)).result()
        finally:
            self.node.destroy_client(client)
        pytest.fail(f"no answer of {name} after {deadline_s} s")

    def until(self, ready: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Waits for a state that has no event of its own, such as what discovery has found."""
        end = time.monotonic() + deadline_s
        pause = threading.Event()
        while not ready():
            if time.monotonic() > end:
                pytest.fail(f"waited {deadline_s} s for {what}")
            pause.wait(0.02)

    def close(self) -> None:
        self._closing = True
        self.executor.wake()
        self._thread.join(20)  # first: shutdown destroys what a spinning thread waits on
        assert not self._thread.is_alive(), "the executor's thread did not end"
        self.executor.shutdown(timeout_sec=5)
        for node in reversed(self._nodes):
            node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A DDS domain of its own, also set as ROS_DOMAIN_ID for processes that the test starts."""
    with claimed_domain() as number:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
        yield number


@pytest.fixture
def ros(domain: int) -> Iterator[Ros]:
    """A context, an executor thread and a peer node in the test's own domain; see `Ros`."""
    world = Ros(domain)
    yield world
    world.close()


@pytest.fixture
def inbox() -> Inbox:
    """An inbox for callbacks that are not subscriptions."""
    return Inbox()

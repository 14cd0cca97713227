"""Quality of service of this package's topics: overridable by parameters, mismatches reported in plain words."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

# A best-effort reader is served by every publisher; what comes again with each frame may be lost.
LATEST = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


def best_effort(depth: int) -> QoSProfile:
    """For messages of other packages, however they publish."""
    return QoSProfile(depth=depth, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


def reliable(depth: int) -> QoSProfile:
    """Nothing is lost while the reader is less than `depth` messages behind."""
    return QoSProfile(depth=depth, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)


def latched(depth: int) -> QoSProfile:
    """Late subscribers get the last `depth` messages."""
    profile = reliable(depth)
    profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return profile


def overridable() -> QoSOverridingOptions:
    """Read-only parameters `qos_overrides.<topic>.<publisher or subscription>.<policy>`."""
    return QoSOverridingOptions.with_default_policies()


def subscribe(
    node: Node,
    message: type,
    topic: str,
    callback: Callable[[Any], None],
    profile: QoSProfile,
    mismatch: Callable[[str], None],
) -> Subscription:
    """A subscription of a ManagedNode whose QoS can be overridden and whose errors are told; `mismatch(text)` is told
    when a publisher does not fit it."""
    return node.create_subscription(message, topic, node.guarded(callback), profile, **options(node, topic, mismatch))


def options(node: Node, topic: str, mismatch: Callable[[str], None]) -> dict[str, Any]:
    """What makes a subscription as `subscribe` does, for message_filters, which creates its own."""

    def incompatible(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
        name = node.resolve_topic_name(topic)
        mismatch(
            f"a publisher on {name} offers an incompatible {policy}, nothing is received from it: change the "
            f"publisher's, or start this node with the parameter qos_overrides.{name}.subscription.{policy}"
        )

    callbacks = SubscriptionEventCallbacks(incompatible_qos=incompatible)
    return {"event_callbacks": callbacks, "qos_overriding_options": overridable()}

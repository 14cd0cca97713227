"""Stand-in for tf2_ros: broadcaster, listener and buffer, where tf2_msgs at least exists; the buffer needs nothing."""

import time
from bisect import bisect_left, insort
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from scipy.spatial.transform import Rotation, Slerp

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None

NS_PER_S = 1_000_000_000
POLL_S = 0.005
MISSING = "TF needs the package tf2_msgs, which is not installed: install it, or leave TF off"


class TransformException(Exception):  # noqa: N818 - the name in tf2_ros
    """No transform; the kinds below say why."""


class LookupException(TransformException):
    """A frame is unknown."""


class ConnectivityException(TransformException):
    """The frames are in two trees."""


class ExtrapolationException(TransformException):
    """The time is outside of what was heard."""


class TransformBroadcaster:
    """Publishes on /tf. Raises ImportError with what to do where not even the message type is installed."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        if TFMessage is None:
            raise ImportError(MISSING)
        self.pub_tf = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100) if qos is None else qos)

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        single = isinstance(transform, TransformStamped)
        self.pub_tf.publish(TFMessage(transforms=[transform] if single else list(transform)))


class Sample(NamedTuple):
    """A child's pose in its parent: `t_m` (3,), `quat_xyzw` (4,)."""

    stamp_ns: int
    parent: str
    t_m: tuple[float, ...]
    quat_xyzw: tuple[float, ...]


class Buffer:
    """Transforms of the last `cache_time`, looked up at stamps, between them by interpolation."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        self._cache_ns = (cache_time or Duration(seconds=10)).nanoseconds
        self._moving: dict[str, list[Sample]] = {}
        self._static: dict[str, Sample] = {}
        self._lock = Lock()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        sample = _sample(transform)
        with self._lock:
            samples = self._moving.setdefault(transform.child_frame_id, [])
            if samples and samples[-1].stamp_ns - sample.stamp_ns > self._cache_ns:
                samples.clear()  # time went back
            if not any(sample.stamp_ns == other.stamp_ns for other in samples[-2:]):
                insort(samples, sample)
            while samples[-1].stamp_ns - samples[0].stamp_ns > self._cache_ns:
                del samples[0]

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        with self._lock:
            self._static[transform.child_frame_id] = _sample(transform)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = Duration()
    ) -> TransformStamped:
        """What takes points of `source_frame` into `target_frame` at a time, 0 = the newest that all know; waits up to
        `timeout` for it. Raises a TransformException."""
        end = _now() + timeout.nanoseconds
        while True:
            try:
                with self._lock:
                    return self._found(target_frame, source_frame, time.nanoseconds)
            except TransformException:
                if _now() >= end:
                    raise
            _pause()

    def _found(self, target: str, source: str, stamp_ns: int) -> TransformStamped:
        chains = [self._chain(frame) for frame in (source, target)]
        common = next((frame for frame in chains[0] if frame in chains[1]), None)
        if common is None:
            raise ConnectivityException(f"{source} and {target} are in two trees")
        paths = [chain[: chain.index(common)] for chain in chains]
        if stamp_ns == 0:
            newest = [self._moving[f][-1].stamp_ns for path in paths for f in path if f not in self._static]
            stamp_ns = min(newest, default=0)
        (R, t), (R_target, t_target) = (self._along(path, stamp_ns) for path in paths)
        found = TransformStamped(child_frame_id=source)
        found.header.frame_id = target
        found.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
        x, y, z, w = (R_target.inv() * R).as_quat()
        found.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
        moved = R_target.inv().apply(t - t_target)
        found.transform.translation = Vector3(**dict(zip("xyz", map(float, moved), strict=True)))
        return found

    def _chain(self, frame: str) -> list[str]:
        """The frame, its parent, and so on to the root."""
        children = self._static.keys() | self._moving.keys()
        if frame not in children and frame not in {s.parent for s in self._newest()}:
            raise LookupException(f'"{frame}" passed to lookupTransform does not exist')
        chain = [frame]
        while chain[-1] in children and len(chain) <= len(children) + 1:
            at = self._static.get(chain[-1]) or self._moving[chain[-1]][-1]
            chain.append(at.parent)
        return chain

    def _newest(self) -> list[Sample]:
        return [*self._static.values(), *(samples[-1] for samples in self._moving.values())]

    def _along(self, path: list[str], stamp_ns: int) -> tuple[Rotation, np.ndarray]:
        R, t = Rotation.identity(), np.zeros(3)
        for frame in path:
            R_step, t_step = self._at(frame, stamp_ns)
            R, t = R_step * R, R_step.apply(t) + t_step
        return R, t

    def _at(self, frame: str, stamp_ns: int) -> tuple[Rotation, np.ndarray]:
        if frame in self._static:
            return _parts(self._static[frame])
        samples = self._moving[frame]
        row = bisect_left(samples, stamp_ns, key=lambda sample: sample.stamp_ns)
        if row < len(samples) and samples[row].stamp_ns == stamp_ns:
            return _parts(samples[row])
        if not 0 < row < len(samples):
            where = "future" if row else "past"
            raise ExtrapolationException(
                f"Lookup would require extrapolation into the {where} of {frame}: requested {stamp_ns / NS_PER_S:.6f}, "
                f"known {samples[0].stamp_ns / NS_PER_S:.6f} to {samples[-1].stamp_ns / NS_PER_S:.6f}"
            )
        before, after = samples[row - 1], samples[row]
        part = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
        both = Rotation.from_quat([before.quat_xyzw, after.quat_xyzw])
        t = (1 - part) * np.array(before.t_m) + part * np.array(after.t_m)
        return Slerp([0, 1], both)(part), t


class TransformListener:
    """Fills a buffer from /tf and /tf_static."""

    def __init__(self, buffer: Buffer, node: Node, *, spin_thread: bool = False) -> None:
        if TFMessage is None:
            raise ImportError(MISSING)
        self.buffer, self._node = buffer, node
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscribed = [
            node.create_subscription(TFMessage, "/tf", self._on_moving, QoSProfile(depth=100)),
            node.create_subscription(TFMessage, "/tf_static", self._on_static, latched),
        ]

    def unregister(self) -> None:
        while self._subscribed:
            self._node.destroy_subscription(self._subscribed.pop())

    def _on_moving(self, msg: "TFMessage") -> None:
        for transform in msg.transforms:
            self.buffer.set_transform(transform, "default_authority")

    def _on_static(self, msg: "TFMessage") -> None:
        for transform in msg.transforms:
            self.buffer.set_transform_static(transform, "default_authority")


def _sample(transform: TransformStamped) -> Sample:
    stamp, t, q = transform.header.stamp, transform.transform.translation, transform.transform.rotation
    return Sample(
        stamp.sec * NS_PER_S + stamp.nanosec, transform.header.frame_id, (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
    )


def _parts(sample: Sample) -> tuple[Rotation, np.ndarray]:
    return Rotation.from_quat(sample.quat_xyzw), np.array(sample.t_m)


def _now() -> int:
    return time.monotonic_ns()


def _pause() -> None:
    time.sleep(POLL_S)

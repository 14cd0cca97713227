"""The TF tree of a bag: where a frame was at a moment."""

import bisect
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.bags.choice import TF
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.messages import stamp_to_ns

GAP_NS = 500_000_000  # a frame that was silent for longer is unknown in between


class Transform(NamedTuple):
    """Points of one frame into another: `R` (3, 3) @ xyz + `t` (3,), metres."""

    R: np.ndarray
    t: np.ndarray

    def __call__(self, xyz_m: np.ndarray) -> np.ndarray:
        """Points (..., 3)."""
        return xyz_m @ self.R.T + self.t

    def after(self, first: "Transform") -> "Transform":
        """First `first`, then this one."""
        return Transform(self.R @ first.R, self.R @ first.t + self.t)

    def inverse(self) -> "Transform":
        return Transform(self.R.T, -self.R.T @ self.t)


IDENTITY = Transform(np.eye(3), np.zeros(3))


class Link:
    """One frame in its parent, over time."""

    def __init__(self, parent: str, fixed: bool) -> None:
        self.parent, self.fixed = parent, fixed
        self.stamps: list[int] = []
        self._at: dict[int, Transform] = {}

    def add(self, stamp_ns: int, transform: Transform) -> None:
        if self.fixed:
            stamp_ns = 0
        if stamp_ns not in self._at:
            bisect.insort(self.stamps, stamp_ns)
        self._at[stamp_ns] = transform

    def at(self, stamp_ns: int) -> Transform | None:
        """Between two stamps by interpolation; None where the nearest ones are too far."""
        if self.fixed:
            return self._at[0]
        if stamp_ns in self._at:
            return self._at[stamp_ns]
        after = bisect.bisect(self.stamps, stamp_ns)
        if not 0 < after < len(self.stamps):  # before the first or after the last one
            nearest = self.stamps[max(after - 1, 0)]
            return self._at[nearest] if abs(nearest - stamp_ns) <= GAP_NS // 10 else None
        low, high = self.stamps[after - 1], self.stamps[after]
        if high - low > GAP_NS:
            return None
        part = (stamp_ns - low) / (high - low)
        a, b = self._at[low], self._at[high]
        R = Slerp([0, 1], Rotation.from_matrix([a.R, b.R]))(part).as_matrix()
        return Transform(R, (1 - part) * a.t + part * b.t)


class TransformTree:
    """All of /tf and /tf_static (also below a namespace), read once."""

    def __init__(self, bag: Bag) -> None:
        self.links: dict[str, Link] = {}
        topics = [topic for topic, kind in bag.topics.items() if kind in TF]
        for received in bag.messages(topics):
            fixed = received.topic.endswith("tf_static")
            for part in received.message.transforms:
                child, parent = part.child_frame_id.lstrip("/"), part.header.frame_id.lstrip("/")
                link = self.links.get(child)
                if link is None or link.parent != parent:
                    link = self.links[child] = Link(parent, fixed)
                link.add(stamp_to_ns(part.header.stamp) or received.at_ns, _transform(part.transform))

    def lookup(self, target: str, source: str, stamp_ns: int) -> Transform | None:
        """Points of frame `source` into frame `target` at that moment; None where a link is silent then.

        Raises InputError where the tree does not join them.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        if target == source:
            return IDENTITY
        up, down = self._root_of(source, stamp_ns), self._root_of(target, stamp_ns)
        if common := next((frame for frame in up if frame in down), None):
            a, b = up[common], down[common]
            return None if a is None or b is None else b.inverse().after(a)
        known = ", ".join(sorted({*self.links, *(link.parent for link in self.links.values())})) or "none"
        raise InputError(
            f"TF: {source} and {target} are not joined in the bag; frames are {known}; record /tf_static too"
        )

    def stamps_of(self, frames: set[str]) -> list[int]:
        """Moments at which one of these frames was sent."""
        return sorted({stamp for frame in frames & self.links.keys() for stamp in self.links[frame].stamps})

    def _root_of(self, frame: str, stamp_ns: int) -> dict[str, Transform | None]:
        """Every ancestor -> the way there from `frame`."""
        way: dict[str, Transform | None] = {frame: IDENTITY}
        for child, link in self._chain(frame):
            step, so_far = link.at(stamp_ns), way[child]
            way[link.parent] = None if step is None or so_far is None else step.after(so_far)
        return way

    def _chain(self, frame: str) -> Iterator[tuple[str, Link]]:
        seen = set()
        while frame in self.links and frame not in seen:
            seen.add(frame)
            yield frame, self.links[frame]
            frame = self.links[frame].parent


def _transform(message) -> Transform:
    turn, move = message.rotation, message.translation
    quat = np.array([turn.x, turn.y, turn.z, turn.w])
    R = Rotation.from_quat(quat).as_matrix() if np.any(quat) else np.eye(3)
    return Transform(R, np.array([move.x, move.y, move.z]))

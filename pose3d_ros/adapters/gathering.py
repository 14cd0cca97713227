"""`Gathering`: frames of single people, one message each, put together into frames of everybody."""

from pose3d_ros.core.types import Keypoints2D


class Gathering:
    """Waits until everybody of a stamp is there. Frames leave in the order of their stamps and once only."""

    def __init__(self) -> None:
        self.expected: frozenset[str] = frozenset()
        self._waiting: dict[int, dict[str, Keypoints2D]] = {}
        self._last_ns = -1

    def add(self, name: str, frame: Keypoints2D) -> list[Keypoints2D]:
        """The frame of one person; returns what is complete now. A stamp is also complete once everybody who sent it
        sends a later one, and nothing is taken for a stamp that has left."""
        if frame.stamp_ns <= self._last_ns:
            return []
        self._waiting.setdefault(frame.stamp_ns, {})[name] = frame
        newest_of = {}
        for stamp_ns, people in sorted(self._waiting.items()):
            newest_of |= dict.fromkeys(people, stamp_ns)
        full = [ns for ns, people in self._waiting.items() if self.expected <= set(people)]
        passed = [ns for ns, people in self._waiting.items() if all(newest_of[name] > ns for name in people)]
        return self.flush(max([*full, *passed], default=-1))

    def flush(self, until_ns: int) -> list[Keypoints2D]:
        """What waits up to this stamp, complete or not."""
        ready = sorted(ns for ns in self._waiting if ns <= until_ns)
        self._last_ns = max([self._last_ns, *ready])
        return [_together(list(self._waiting.pop(ns).values())) for ns in ready]

    @property
    def newest_ns(self) -> int:
        """The newest stamp that waits, -1 without any."""
        return max(self._waiting, default=-1)


def _together(frames: list[Keypoints2D]) -> Keypoints2D:
    first = frames[0]
    people = tuple(person for frame in frames for person in frame.people)
    return Keypoints2D(first.stamp_ns, people, first.frame_id, first.width, first.height)

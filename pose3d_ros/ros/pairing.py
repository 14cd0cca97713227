"""`Pairing`: keypoints wait for the image that they were found in, but not for long."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pose3d_ros.ros import compat, conversions

QUEUE = 30  # images and keypoints that may wait for each other


class Waiting(NamedTuple):
    """Something made of keypoints, since when it waits in seconds of a steady clock."""

    job: Any
    since_s: float


class Pairing:
    """Hands on each job with its image, or with None once `wait_s` are over, in the order in which the jobs came.

    Stamps must be equal; with `slop_s` > 0 the nearest image within it counts. `deliver(job, image)` and
    `missed(text)`, why there is no image, are called from subscription callbacks and from `expire`, which must all be
    in one callback group.
    """

    def __init__(
        self,
        keypoints: compat.Subscriber,
        images: compat.Subscriber,
        slop_s: float,
        wait_s: float,
        deliver: Callable[[Any, Any], None],
        missed: Callable[[str], None],
    ) -> None:
        self._wait_s, self._deliver, self._missed = wait_s, deliver, missed
        self._waiting: dict[int, Waiting] = {}
        self._image_ns: int | None = None
        images.registerCallback(self._on_image)
        filters = [keypoints, images]
        if slop_s:
            self._pairs = compat.ApproximateTimeSynchronizer(filters, QUEUE, slop_s)
        else:
            self._pairs = compat.TimeSynchronizer(filters, QUEUE)
        self._pairs.registerCallback(self._on_pair)

    def add(self, stamp_ns: int, job: Any) -> None:
        """A job that waits for its image. Must be called before the synchroniser gets the keypoints."""
        if stamp_ns in self._waiting:
            self._give_up(stamp_ns)
        self._waiting[stamp_ns] = Waiting(job, time.monotonic())
        self.expire()

    def expire(self) -> None:
        """Hands on what has waited long enough."""
        now = time.monotonic()
        for stamp_ns in [stamp for stamp, waiting in self._waiting.items() if now - waiting.since_s > self._wait_s]:
            self._give_up(stamp_ns)

    def _on_image(self, image: Any) -> None:
        self._image_ns = conversions.stamp_to_ns(image.header.stamp)

    def _on_pair(self, keypoints: Any, image: Any) -> None:
        stamp_ns = conversions.stamp_to_ns(keypoints.header.stamp)
        if stamp_ns not in self._waiting:
            return  # its time is over, or it was refused
        for older in [stamp for stamp in self._waiting]:  # images come in order: theirs are lost
            if older == stamp_ns:
                break
            self._give_up(older)
        self._deliver(self._waiting.pop(stamp_ns).job, image)

    def _give_up(self, stamp_ns: int) -> None:
        if self._image_ns is None:
            self._missed("no image has arrived")
        else:
            apart_ms = abs(self._image_ns - stamp_ns) / 1e6
            self._missed(
                f"no image with the stamp of the keypoints within {1e3 * self._wait_s:.0f} ms; the stamp of the "
                f"newest one is {apart_ms:.1f} ms apart"
            )
        self._deliver(self._waiting.pop(stamp_ns).job, None)

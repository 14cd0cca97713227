"""`Pairing`: keypoints wait for the image that they were found in, but not for long."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pose3d_ros.ros import conversions

QUEUE = 30  # images and keypoints that may wait for each other


class Waiting(NamedTuple):
    """Something made of keypoints, since when it waits in seconds of a steady clock."""

    job: Any
    since_s: float


class Pairing:
    """Hands on each job with its image, or with None once `wait_s` are over, in the order in which the jobs came.

    Stamps must be equal; with `slop_s` > 0 the nearest image within it counts. `deliver(job, image)` and
    `missed(text)`, why there is no image, are called from `add`, `on_image` and `expire`, which must all be in one
    callback group.

    Full queues lose what came first, not the smallest stamp as message_filters' do: a bag that starts again, or images
    from the future, must not block it.
    """

    def __init__(
        self, slop_s: float, wait_s: float, deliver: Callable[[Any, Any], None], missed: Callable[[str], None]
    ) -> None:
        self._slop_ns, self._wait_s = round(slop_s * conversions.NS_PER_S), wait_s
        self._deliver, self._missed = deliver, missed
        self._image_ns: int | None = None
        self.restart()

    def restart(self) -> None:
        """Forgets what waits: after a reset, or when time jumped."""
        self._waiting: dict[int, Waiting] = {}  # in order of arrival, as the images
        self._images: dict[int, Any] = {}

    def add(self, stamp_ns: int, job: Any) -> None:
        """A job that wants the image of this stamp."""
        if stamp_ns in self._waiting:
            self._give_up(stamp_ns)
        self._waiting[stamp_ns] = Waiting(job, time.monotonic())
        image_ns = self._nearest(stamp_ns, self._images)
        if image_ns is not None:
            self._pair(stamp_ns, image_ns)
        elif len(self._waiting) > QUEUE:
            self._give_up(next(iter(self._waiting)))
        self.expire()

    def on_image(self, image: Any) -> None:
        """An image that a job may want, now or later."""
        image_ns = self._image_ns = conversions.stamp_to_ns(image.header.stamp)
        self._images.pop(image_ns, None)  # a repeated one is the newest
        self._images[image_ns] = image
        stamp_ns = self._nearest(image_ns, self._waiting)
        if stamp_ns is not None:
            self._pair(stamp_ns, image_ns)
        elif len(self._images) > QUEUE:
            del self._images[next(iter(self._images))]

    def expire(self) -> None:
        """Hands on what has waited long enough."""
        now = time.monotonic()
        for stamp_ns in [stamp for stamp, waiting in self._waiting.items() if now - waiting.since_s > self._wait_s]:
            self._give_up(stamp_ns)

    def _nearest(self, stamp_ns: int, there: dict[int, Any]) -> int | None:
        if stamp_ns in there or not self._slop_ns:
            return stamp_ns if stamp_ns in there else None
        best = min(there, key=lambda other: abs(other - stamp_ns), default=None)
        return best if best is not None and abs(best - stamp_ns) <= self._slop_ns else None

    def _pair(self, stamp_ns: int, image_ns: int) -> None:
        for older in list(self._waiting):  # images come in order: theirs are lost
            if older == stamp_ns:
                break
            self._give_up(older)
        self._deliver(self._waiting.pop(stamp_ns).job, self._images.pop(image_ns))

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

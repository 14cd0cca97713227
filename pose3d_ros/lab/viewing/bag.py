"""`Recording`: what a bag holds of one camera, moment by moment, to be looked at."""

import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Hand3D, Keypoints2D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.types import NS_PER_S, TopicChoice

SAME_NS = 20_000_000  # stamps of one moment may differ by that much where a source does not copy the image's


class HandView(NamedTuple):
    """What is drawn of a hand: joints in metres in the camera frame, and their states."""

    track: int
    side: str
    xyz_m: np.ndarray
    state: np.ndarray


class Moment(NamedTuple):
    """Everything recorded of one stamp; None or empty where nothing was."""

    stamp_ns: int
    image: np.ndarray | None
    keypoints: Keypoints2D | None
    skeletons: Skeletons3D | None
    hands: tuple[HandView, ...]


class Recording:
    """Keypoints, skeletons and calibration are held; images are read when moments are gone through.

    `arrivals_ns` maps "keypoints" and "skeletons" to {stamp: time of arrival at the recorder}. Raises InputError where
    the bag cannot be read or has nothing to show.
    """

    def __init__(self, path: Path, namespace: str = "", image_topic: str = "") -> None:
        self.path = Path(path)
        self._bag = Bag(self.path, TopicChoice(namespace=namespace, image=image_topic))
        self.camera: Camera | None = self._bag.camera
        self.keypoints: dict[int, Keypoints2D] = {}
        self.arrivals_ns: dict[str, dict[int, int]] = {"keypoints": {}, "skeletons": {}}
        for entry in self._bag.inputs():
            self.keypoints[entry.keypoints.stamp_ns] = entry.keypoints
            self.arrivals_ns["keypoints"].setdefault(entry.keypoints.stamp_ns, entry.arrival_ns)
        found = self._bag.estimates()
        self.skeletons: dict[int, Skeletons3D] = {frame.stamp_ns: frame for frame in found.frames} if found else {}
        self.arrivals_ns["skeletons"] = dict(found.arrivals_ns) if found else {}
        self.hands = {stamp_ns: tuple(map(_view, hands)) for stamp_ns, hands in self._bag.hands().items()}
        if not (self.keypoints or self.skeletons):
            kinds = ", ".join(sorted(set(self._bag.topics.values()))) or "no topics"
            raise InputError(f"bag {path}: neither 2D keypoints nor skeletons in it; it holds {kinds}")
        self.image_stamps = list(self._bag.image_stamps_ns)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images in pixels, also where none were recorded."""
        if self.camera and self.camera.width:
            return self.camera.width, self.camera.height
        sizes = [(frame.width, frame.height) for frame in self.keypoints.values() if frame.width]
        return sizes[0] if sizes else (640, 480)

    @property
    def stamps(self) -> list[int]:
        """Stamps of all moments, ascending: those of the images if there are any."""
        return self.image_stamps or sorted(self.keypoints.keys() | self.skeletons.keys())

    @property
    def rate_hz(self) -> float:
        """Of the moments, from the median step."""
        steps = np.diff(self.stamps)
        return float(np.clip(NS_PER_S / np.median(steps), 1, 120)) if len(steps) and np.median(steps) > 0 else 30.0

    def moments(self) -> Iterator[Moment]:
        """All moments in the order of their stamps (images: of their recording)."""
        matched = {name: _Nearest(getattr(self, name)) for name in ("keypoints", "skeletons", "hands")}
        for stamp_ns, image in self._images() if self.image_stamps else ((stamp, None) for stamp in self.stamps):
            found = {name: match(stamp_ns) for name, match in matched.items()}
            yield Moment(stamp_ns, image, found["keypoints"], found["skeletons"], found["hands"] or ())

    def _images(self) -> Iterator[tuple[int, np.ndarray | None]]:
        return ((stamp_ns, self._bag.image(stamp_ns)) for stamp_ns in self.image_stamps)


class _Nearest:
    """Value of the stamp, or of the nearest one that still counts as the same moment, else None."""

    def __init__(self, values: dict[int, Any]) -> None:
        self._values, self._stamps = values, sorted(values)

    def __call__(self, stamp_ns: int) -> Any:
        if stamp_ns in self._values or not self._stamps:
            return self._values.get(stamp_ns)
        at = bisect.bisect(self._stamps, stamp_ns)
        nearest = min(self._stamps[max(at - 1, 0) : at + 1], key=lambda stamp: abs(stamp - stamp_ns))
        return self._values[nearest] if abs(nearest - stamp_ns) <= SAME_NS else None


def _view(hand: Hand3D) -> HandView:
    return HandView(hand.track, hand.side, hand.xyz_m, hand.state)

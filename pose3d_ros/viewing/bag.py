"""`Recording`: what a bag holds of one camera, as this package's dataclasses. Any rosbag2 (mcap or sqlite3)."""

import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pose3d_ros.core.errors import CameraError, InputError, Pose3DError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.core.pixels import to_bgr
from pose3d_ros.core.types import Keypoints2D, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera

NS_PER_S = 1_000_000_000
SAME_NS = 20_000_000  # stamps of one moment may differ by that much where a source does not copy the image's
IMAGES = ("sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image")
INFO = "sensor_msgs/msg/CameraInfo"
KEYPOINTS = "pose3d_ros/msg/Skeleton2DArray"
SKELETONS = "pose3d_ros/msg/Skeleton3DArray"
HANDS = "pose3d_ros/msg/Hand3DArray"


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
    """Keypoints, skeletons and calibration are held; images are read again when moments are gone through.

    `arrivals_ns` maps "keypoints" and "skeletons" to {stamp: time of arrival at the recorder}. Raises InputError where
    the bag cannot be read or has nothing to show.
    """

    def __init__(self, path: Path, namespace: str = "", image_topic: str = "") -> None:
        self.path, self._namespace, self._image_topic = Path(path), namespace.rstrip("/"), image_topic
        self.camera: Camera | None = None
        self.keypoints: dict[int, Keypoints2D] = {}
        self.skeletons: dict[int, Skeletons3D] = {}
        self.hands: dict[int, tuple[HandView, ...]] = {}
        self.arrivals_ns: dict[str, dict[int, int]] = {"keypoints": {}, "skeletons": {}}
        self.image_stamps: list[int] = []
        with self._open() as reader:
            wanted = self._select(reader)
            for connection, at_ns, raw in reader.messages(connections=wanted):
                self._take(reader.deserialize(raw, connection.msgtype), connection.msgtype, at_ns)
        if not (self.keypoints or self.skeletons):
            raise InputError(f"bag {path}: expected {KEYPOINTS} or {SKELETONS}, found neither; record them too")

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

    @contextmanager
    def _open(self) -> Iterator[AnyReader]:
        if not self.path.exists():
            raise InputError(f"bag {self.path}: there is no such file or folder")
        try:
            with AnyReader([self.path], default_typestore=typestore()) as reader:
                yield reader
        except Pose3DError:
            raise
        except Exception as error:  # rosbags lets errors of YAML, sqlite and its own through
            raise InputError(
                f"bag {self.path}: expected a rosbag2 (its folder, or one .mcap file), cannot read it: {error}"
            ) from error

    def _select(self, reader: AnyReader) -> list[Any]:
        """Connections to read first: one topic a type, images only for their stamps."""
        inside = [c for c in reader.connections if c.topic.startswith(f"{self._namespace}/") or not self._namespace]
        chosen: dict[str, str] = {}
        for kind in (INFO, KEYPOINTS, SKELETONS, HANDS):
            topics = sorted({c.topic for c in inside if c.msgtype == kind})
            if len(topics) > 1 and kind != INFO:
                raise InputError(f"bag {self.path}: several topics of {kind} ({', '.join(topics)}); give a namespace")
            if topics:
                chosen[kind] = topics[0]
        self._image_topic = self._image_topic or _picture(inside)
        names = {*chosen.values(), self._image_topic}
        selected = [c for c in reader.connections if c.topic in names]
        if not selected:
            raise InputError(
                f"bag {self.path}: nothing of this package in it; it holds "
                f"{', '.join(sorted({c.topic for c in reader.connections})) or 'no topics'}"
            )
        return selected

    def _take(self, message: Any, kind: str, at_ns: int) -> None:
        stamp_ns = _stamp(message.header)
        if kind in IMAGES:
            self.image_stamps.append(stamp_ns)
        elif kind == INFO:
            self.camera = self.camera or _camera(message)
        elif kind == KEYPOINTS:
            self.keypoints[stamp_ns] = _keypoints(message)
            self.arrivals_ns["keypoints"].setdefault(stamp_ns, at_ns)
        elif kind == SKELETONS:
            self.skeletons[stamp_ns] = _skeletons(message)
            self.arrivals_ns["skeletons"].setdefault(stamp_ns, at_ns)
        elif kind == HANDS:
            self.hands[stamp_ns] = tuple(
                HandView(hand.track, hand.side, _rows(hand.xyz_m, 3), np.array(hand.state)) for hand in message.hands
            )

    def _images(self) -> Iterator[tuple[int, np.ndarray]]:
        with self._open() as reader:
            connections = [c for c in reader.connections if c.topic == self._image_topic]
            for connection, _, raw in reader.messages(connections=connections):
                message = reader.deserialize(raw, connection.msgtype)
                yield _stamp(message.header), to_bgr(message)


def typestore() -> Typestore:
    """Standard messages of ROS 2 and those of this package, for bags that carry no definitions and for writing."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for path in sorted((share_dir() / "msg").glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(), f"pose3d_ros/msg/{path.stem}"))
    store.register(types)
    return store


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


def _picture(connections: list[Any]) -> str:
    """The likeliest topic of the colour image: compressed before raw, no depth, the shortest name; "" if none."""
    found = [c for c in connections if c.msgtype in IMAGES and "depth" not in c.topic.lower()]
    found.sort(key=lambda c: (IMAGES.index(c.msgtype), len(c.topic), c.topic))
    return found[0].topic if found else ""


def _stamp(header: Any) -> int:
    return header.stamp.sec * NS_PER_S + header.stamp.nanosec


def _rows(values: Any, columns: int) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, columns)


def _camera(info: Any) -> Camera | None:
    """None where it is not calibrated: there is then no reprojection to draw."""
    try:
        distorted = np.any(info.d) or info.distortion_model == "equidistant"
        model, D = (info.distortion_model, np.array(info.d, np.float64)) if distorted else ("", np.zeros(0))
        return Camera(np.array(info.k, np.float64).reshape(3, 3), D, model, info.width, info.height)
    except CameraError:
        return None


def _keypoints(message: Any) -> Keypoints2D:
    people = []
    for person in message.people:
        try:
            people.append(
                Person2D(person.format, _rows(person.xy_px, 2), np.array(person.score), person.id, person.side)
            )
        except (Pose3DError, ValueError):  # a person whom the node refused too; its diagnostics say why
            continue
    return Keypoints2D(_stamp(message.header), tuple(people), message.header.frame_id, message.width, message.height)


def _skeletons(message: Any) -> Skeletons3D:
    people = [
        Person3D(p.id, p.track, p.skeleton, _rows(p.xyz_m, 3), np.array(p.sigma_m), np.array(p.state), p.track_state)
        for p in message.people
    ]
    return Skeletons3D(_stamp(message.header), message.header.frame_id, tuple(people))

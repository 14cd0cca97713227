"""`Bag`: what a recording holds of one camera, read as it is asked for. Any rosbag2, whole or damaged."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.adapters import all_adapters
from pose3d_ros.adapters.base import Context
from pose3d_ros.adapters.joints import JointMap
from pose3d_ros.core.errors import CameraError, InputError, Pose3DError
from pose3d_ros.core.pixels import to_bgr
from pose3d_ros.core.types import Hand3D, Keypoints2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags import choice
from pose3d_ros.lab.bags.definitions import Decoder
from pose3d_ros.lab.bags.storage import Storage
from pose3d_ros.lab.bags.types import NS_PER_S, Input, Timeline, TopicChoice, timeline
from pose3d_ros.messages import camera_from_msg, hand_from_msg, header_of, stamp_to_ns

NOT_DECODED = "message cannot be decoded"
Moment = tuple[Keypoints2D | None, int, Camera | None]  # keypoints, arrival; or a new calibration


class Received(NamedTuple):
    """One decoded message. `stamp_ns` is its header's, or the arrival where it has none or 0."""

    topic: str
    msgtype: str
    at_ns: int
    stamp_ns: int
    message: Any


class Bag:
    """A rosbag2: a folder, or one .mcap or .db3 file; compressed or not, split or not, with or without metadata.yaml.

    Nothing but the index of the files is held: every method reads what it needs, and can be called again. `topics`
    maps names to message types. `skipped` counts what could not be used, by reason; it is complete for what was read.
    Raises InputError where this is no bag.
    """

    def __init__(self, path: Path, topics: TopicChoice | None = None) -> None:
        self.path, self.choice = Path(path), topics or TopicChoice()
        self._storage = Storage(self.path)
        self.topics = {name: topic.msgtype for name, topic in sorted(self._storage.topics.items())}
        useful = {*all_adapters(), *choice.IMAGES, choice.INFO, choice.HANDS, *choice.TF}
        handed = [Path(part) for part in self.choice.msgs.split(os.pathsep) if part]
        self._decode = Decoder([t for t in self._storage.topics.values() if t.msgtype in useful], handed)
        self._counts: dict[str, Counter[str]] = {}
        span = self._storage.span_ns()
        self.start_ns, self.duration_s = (span[0], (span[1] - span[0]) / NS_PER_S) if span else (0, 0.0)

    @property
    def skipped(self) -> Counter[str]:
        """Reason -> how often. A second reading does not count twice."""
        return sum(self._counts.values(), self._storage.damage + self._decode.skipped)

    def count(self, what: str, reasons: Mapping[str, int]) -> None:
        """What a reader of this bag could not use, by reason; replaces what `what` counted before."""
        self._counting(what).update({f"{what}: {reason}": number for reason, number in reasons.items()})

    def messages(self, topics: Collection[str], counts: Counter[str] | None = None) -> Iterator[Received]:
        """Decoded messages of these topics in order of arrival; `counts` takes what cannot be decoded.

        Raises InputError where a type is not defined.
        """
        counts = Counter() if counts is None else counts
        for raw in self._storage.messages(topics):
            msgtype = self.topics[raw.topic]
            try:
                message = self._decode(raw.data, msgtype)
            except Pose3DError:
                raise
            except ValueError:
                counts[f"{raw.topic}: {NOT_DECODED}"] += 1
                continue
            header = header_of(message)
            stamp_ns = stamp_to_ns(header.stamp) if header else 0
            yield Received(raw.topic, msgtype, raw.at_ns, stamp_ns or raw.at_ns, message)

    def inputs(self) -> Iterator[Input]:
        """Keypoints in order of arrival, each with the newest calibration that had arrived.

        Those that came before the first calibration get that one: recorders often start in the middle. Empty where the
        bag has no keypoints at all. Raises InputError where several topics would serve.
        """
        counts = self._counting("keypoints")
        wanted, info = self.keypoint_topics, self.camera_topic
        camera, waiting = None, []
        frames = self._frames(wanted, info, counts)
        for frame, at_ns, new in joined(frames) if len(wanted) > 1 else frames:
            if frame is None:
                camera = new
                yield from (Input(past_ns, past, camera) for past_ns, past in waiting)
                waiting = []
            elif camera is None and info:
                waiting.append((at_ns, frame))
            else:
                yield Input(at_ns, frame, camera)
        yield from (Input(at_ns, frame, None) for at_ns, frame in waiting)

    def estimates(self) -> Timeline | None:
        """The recorded output of this package's nodes, hands with their bodies, None where there is none."""
        topic = choice.pick(self, "skeletons")
        if not topic:
            return None
        found, hands = self.skeletons(topic), self.hands()
        frames = tuple(replace(frame, hands=hands.get(frame.stamp_ns, ())) for frame in found.frames)
        return replace(found, frames=frames)

    def skeletons(self, topic: str, offset_ns: int = 0, joints: JointMap | None = None) -> Timeline:
        """3D skeletons of one topic in the frame of their headers; `joints` for messages that do not say what their
        points are. Raises InputError where there is no such topic, or it holds no skeletons."""
        counts, joints = self._counting(f"skeletons of {topic}"), joints or JointMap()
        adapter = all_adapters().get(self.topics.get(topic, ""))
        if not (adapter and adapter.skeletons):
            raise InputError(f"bag {self.path}: expected 3D skeletons on {topic!r}; {choice.listing(self)}")
        if adapter.needs_map and not joints.sources:
            raise InputError(f"{topic}: {adapter.msgtype} does not say what its points are: give a joint map file")
        found = []
        for received in self.messages([topic], counts):
            context = Context(topic, received.stamp_ns, joints=joints, skipped=counts)
            try:
                frame = adapter.skeletons(received.message, context)
                found.append((received.at_ns, replace(frame, stamp_ns=frame.stamp_ns + offset_ns)))
            except Pose3DError as error:
                counts[f"{topic}: {error}"] += 1
        result, doubled = timeline(found, f"topic:{topic}")
        if doubled:
            counts[f"{topic}: stamp came before"] += doubled
        return result

    def hands(self) -> dict[int, tuple[Hand3D, ...]]:
        """Recorded hands by stamp, empty where there are none."""
        topic, counts = choice.pick(self, "hands"), self._counting("hands")
        found: dict[int, tuple[Hand3D, ...]] = {}
        for received in self.messages([topic] if topic else (), counts):
            found[received.stamp_ns] = tuple(map(hand_from_msg, received.message.hands))
        return found

    @cached_property
    def keypoint_topics(self) -> tuple[str, ...]:
        """One, or several where there is one a person."""
        return choice.pick_keypoints(self)

    @cached_property
    def camera_topic(self) -> str:
        """The camera_info of the keypoints' image, "" where there is none."""
        return choice.pick_camera(self, self.keypoint_topics)

    @cached_property
    def camera(self) -> Camera | None:
        """The first calibration, None where there is no usable one. `inputs` knows later ones too."""
        for received in self.messages([self.camera_topic] if self.camera_topic else ()):
            try:
                return camera_from_msg(received.message)
            except CameraError:
                continue
        return None

    @cached_property
    def image_topic(self) -> str:
        """The likeliest topic of the colour image, "" where there is none."""
        return choice.pick_image(self)

    @cached_property
    def frame_id(self) -> str:
        """The camera's optical frame: that of the keypoints, else of the calibration, "" where neither says."""
        for topics in (self.keypoint_topics, (self.camera_topic,) if self.camera_topic else ()):
            for received in self.messages(topics):
                if received.message.header.frame_id:
                    return received.message.header.frame_id
        return ""

    @cached_property
    def image_stamps_ns(self) -> tuple[int, ...]:
        """Stamps of the images in order of arrival. No image is decoded for that."""
        return tuple(self._images)

    def image(self, stamp_ns: int) -> np.ndarray | None:
        """The image of this stamp, uint8 (H, W, 3) blue first; None where there is none or it is damaged."""
        place = self._images.get(stamp_ns)
        if place is None:
            return None
        try:
            return to_bgr(self._decode(self._storage.read(place), self.topics[self.image_topic]))
        except ValueError:  # InputError is one
            self._counts.setdefault("images", Counter())[f"{self.image_topic}: {NOT_DECODED}"] += 1
            return None

    @cached_property
    def _images(self) -> dict[int, Any]:
        """Stamp -> place of the image."""
        counts, found = self._counting("images"), {}
        for raw in self._storage.messages([self.image_topic] if self.image_topic else ()):
            stamp_ns = stamp_of(raw.data)
            if stamp_ns is None:
                counts[f"{raw.topic}: {NOT_DECODED}"] += 1
            elif (stamp_ns or raw.at_ns) in found:
                counts[f"{raw.topic}: stamp came before"] += 1
            else:
                found[stamp_ns or raw.at_ns] = raw.place
        return found

    def _frames(self, wanted: tuple[str, ...], info: str, counts: Counter[str]) -> Iterator[Moment]:
        """Keypoints, or a new calibration (and None for the keypoints), in order of arrival."""
        camera = None
        for received in self.messages({*wanted, info} - {""}, counts):
            if received.topic == info:
                try:
                    camera = camera_from_msg(received.message)
                    yield None, received.at_ns, camera
                except CameraError as error:
                    counts[f"{info}: {error}"] += 1
                continue
            adapter = all_adapters()[received.msgtype]
            context = Context(received.topic, received.stamp_ns, camera, skipped=counts)
            try:
                yield adapter.keypoints(received.message, context), received.at_ns, None
            except Pose3DError as error:
                counts[f"{received.topic}: {error}"] += 1

    def _counting(self, what: str) -> Counter[str]:
        """A fresh count, which replaces that of an earlier reading."""
        self._counts[what] = Counter()
        return self._counts[what]


def stamp_of(data: bytes | memoryview) -> int | None:
    """Of a serialised message that starts with a header, without decoding it; None where there is none."""
    head = bytes(data[:12])
    if len(head) < 12 or head[0] != 0 or head[1] not in (0, 1):
        return None
    order = "little" if head[1] else "big"
    return int.from_bytes(head[4:8], order) * NS_PER_S + int.from_bytes(head[8:12], order)


def joined(frames: Iterator[Moment]) -> Iterator[Moment]:
    """Keypoints of one stamp from several topics, one a person, as one frame that arrives with its last part."""
    parts: list[tuple[int, Keypoints2D]] = []
    for frame, at_ns, camera in frames:
        if parts and (frame is None or frame.stamp_ns != parts[0][1].stamp_ns):
            yield whole(parts)
            parts = []
        if frame is None:
            yield frame, at_ns, camera
        else:
            parts.append((at_ns, frame))
    if parts:
        yield whole(parts)


def whole(parts: list[tuple[int, Keypoints2D]]) -> Moment:
    """One frame of the parts of one stamp."""
    people = tuple(person for _, part in parts for person in part.people)
    return replace(parts[0][1], people=people), parts[-1][0], None

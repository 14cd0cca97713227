"""Which of a bag's topics serve: by name where the user gives one, else by type."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from os.path import commonpath
from pathlib import Path
from typing import Any, Protocol

from pose3d_ros.adapters import all_adapters
from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.bags.types import TopicChoice

IMAGES = ("sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image")
INFO = "sensor_msgs/msg/CameraInfo"
SKELETONS = "pose3d_ros/msg/Skeleton3DArray"
HANDS = "pose3d_ros/msg/Hand3DArray"
TF = ("tf2_msgs/msg/TFMessage",)
OWN = "pose3d_ros/"


class Bag(Protocol):
    """What is asked of a bag: `topics`, {name: type}, the user's `choice`, and messages."""

    path: Path
    choice: TopicChoice
    topics: dict[str, str]

    def messages(self, topics: Collection[str]) -> Iterator[Any]: ...


def listing(bag: Bag) -> str:
    """The topics of the bag, for messages of errors."""
    return "it holds " + (", ".join(f"{name} ({kind})" for name, kind in bag.topics.items()) or "no topics")


def pick(bag: Bag, what: str) -> str:
    """The topic of `skeletons` or `hands` of this package's nodes, "" where there is none. Raises InputError."""
    named = getattr(bag.choice, what)
    if named:
        return _existing(bag, named, what)
    return _only(bag, _inside(bag, {"skeletons": SKELETONS, "hands": HANDS}[what]), what)


def pick_keypoints(bag: Bag) -> tuple[str, ...]:
    """Topics of 2D keypoints: one, or all those with one person each. Raises InputError where several would serve."""
    named = bag.choice.keypoints
    if named.endswith("*"):
        found = tuple(topic for topic in bag.topics if topic.startswith(named[:-1]) and _is_2d(bag, topic))
        if not found:
            raise InputError(f"bag {bag.path}: no topic of keypoints is named {named}; {listing(bag)}")
        return found
    if named:
        return (_existing(bag, named, "keypoints"),)
    kinds = sorted({bag.topics[t] for t in bag.topics if _is_2d(bag, t)}, key=lambda kind: not kind.startswith(OWN))
    for kind in kinds:
        found = _inside(bag, kind)
        if found and all_adapters()[kind].per_person:
            return tuple(found)
        if found:
            return (_only(bag, found, "keypoints"),)
    return ()


def pick_image(bag: Bag) -> str:
    """The likeliest topic of the colour image: compressed before raw, no depth, the shortest name; "" if none."""
    if bag.choice.image:
        return _existing(bag, bag.choice.image, "image")
    found = [t for kind in IMAGES for t in _inside(bag, kind) if "depth" not in t.lower()]
    found.sort(key=lambda topic: (IMAGES.index(bag.topics[topic]), len(topic), topic))
    return found[0] if found else ""


def pick_camera(bag: Bag, keypoints: tuple[str, ...]) -> str:
    """The calibration in the frame of the keypoints, or with the most similar name; "" where there is none."""
    if bag.choice.camera_info:
        return _existing(bag, bag.choice.camera_info, "camera_info")
    found = _inside(bag, INFO)
    if len(found) < 2:
        return found[0] if found else ""
    wanted = _frame(bag, keypoints[0]) if keypoints else ""
    near = [topic for topic in found if wanted and _frame(bag, topic) == wanted] or found
    like = [name for name in (pick_image(bag), *keypoints) if name]
    length = {topic: max((len(commonpath([topic, name])) for name in like), default=0) for topic in near}
    best = [topic for topic in near if length[topic] == max(length.values())]
    return _only(bag, best, "camera_info")


def _is_2d(bag: Bag, topic: str) -> bool:
    adapter = all_adapters().get(bag.topics[topic])
    return bool(adapter and adapter.keypoints)


def _inside(bag: Bag, kind: str) -> list[str]:
    """Topics of a type below the namespace; none that holds truth."""
    space = bag.choice.namespace.rstrip("/") + "/"
    truth = bag.choice.truth
    return [t for t, k in bag.topics.items() if k == kind and t.startswith(space) and t != truth and not is_truth(t)]


def is_truth(topic: str) -> bool:
    """By its name, as synthetic bags have it; such a topic is no estimate."""
    return "truth" in topic.rsplit("/", 1)[-1]


def _only(bag: Bag, found: list[str], what: str) -> str:
    if len(found) > 1:
        raise InputError(
            f"bag {bag.path}: several topics serve as {what}: {', '.join(found)}; name one, or give a namespace"
        )
    return found[0] if found else ""


def _existing(bag: Bag, topic: str, what: str) -> str:
    if topic not in bag.topics:
        raise InputError(f"bag {bag.path}: there is no topic {topic} for {what}; {listing(bag)}")
    return topic


def _frame(bag: Bag, topic: str) -> str:
    """Frame of the topic's first message."""
    for received in bag.messages([topic]):
        return received.message.header.frame_id
    return ""

"""Truth for a bag: a topic of skeletons, TF frames, or a file of motion capture."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pose3d_ros.adapters.joints import JointMap, by_name, read_joint_map
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Person3D, Skeletons3D
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.transforms import TransformTree
from pose3d_ros.lab.bags.truth_files import read_file
from pose3d_ros.lab.bags.types import Timeline


def load_truth(
    source: str, bag: Bag, joint_map: Path | None = None, skeleton: str = "h36m17", offset_ns: int = 0
) -> Timeline:
    """True skeletons in the camera frame, `offset_ns` added to their stamps.

    `source`: "topic:/name"; "tf:prefix", the frames prefix + joint name, or "tf:" with the frames in the joint map;
    "file:path" (.npz, .csv, .c3d). `skeleton` is the one wanted, where source and map do not say; joints that the
    source does not have are INVALID. What lies in another frame is turned into the camera's by the bag's TF; moments
    at which TF is silent are left out, and counted in `bag.skipped`. Raises InputError where the source is absent or
    does not fit, ConfigError for the joint map.
    """
    kind, colon, name = source.partition(":")
    if not colon or kind not in ("topic", "tf", "file"):
        raise InputError(f"truth {source!r}: expected topic:/name, tf:prefix or file:path")
    joints = read_joint_map(joint_map, skeleton) if joint_map else None
    if kind == "tf":
        return _from_tf(bag, name, joints or by_name(skeleton, name), offset_ns)
    if kind == "topic":
        found = bag.skeletons(name, offset_ns, joints or JointMap(skeleton))
    else:
        found = read_file(Path(name), joints, skeleton, offset_ns)
    return in_camera(found, bag)


def in_camera(found: Timeline, bag: Bag) -> Timeline:
    """The skeletons in the camera's frame. A frame without a name, and any where the camera has none, stays."""
    camera = bag.frame_id
    if not camera or all(frame.frame_id in ("", camera) for frame in found.frames):
        return found
    tree, frames = TransformTree(bag), []
    for frame in found.frames:
        way = tree.lookup(camera, frame.frame_id or camera, frame.stamp_ns)
        if way is not None:
            people = tuple(replace(p, xyz_m=way(p.xyz_m.astype(np.float64))) for p in frame.people)
            frames.append(replace(frame, frame_id=camera, people=people))
    _count(bag, found.source, len(found.frames) - len(frames))
    return replace(found, frames=tuple(frames))


def _from_tf(bag: Bag, prefix: str, joints: JointMap, offset_ns: int) -> Timeline:
    """Frames of TF as joints, at every moment at which one of them was sent."""
    tree, camera, source = TransformTree(bag), bag.frame_id, f"tf:{prefix}"
    wanted = {frame for person in joints.people for names in joints.names(person).values() for frame in names}
    if not wanted & tree.links.keys():
        known = ", ".join(sorted(tree.links)) or "none"
        raise InputError(
            f"truth {source}: none of the frames {', '.join(sorted(wanted)[:5])} ... in TF; it has {known}"
        )
    if not camera:
        raise InputError(
            f"truth {source}: keypoints and camera_info name no frame_id, so where the camera is is unknown"
        )
    frames, silent = [], 0
    for stamp_ns in tree.stamps_of(wanted):
        points = {frame: _origin(tree, camera, frame, stamp_ns) for frame in wanted & tree.links.keys()}
        found = _people(joints, {frame: xyz for frame, xyz in points.items() if xyz is not None})
        silent += not found
        if found:
            frames.append(Skeletons3D(stamp_ns + offset_ns, camera, found))
    _count(bag, source, silent)
    return Timeline(tuple(frames), {}, source)


def _origin(tree: TransformTree, camera: str, frame: str, stamp_ns: int) -> np.ndarray | None:
    way = tree.lookup(camera, frame, stamp_ns)
    return None if way is None else way.t


def _people(joints: JointMap, points: dict[str, np.ndarray]) -> tuple[Person3D, ...]:
    people = [joints.person(points, name, number) for number, name in enumerate(joints.people, start=1)]
    return tuple(person for person in people if person)


def _count(bag: Bag, source: str, silent: int) -> None:
    bag.count(f"truth {source}", {"TF silent at this moment": silent} if silent else {})

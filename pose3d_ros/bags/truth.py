"""Truth for a bag: a topic of skeletons, TF frames, or a file of motion capture."""

from pathlib import Path

from pose3d_ros.bags.reader import Bag
from pose3d_ros.bags.types import Timeline
from pose3d_ros.core.errors import InputError


def load_truth(
    source: str, bag: Bag, joint_map: Path | None = None, skeleton: str = "h36m17", offset_ns: int = 0
) -> Timeline:
    """True skeletons in the camera frame, `offset_ns` added to their stamps.

    `source`: "topic:/name", "tf:prefix" (or "tf:" with the frames in the joint map), or "file:path" (.npz, .csv, .c3d).
    Raises InputError where the source is absent or does not fit.
    """
    kind, _, name = source.partition(":")
    if kind == "topic":
        return bag.skeletons(name, offset_ns)
    raise InputError(f"truth {source!r}: expected topic:/name, tf:prefix or file:path")

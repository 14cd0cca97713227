"""What a recording is made of, as this package's dataclasses."""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.geometry.camera import Camera

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TopicChoice:
    """Topics by name, where a bag holds several that would serve; "" = the only one, or the likeliest.

    `namespace` limits the choice to topics below it. `keypoints` may end in `*` for several topics that are read as
    one (one topic a person). `truth` names a topic that is never taken for recorded estimates. `msgs`: .msg files, or
    folders of packages (several: with the path separator), for types that the bag does not define.
    """

    keypoints: str = ""
    camera_info: str = ""
    image: str = ""
    skeletons: str = ""
    hands: str = ""
    truth: str = ""
    namespace: str = ""
    msgs: str = ""


@dataclass(frozen=True)
class Input:
    """One message as `Pipeline.push` takes it, with the calibration valid at that moment.

    `arrival_ns` is the recorder's time. `camera` is None where the bag holds no usable calibration.
    """

    arrival_ns: int
    keypoints: Keypoints2D
    camera: Camera | None


@dataclass(frozen=True)
class Timeline:
    """3D skeletons over time: truth, or recorded estimates.

    `frames` are sorted by stamp, each stamp once. `arrivals_ns` maps a stamp to the recorder's time of its message;
    empty where there was none (files). `source` says where it comes from. A joint that the source does not have is
    INVALID with NaN. Raises InputError for stamps out of order.
    """

    frames: tuple[Skeletons3D, ...]
    arrivals_ns: dict[int, int]
    source: str

    def __post_init__(self) -> None:
        stamps = self.stamps_ns
        if any(b <= a for a, b in pairwise(stamps)):
            raise InputError(f"{self.source}: expected frames with growing stamps")

    @cached_property
    def stamps_ns(self) -> tuple[int, ...]:
        return tuple(frame.stamp_ns for frame in self.frames)

    def at(self, stamp_ns: int, tolerance_ns: int = 0) -> Skeletons3D | None:
        """The frame nearest to this stamp (of two at the same distance the earlier), None where none is that near."""
        after = bisect.bisect_left(self.stamps_ns, stamp_ns)
        near = [i for i in (after - 1, after) if 0 <= i < len(self.frames)]
        best = min(near, key=lambda i: abs(self.stamps_ns[i] - stamp_ns), default=None)
        if best is None or abs(self.stamps_ns[best] - stamp_ns) > tolerance_ns:
            return None
        return self.frames[best]


def timeline(found: Iterable[tuple[int, Skeletons3D]], source: str) -> tuple[Timeline, int]:
    """A timeline of (arrival, skeletons) in any order, and how many were left out since their stamp came before.

    Of a stamp that came twice the first one counts, as for a subscriber that waits for it.
    """
    frames: dict[int, Skeletons3D] = {}
    arrivals: dict[int, int] = {}
    doubled = 0
    for arrival_ns, frame in found:
        if frame.stamp_ns in frames:
            doubled += 1
            continue
        frames[frame.stamp_ns], arrivals[frame.stamp_ns] = frame, arrival_ns
    return Timeline(tuple(frames[stamp] for stamp in sorted(frames)), arrivals, source), doubled

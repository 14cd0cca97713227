"""What the tracker is told and what it tells: parameters, tracks, and why a detection was not used."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.types import TrackState
from pose3d_ros.tracking.clock import StreamEvent


@dataclass(frozen=True)
class TrackingConfig:
    """How people are told apart from frame to frame, and from what is no person."""

    min_score: float = param(0.3, "keypoints with a lower score count as missing", low=0.0, high=1.0, live=True)
    min_keypoints: int = param(
        3, "keypoints that a detection without an id needs to start a new person; any continue one", low=1, live=True
    )
    min_size_px: float = param(
        20.0, "extent that a detection needs to start a new person; 0 = any", unit="px", low=0.0, live=True
    )
    max_distance: float = param(
        0.5, "mean distance of the keypoints from where a person is expected", unit="body sizes", low=0.01, high=0.9,
        live=True,
    )  # fmt: skip
    duplicate_distance: float = param(
        0.05, "detections closer than this are one person found twice; 0 keeps both", unit="body sizes", low=0.0,
        high=1.0, live=True,
    )  # fmt: skip
    timeout_s: float = param(
        1.0, "a person who is not seen for this long is dropped", unit="s", low=0.01, high=60.0, live=True
    )
    max_people: int = param(
        32, "of more people in one image the best-scored count, and twice as many hands; no more are known at a time",
        low=1, high=256, live=True,
    )  # fmt: skip
    confirm_frames: int = param(2, "sightings until a new person is no longer tentative", low=1, live=True)
    gate: bool = param(
        True, "hold back who looks like no person (size, distance, proportions, order of joints, scores) and stands "
        "still; false publishes everybody", live=True,
    )  # fmt: skip
    max_depth_m: float = param(20.0, "nobody is published farther away; 0 = no limit", unit="m", low=0.0, live=True)
    reentry_s: float = param(
        10.0, "who comes back within this time gets the old id and track if the proportions of the body say so; 0 = "
        "never", unit="s", low=0.0, high=600.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


class TrackReason(str, Enum):
    """Why a detection was not used, or not as it came. The values are what diagnostics count."""

    NOTHING_VISIBLE = "nothing_visible"
    DUPLICATE_PERSON = "duplicate_person"
    TOO_FEW_KEYPOINTS = "too_few_keypoints"  # belongs to nobody known and is too little to start somebody
    TOO_SMALL = "too_small"  # likewise
    LATE_UNKNOWN = "late_unknown_person"  # somebody new in a late frame
    TOO_OLD = "too_old_stamp"
    DUPLICATE_ID = "duplicate_id"  # used, but its id is another's in this frame
    ID_PASSED_ON = "source_id_passed_on"  # used, but its id was somebody else's a moment ago

    __str__ = str.__str__


USED = (TrackReason.DUPLICATE_ID, TrackReason.ID_PASSED_ON)


@dataclass
class Track:
    """One person. `number` is theirs alone. `id` is the first that the source gave them, or "p<number>"; `source_id`
    the one it gives them now, "" where it does not."""

    number: int
    id: str
    source_id: str
    born_ns: int
    last_seen_ns: int
    state: TrackState = TrackState.TENTATIVE
    frames_seen: int = 1
    name: str = ""  # what `id` is made of, once the source has said one


class Match(NamedTuple):
    """Detection `index` of the frame is this person. `jumped`: further than a body moves; its past says nothing now."""

    track: Track
    index: int
    jumped: bool = False


class Note(NamedTuple):
    """What to count about detection `index`."""

    index: int
    reason: TrackReason


class TrackingUpdate(NamedTuple):
    """Result of one frame. `gone`: who was dropped, unseen for too long or out of the image. On `event` GAP or BACKWARD
    everybody known before was."""

    matches: tuple[Match, ...]
    notes: tuple[Note, ...]
    event: StreamEvent | None
    gone: tuple[Track, ...] = ()

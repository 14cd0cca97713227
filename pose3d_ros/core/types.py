"""Border dataclasses. Arrays inside, checked on construction; they cross every folder border of the package.

Conventions: camera frame = ROS optical (x right, y down, z forward), metres; pixels with the origin at the centre of
the top left pixel; stamps in integer nanoseconds.
"""

import math
from dataclasses import dataclass, field
from enum import Enum, IntEnum

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import InputError


class JointState(IntEnum):
    """What a joint of the output rests on (same values as in Skeleton3D.msg)."""

    INVALID = 0
    MEASURED = 1  # its 2D keypoint was seen in this frame
    INFERRED = 2  # hidden in this frame; from time and the other joints


class TrackState(IntEnum):
    """State of a person's track (same values as in Skeleton3D.msg)."""

    TENTATIVE = 0  # new: the window holds little yet
    TRACKED = 1
    LOST = 2  # nothing seen in this frame; coasting on the window


class Method(str, Enum):
    """What a skeleton was computed with (same values as in the messages)."""

    DTF = "dtf"  # keypoints over time
    EXTPOSE = "extpose"  # keypoints and the image

    __str__ = str.__str__


CLOCKS_AGREE_MS = 60_000.0  # an age beyond that is two clocks: stamps of a recording, or of a simulation
MAX_STAMP_NS = 2**62  # the year 2116; differences of stamps stay within int64
SIDES = ("", "left", "right")


def optional(name: str, value: object, shape: tuple[int, ...], dtype: type) -> np.ndarray | None:
    """`checked`, with None for unknown."""
    return None if value is None else checked(name, value, shape, dtype)


def checked(name: str, value: object, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """`value` as a contiguous array of this shape and dtype, else InputError with expected and got."""
    try:
        array = np.ascontiguousarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected numbers of shape {shape}, got {value!r:.80} ({error})") from None
    if array.shape != shape:
        raise InputError(f"{name}: expected shape {shape}, got {array.shape}")
    return array


@dataclass(frozen=True)
class Person2D:
    """2D keypoints of one body, or of one hand, in one image.

    `xy_px` float32 (J, 2), NaN where the source gives no keypoint. `score` float32 (J,), 0..1. Infinite coordinates
    and non-finite scores count as absent; scores are clipped to 0..1. `side` is "" for a body and "left" / "right"
    for a hand. `id` is the source's identity, "" where it does not track; a hand may carry its person's id.
    """

    format: str
    xy_px: np.ndarray
    score: np.ndarray
    id: str = ""
    side: str = ""

    def __post_init__(self) -> None:
        count = len(formats.get(self.format))
        xy_px = checked(f"{self.format} xy_px", self.xy_px, (count, 2), np.float32)
        score = checked(f"{self.format} score", self.score, (count,), np.float32)
        if self.side not in SIDES:
            raise InputError(f"side: expected one of {SIDES}, got {self.side!r}")
        absent = ~(np.isfinite(xy_px).all(axis=1) & np.isfinite(score))
        object.__setattr__(self, "xy_px", np.where(absent[:, None], np.float32(np.nan), xy_px))
        object.__setattr__(self, "score", np.where(absent, np.float32(0), np.clip(score, 0, 1)))


@dataclass(frozen=True)
class Keypoints2D:
    """All people found in one image. `width` and `height` in pixels, 0 where unknown."""

    stamp_ns: int
    people: tuple[Person2D, ...]
    frame_id: str = ""
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.stamp_ns, int | np.integer) and 0 <= self.stamp_ns < MAX_STAMP_NS):
            raise InputError(f"stamp_ns: expected an integer, 0 <= stamp_ns < 2**62, got {self.stamp_ns!r}")
        object.__setattr__(self, "people", tuple(self.people))


@dataclass(frozen=True)
class Person3D:
    """One person's skeleton in the camera frame.

    `xyz_m` float32 (J, 3); `sigma_m` float32 (J,): 68 % of the position errors are expected to be below it, both NaN
    where `state` (uint8 (J,), `JointState`) is INVALID. `track` is a small integer that is never used twice.
    Known only where something estimates them, else None, NaN or 0: `velocity_m_s` float32 (J, 3), `quat_xyzw` float32
    (J, 4) turns each joint's rest axes into the camera frame, `root_covariance` float32 (3, 3) in m^2 of the root's
    position, `last_seen_ns` the stamp of the newest measured joint, `stature_m` sole to head top.
    """

    id: str
    track: int
    skeleton: str
    xyz_m: np.ndarray
    sigma_m: np.ndarray
    state: np.ndarray
    track_state: TrackState = TrackState.TRACKED
    method: Method = Method.DTF
    velocity_m_s: np.ndarray | None = None
    quat_xyzw: np.ndarray | None = None
    root_covariance: np.ndarray | None = None
    last_seen_ns: int = 0
    stature_m: float = math.nan

    def __post_init__(self) -> None:
        count = len(formats.get(self.skeleton))
        for name, shape in (("velocity_m_s", (count, 3)), ("quat_xyzw", (count, 4)), ("root_covariance", (3, 3))):
            object.__setattr__(self, name, optional(name, getattr(self, name), shape, np.float32))
        object.__setattr__(self, "xyz_m", checked("xyz_m", self.xyz_m, (count, 3), np.float32))
        object.__setattr__(self, "sigma_m", checked("sigma_m", self.sigma_m, (count,), np.float32))
        object.__setattr__(self, "state", checked("state", self.state, (count,), np.uint8))
        valid = self.state != JointState.INVALID
        if not (np.isfinite(self.xyz_m[valid]).all() and np.isfinite(self.sigma_m[valid]).all()):
            raise InputError(f"person {self.id}: expected finite joints where the state is valid")


@dataclass(frozen=True)
class Hand3D:
    """One hand of a person in the camera frame.

    Wrist pose: origin at the wrist; x to the middle finger's knuckle, z out of the palm, y = z cross x.
    `quat_xyzw` float32 (4,) turns palm axes into the camera frame. Joints as in `Person3D`, skeleton hand21.
    `joint_angles_rad` float32 (20,), order `pose3d_ros.geometry.hand.ANGLE_NAMES`. `aperture_m`: thumb to index tip.
    """

    person_id: str
    track: int
    side: str
    wrist_m: np.ndarray
    quat_xyzw: np.ndarray
    xyz_m: np.ndarray
    sigma_m: np.ndarray
    state: np.ndarray
    joint_angles_rad: np.ndarray
    aperture_m: float
    curl: np.ndarray  # float32 (5,): 0 straight .. 1 closed, thumb to little finger
    method: Method = Method.DTF
    velocity_m_s: np.ndarray | None = None  # float32 (21, 3)


@dataclass(frozen=True)
class Skeletons3D:
    """Everything known after one push, with the stamp and frame of the input.

    `predicted_s`: how far positions were extrapolated beyond the stamp. `stale`: the input was too old to act on.
    """

    stamp_ns: int
    frame_id: str
    people: tuple[Person3D, ...]
    hands: tuple[Hand3D, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()  # what was odd about people or stamps, from a small set of texts, to be counted
    predicted_s: float = 0.0
    stale: bool = False

"""What no body can be, however it was computed: the last look before something is published.

Limits are those of absurdity, not of plausibility: nobody who is there may be refused. Finer errors of the networks are
found by `stages.self_test`.
"""

from enum import Enum

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import Hand3D, JointState, Person3D
from pose3d_ros.stages.part import Part

NEAREST_M, FARTHEST_M = 0.05, 120.0
BODY_M, HAND_M = (0.15, 3.2), (0.01, 0.6)  # largest distance between two of the joints: a giant who stretches
BONE_M, HAND_BONE_M = 1.1, 0.3
JUMP_M, SPEED_M_S = 3.0, 40.0  # depth from one camera jitters by metres, far away; what jumps stays for a frame
MEMORY_NS = 2_000_000_000


class Absurd(str, Enum):
    """Why a skeleton was refused. The values are what diagnostics count."""

    DEPTH = "absurd_depth"
    SIZE = "absurd_size"
    BONE = "absurd_bone"
    SPEED = "absurd_speed"
    NUMBERS = "absurd_numbers"  # not finite, where they have to be

    __str__ = str.__str__


class Sanity(Part):
    """Remembers where everybody was. One for each stream."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget where people were."""
        self._roots: dict[int, tuple[int, np.ndarray]] = {}

    def bodies(self, stamp_ns: int, people: list[Person3D]) -> tuple[list[Person3D], list[str]]:
        """Those who can be, and why others cannot."""
        kept, reasons = [], []
        for person in people:
            why = _body(person) or self._speed(stamp_ns, person)
            if why:
                reasons.append(str(why))
            else:
                kept.append(person)
        old_ns = stamp_ns - MEMORY_NS
        self._roots = {track: root for track, root in self._roots.items() if root[0] > old_ns}
        return kept, reasons

    def hands(self, hands: list[Hand3D]) -> tuple[list[Hand3D], list[str]]:
        """Those that can be, and why others cannot."""
        found = [(hand, _hand(hand)) for hand in hands]
        return [hand for hand, why in found if not why], [str(why) for _, why in found if why]

    def _speed(self, stamp_ns: int, person: Person3D) -> Absurd | None:
        root = _valid(person)[0]
        before_ns, before = self._roots.get(person.track, (stamp_ns, root))
        self._roots[person.track] = stamp_ns, root
        allowed = JUMP_M + SPEED_M_S * abs(stamp_ns - before_ns) * 1e-9
        return Absurd.SPEED if np.linalg.norm(root - before) > allowed else None


def _valid(person: Person3D | Hand3D) -> np.ndarray:
    return person.xyz_m[person.state != JointState.INVALID].astype(np.float64)


def _body(person: Person3D) -> Absurd | None:
    others = (person.velocity_m_s, person.quat_xyzw, person.root_covariance)
    if any(array is not None and not np.isfinite(array).all() for array in others):
        return Absurd.NUMBERS
    return _shape(person, person.skeleton, BODY_M, BONE_M)


def _hand(hand: Hand3D) -> Absurd | None:
    numbers = (hand.wrist_m, hand.quat_xyzw, hand.joint_angles_rad, hand.curl, hand.aperture_m)
    if not all(np.isfinite(array).all() for array in numbers):
        return Absurd.NUMBERS
    return _shape(hand, "hand21", HAND_M, HAND_BONE_M)


def _shape(of: Person3D | Hand3D, skeleton: str, size_m: tuple[float, float], bone_m: float) -> Absurd | None:
    xyz_m = _valid(of)
    if not (len(xyz_m) and np.isfinite(xyz_m).all()):
        return Absurd.NUMBERS
    if not (xyz_m[:, 2].max() > NEAREST_M and np.abs(xyz_m).max() < FARTHEST_M):
        return Absurd.DEPTH
    extent_m = np.linalg.norm(np.ptp(xyz_m, axis=0))
    if len(xyz_m) == len(of.xyz_m) and not size_m[0] < extent_m < size_m[1]:
        return Absurd.SIZE
    parents = np.asarray(formats.get(skeleton).parent_index)
    child = np.flatnonzero(parents >= 0)
    bones_m = np.linalg.norm(of.xyz_m[child] - of.xyz_m[parents[child]], axis=-1)
    return Absurd.BONE if (bones_m > bone_m).any() else None  # NaN, where one end is unknown, is not more

"""`Followed`: whose hands and body drive the robot. Never another's by itself: closing the clutch chooses."""

from dataclasses import dataclass

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.types import Hand3D, Person3D, Skeletons3D

OPEN, NOBODY = "the clutch is open", "nobody is there"
LOST, EXCHANGED = (
    "the followed person is lost",
    "another may stand in the followed person's place: close the clutch again",
)


@dataclass(frozen=True)
class FollowConfig:
    """Whom to follow."""

    id: str = param("", "id of the person; empty = who is nearest when the clutch closes", live=True)
    jump_m: float = param(0.5, "what is farther away at once is another", unit="m", low=0.05, high=10.0, live=True)
    speed_m_s: float = param(4.0, "added to that for each second", unit="m/s", low=0.1, high=50.0, live=True)

    __post_init__ = validate


class Followed:
    """The person of one track and id. `reason` says why nobody drives; "" when somebody does.

    `place`: where they were last, metres in the input's frame.
    """

    def __init__(self, config: FollowConfig) -> None:
        self.config = config
        self.open()

    def open(self) -> None:
        """Nobody drives."""
        self.closed, self.track, self.reason = False, None, OPEN
        self._place: np.ndarray | None = None
        self._seen_ns, self._id = 0, ""

    def close(self) -> None:
        """Who is there next is followed from now on."""
        self.open()
        self.closed, self.reason = True, NOBODY

    def forget_place(self) -> None:
        """After stamps that jumped: nothing is known of the way between."""
        self._place = None

    def update(self, result: Skeletons3D) -> None:
        """Looks for the followed person in this result."""
        if not self.closed or self.reason == EXCHANGED:
            return
        if self.track is None and not self._choose(result):
            self.reason = NOBODY
            return
        found = [entry for entry in (*result.people, *result.hands) if entry.track == self.track]
        if not found:
            self.reason = LOST
        elif _id_of(found[0]) != self._id or self._jumped(found[0], result.stamp_ns):
            self.reason = EXCHANGED
        else:
            self._place, self._seen_ns, self.reason = place(found[0]), result.stamp_ns, ""

    def _choose(self, result: Skeletons3D) -> bool:
        """The one with the id, else the nearest body, else the nearest hand of nobody known."""
        wanted = [
            entry for entry in (*result.people, *result.hands) if not self.config.id or _id_of(entry) == self.config.id
        ]
        wanted = [entry for entry in wanted if np.isfinite(place(entry)).all()]
        if not wanted:
            return False
        chosen = min(wanted, key=lambda entry: (not isinstance(entry, Person3D), float(np.linalg.norm(place(entry)))))
        self.track, self._id = chosen.track, _id_of(chosen)
        return True

    def _jumped(self, entry: Person3D | Hand3D, stamp_ns: int) -> bool:
        at = place(entry)
        if self._place is None or not np.isfinite(at).all():
            return False
        way = float(np.linalg.norm(at - self._place))
        return way > self.config.jump_m + self.config.speed_m_s * max(stamp_ns - self._seen_ns, 0) / 1e9


def place(entry: Person3D | Hand3D) -> np.ndarray:
    """Middle of the joints that are known, metres (3,); NaN where none is."""
    if isinstance(entry, Hand3D):
        return np.asarray(entry.wrist_m, np.float64)
    found = np.isfinite(entry.xyz_m).all(1)
    return entry.xyz_m[found].mean(0, dtype=np.float64) if found.any() else np.full(3, np.nan)


def _id_of(entry: Person3D | Hand3D) -> str:
    return entry.person_id if isinstance(entry, Hand3D) else entry.id

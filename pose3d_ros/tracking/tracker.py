"""Identities: which person of this frame is which person of the frames before."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import TrackState, checked
from pose3d_ros.tracking.association import assign, duplicates
from pose3d_ros.tracking.clock import StreamClock, StreamEvent
from pose3d_ros.tracking.keypoints import hide_weak
from pose3d_ros.tracking.motion import Motion

SOURCE_IDS_REMEMBERED = 4096
TENTATIVE_COST = 0.5  # a confirmed person has the first claim on a detection


@dataclass(frozen=True)
class TrackingConfig:
    """How people are told apart from frame to frame."""

    min_score: float = param(0.3, "keypoints with a lower score count as missing", low=0.0, high=1.0, live=True)
    min_keypoints: int = param(
        3, "keypoints that a detection without an id needs to start a new person; any continue one", low=1, live=True
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

    def __post_init__(self) -> None:
        validate(self)


class TrackReason(str, Enum):
    """Why a detection was not used, or not as it came. The values are what diagnostics count."""

    NOTHING_VISIBLE = "nothing_visible"
    DUPLICATE_PERSON = "duplicate_person"
    TOO_FEW_KEYPOINTS = "too_few_keypoints"  # belongs to nobody known and is too little to start somebody
    LATE_UNKNOWN = "late_unknown_person"  # somebody new in a late frame
    TOO_OLD = "too_old_stamp"
    DUPLICATE_ID = "duplicate_id"  # used, but its id is another's in this frame

    __str__ = str.__str__


@dataclass
class Track:
    """One person. `number` is never used twice; `id` is the source's, or "p<number>"."""

    number: int
    id: str
    source_id: str
    born_ns: int
    last_seen_ns: int
    state: TrackState = TrackState.TENTATIVE
    frames_seen: int = 1


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
    """Result of one frame. On `event` GAP or BACKWARD everybody known before was dropped."""

    matches: tuple[Match, ...]
    notes: tuple[Note, ...]
    event: StreamEvent | None


class Tracker:
    """Keeps the identities of a stream of frames. Any one unit for all coordinates (pixels or rays)."""

    def __init__(self, config: TrackingConfig | None = None) -> None:
        self._clock = StreamClock(0)
        self._next_number = 1
        self.reconfigure(config or TrackingConfig())
        self.reset()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Everybody known now, those who coast unseen included."""
        return tuple(self._tracks)

    def reconfigure(self, config: TrackingConfig) -> None:
        """Other parameters from the next frame on; nobody is lost."""
        self.config = config
        self._timeout_ns = int(config.timeout_s * 1e9)
        self._clock.span_ns = self._timeout_ns

    def reset(self) -> None:
        """Forget everybody. Only the numbers go on, so that none is ever used twice."""
        self._clock.reset()
        self._clear()

    def _clear(self) -> None:
        self._tracks: list[Track] = []
        self._motion: Motion | None = None
        self._numbers: OrderedDict[str, int] = OrderedDict()  # of source ids, also after their person was dropped

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest frame, None before any."""
        return self._clock.newest_ns

    def turn(self, R: np.ndarray) -> None:
        """The camera turned: its old axes times `R` (3, 3) are the new ones. Positions must be rays x/z, y/z."""
        if self._motion is not None:
            self._motion.turn(R)

    def update(self, stamp_ns: int, people: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> TrackingUpdate:
        """Take one frame of detections (source id or "", xy (J, 2) NaN where missing, score (J,)).

        People with an id keep it; a new id may also take over somebody nameless at the same place. The others are
        assigned by their keypoints. Raises InputError on shapes that differ among people or from earlier frames.
        """
        stamp_ns = int(stamp_ns)
        ids, xy, score = self._stack(people)
        event = self._clock.judge(stamp_ns)
        if event is StreamEvent.TOO_OLD:
            return TrackingUpdate((), tuple(Note(i, TrackReason.TOO_OLD) for i in range(len(ids))), event)
        if event is StreamEvent.BACKWARD:
            self._clear()
        self._drop_unseen(self._clock.newest_ns)
        if self._motion is None and len(ids):
            self._motion = Motion(xy.shape[1])

        notes: list[Note] = []
        usable = self._usable(xy, score, ids, notes)
        late = event is StreamEvent.LATE
        pairs = self._associate(stamp_ns, xy, score, ids, usable, notes)
        matches = self._take(stamp_ns, pairs, xy, ids, late)
        rest = [i for i in usable if i not in pairs.values()]
        matches += self._start(stamp_ns, rest, xy, ids, late, notes)
        if event not in (StreamEvent.LATE, StreamEvent.DUPLICATE):
            self._mark_unseen(stamp_ns)
        self._keep_latest()
        self._name_tracks()
        matches.sort(key=lambda match: match.index)
        return TrackingUpdate(tuple(matches), tuple(sorted(notes)), event)

    def _stack(self, people: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> tuple[list[str], np.ndarray, np.ndarray]:
        """(ids, xy float64 (M, J, 2), score (M, J)) with what counts as missing hidden."""
        if not people:
            return [], np.empty((0, 0, 2)), np.empty((0, 0))
        joints = np.shape(people[0][1])[0] if np.ndim(people[0][1]) else 0
        if not joints:
            raise InputError(f"tracker xy: expected shape (J, 2) with at least one joint, got {np.shape(people[0][1])}")
        if self._motion is not None and joints != self._motion.xy.shape[1]:
            raise InputError(
                f"tracker: expected people of {self._motion.xy.shape[1]} joints as before, got {joints}; "
                "map all to one skeleton, or reset the tracker"
            )
        xy = np.stack([checked("tracker xy", p[1], (joints, 2), np.float64) for p in people])
        score = np.stack([checked("tracker score", p[2], (joints,), np.float64) for p in people])
        return [p[0] for p in people], *hide_weak(xy, score, self.config.min_score)

    def _drop_unseen(self, newest_ns: int) -> None:
        alive = [newest_ns - track.last_seen_ns <= self._timeout_ns for track in self._tracks]
        if not all(alive):
            self._tracks = [track for track, keep in zip(self._tracks, alive, strict=True) if keep]
            self._motion.keep(np.array(alive))

    def _usable(self, xy: np.ndarray, score: np.ndarray, ids: list[str], notes: list[Note]) -> list[int]:
        """Detections that show something and do not repeat another one."""
        visible = np.isfinite(xy).all(axis=-1).any(axis=-1)
        notes += [Note(int(i), TrackReason.NOTHING_VISIBLE) for i in np.flatnonzero(~visible)]
        shown = np.flatnonzero(visible)
        repeated = duplicates(xy[shown], score[shown], [ids[i] for i in shown], self.config.duplicate_distance)
        notes += [Note(int(shown[k]), TrackReason.DUPLICATE_PERSON) for k in repeated]
        return [int(i) for i in np.delete(shown, repeated)]

    def _associate(
        self, stamp_ns: int, xy: np.ndarray, score: np.ndarray, ids: list[str], usable: list[int], notes: list[Note]
    ) -> dict[int, int]:
        """Row of a track -> detection. Empties the id, in `ids`, of those whose id is another's in this frame."""
        if not usable:
            return {}
        cost, distance = self._motion.compare(stamp_ns, xy[usable])
        row_of = {track.source_id: row for row, track in enumerate(self._tracks) if track.source_id}
        pairs: dict[int, int] = {}
        for source_id, columns in _holders(ids, usable).items():
            row = row_of.get(source_id)
            total = score.sum(axis=1)
            best = min(columns, key=lambda c: -total[usable[c]] if row is None else cost[row, c])
            for column in columns:
                if column != best:
                    ids[usable[column]] = ""
                    notes.append(Note(usable[column], TrackReason.DUPLICATE_ID))
            if row is not None:
                pairs[row] = usable[best]

        allowed = distance <= self.config.max_distance
        allowed[list(pairs)] = False
        nameless = np.array([not track.source_id for track in self._tracks], bool)
        for column, i in enumerate(usable):
            if ids[i] in row_of:
                allowed[:, column] = False
            elif ids[i]:  # an id of the source is never given to somebody who has, or had, another
                allowed[:, column] &= nameless & (ids[i] not in self._numbers)
        tentative = np.array([track.state == TrackState.TENTATIVE for track in self._tracks], bool)
        for row, column in assign(cost + TENTATIVE_COST * tentative[:, None], allowed):
            pairs[row] = usable[column]
        return pairs

    def _take(self, stamp_ns: int, pairs: dict[int, int], xy: np.ndarray, ids: list[str], late: bool) -> list[Match]:
        """Update those who were recognised; a late frame says nothing new about where they are."""
        if not pairs:
            return []
        rows, columns = np.array(list(pairs)), list(pairs.values())
        jumped = np.zeros(len(rows), bool) if late else self._motion.correct(rows, xy[columns], stamp_ns)
        matches = []
        for row, i, jump in zip(rows, columns, jumped, strict=True):
            track = self._tracks[row]
            track.frames_seen += 1
            track.last_seen_ns = max(track.last_seen_ns, stamp_ns)
            if ids[i] and not track.source_id:
                track.source_id = ids[i]
            if track.source_id:
                self._remember(track.source_id, track.number)
            if not late:
                confirmed = track.frames_seen >= self.config.confirm_frames
                track.state = TrackState.TRACKED if confirmed else TrackState.TENTATIVE
            matches.append(Match(track, i, bool(jump)))
        return matches

    def _start(
        self, stamp_ns: int, rest: list[int], xy: np.ndarray, ids: list[str], late: bool, notes: list[Note]
    ) -> list[Match]:
        """New people. An id that was known gets its number back."""
        fresh = []
        for i in rest:
            if late:
                notes.append(Note(i, TrackReason.LATE_UNKNOWN))
            elif not ids[i] and np.isfinite(xy[i, :, 0]).sum() < self.config.min_keypoints:
                notes.append(Note(i, TrackReason.TOO_FEW_KEYPOINTS))
            else:
                fresh.append(i)
        if not fresh:
            return []
        self._motion.append(xy[fresh], stamp_ns)
        state = TrackState.TRACKED if self.config.confirm_frames <= 1 else TrackState.TENTATIVE
        tracks = [Track(self._number(ids[i]), "", ids[i], stamp_ns, stamp_ns, state) for i in fresh]
        self._tracks += tracks
        return [Match(track, i) for track, i in zip(tracks, fresh, strict=True)]

    def _number(self, source_id: str) -> int:
        number = self._numbers.get(source_id, self._next_number) if source_id else self._next_number
        self._next_number = max(self._next_number, number + 1)
        if source_id:
            self._remember(source_id, number)
        return number

    def _remember(self, source_id: str, number: int) -> None:
        self._numbers[source_id] = number
        self._numbers.move_to_end(source_id)
        if len(self._numbers) > SOURCE_IDS_REMEMBERED:
            self._numbers.popitem(last=False)

    def _mark_unseen(self, stamp_ns: int) -> None:
        for track in self._tracks:
            if track.last_seen_ns < stamp_ns and track.state == TrackState.TRACKED:
                track.state = TrackState.LOST

    def _keep_latest(self) -> None:
        """No more tracks than people may be: those of somebody seen last, and for longest."""
        surplus = len(self._tracks) - self.config.max_people
        if surplus > 0:
            last_first = sorted(range(len(self._tracks)), key=lambda row: self._rank(self._tracks[row]))
            alive = np.ones(len(self._tracks), bool)
            alive[last_first[:surplus]] = False
            self._tracks = [track for track, keep in zip(self._tracks, alive, strict=True) if keep]
            self._motion.keep(alive)

    @staticmethod
    def _rank(track: Track) -> tuple[int, int]:
        return track.last_seen_ns, track.frames_seen

    def _name_tracks(self) -> None:
        """The source's ids first; a made-up name gives way to an equal one of the source."""
        taken = {track.source_id for track in self._tracks}
        for track in self._tracks:
            track.id = track.source_id or f"p{track.number}"
            while not track.source_id and track.id in taken:
                track.id += "_"


def _holders(ids: list[str], usable: list[int]) -> dict[str, list[int]]:
    """Source id -> positions in `usable` of the detections that carry it."""
    holders: dict[str, list[int]] = {}
    for column, i in enumerate(usable):
        if ids[i]:
            holders.setdefault(ids[i], []).append(column)
    return holders

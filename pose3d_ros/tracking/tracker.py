"""Identities: which person of this frame is which person of the frames before."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import TrackState, checked
from pose3d_ros.tracking.association import assign, duplicates
from pose3d_ros.tracking.clock import StreamClock, StreamEvent
from pose3d_ros.tracking.keypoints import hide_weak
from pose3d_ros.tracking.motion import Motion, extent
from pose3d_ros.tracking.track import Match, Note, Track, TrackingConfig, TrackingUpdate, TrackReason
from pose3d_ros.tracking.view import View

SOURCE_IDS_REMEMBERED = 4096
TENTATIVE_COST = 0.5  # a confirmed person has the first claim on a detection
# Where the source says somebody is against where somebody is expected, in body sizes: see `Tracker._passed_on`
AT_HOME = 0.25
EVERYWHERE = View()


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

    def update(
        self, stamp_ns: int, people: Sequence[tuple[str, np.ndarray, np.ndarray]], view: View = EVERYWHERE
    ) -> TrackingUpdate:
        """Take one frame of detections (source id or "", xy (J, 2) NaN where missing, score (J,)) in a `view`.

        People with an id keep it, unless it jumps or is found where somebody else is; a new id may also take over
        somebody nameless at the same place. The others are assigned by their keypoints. Raises InputError on shapes
        that differ among people or from earlier frames.
        """
        stamp_ns = int(stamp_ns)
        ids, xy, score = self._stack(people)
        event = self._clock.judge(stamp_ns)
        if event is StreamEvent.TOO_OLD:
            return TrackingUpdate((), tuple(Note(i, TrackReason.TOO_OLD) for i in range(len(ids))), event)
        if event is StreamEvent.BACKWARD:
            self._clear()
        gone = self._drop(self._unseen(self._clock.newest_ns))
        if self._motion is None and len(ids):
            self._motion = Motion(xy.shape[1])

        notes: list[Note] = []
        usable = self._usable(xy, score, ids, notes)
        late = event is StreamEvent.LATE
        pairs = self._associate(stamp_ns, xy, score, ids, usable, notes)
        matches = self._take(stamp_ns, pairs, xy, ids, late)
        rest = [i for i in usable if i not in pairs.values()]
        matches += self._start(stamp_ns, rest, xy, ids, late, notes, view)
        if event not in (StreamEvent.LATE, StreamEvent.DUPLICATE):
            self._mark_unseen(stamp_ns)
            gone += self._drop(self._out_of_view(stamp_ns, view))
        gone += self._drop(self._surplus())
        self._name_tracks()
        matches.sort(key=lambda match: match.index)
        return TrackingUpdate(tuple(matches), tuple(sorted(notes)), event, tuple(gone))

    def recognise(self, track: Track, number: int, name: str) -> None:
        """It is somebody who was known before: `number` and `name` were, and are now, theirs."""
        self._numbers = OrderedDict((known, of) for known, of in self._numbers.items() if of != number)
        track.number, track.name = number, name
        if track.source_id:
            self._remember(track.source_id, number)
        self._name_tracks()

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

    def _unseen(self, newest_ns: int) -> np.ndarray:
        """Who was not seen for too long, bool (N,)."""
        return np.array([newest_ns - track.last_seen_ns > self._timeout_ns for track in self._tracks], bool)

    def _out_of_view(self, stamp_ns: int, view: View) -> np.ndarray:
        """Who is not seen and must have left the image by now, bool (N,)."""
        unseen = np.array([track.last_seen_ns < stamp_ns for track in self._tracks], bool)
        return unseen & view.left(self._motion.predict(stamp_ns)) if unseen.any() else unseen

    def _drop(self, rows: np.ndarray) -> list[Track]:
        """Forget these rows (mask); returns who they were."""
        gone = [track for track, drop in zip(self._tracks, rows, strict=True) if drop]
        if gone:
            self._tracks = [track for track, drop in zip(self._tracks, rows, strict=True) if not drop]
            self._motion.keep(~rows)
        return gone

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
        released = self._release(stamp_ns, xy, ids, pairs, dict(zip(usable, distance.T, strict=True)), notes)

        allowed = distance <= self.config.max_distance
        allowed[list(pairs)] = False
        nameless = np.array([not track.source_id for track in self._tracks], bool)
        for column, i in enumerate(usable):
            if i in pairs.values():
                allowed[:, column] = False
            elif i in released:  # perhaps to somebody whose own id is gone
                allowed[:, column] &= ~np.array([track.source_id in ids for track in self._tracks]) | nameless
            elif ids[i]:  # an id of the source is never given to somebody who has, or had, another
                allowed[:, column] &= nameless & (ids[i] not in self._numbers)
        tentative = np.array([track.state == TrackState.TENTATIVE for track in self._tracks], bool)
        for row, column in assign(cost + TENTATIVE_COST * tentative[:, None], allowed):
            pairs[row] = usable[column]
        return pairs

    def _release(
        self, stamp_ns: int, xy: np.ndarray, ids: list[str], pairs: dict[int, int], distance: dict[int, np.ndarray],
        notes: list[Note],
    ) -> set[int]:  # fmt: skip
        """Take out of `pairs` (row -> detection) whoever's id was passed on to somebody else, and forget whose it was.
        They are then assigned by their keypoints. `distance`: of each detection from everybody (N,). Returns them."""
        released: set[int] = set()
        if not pairs or stamp_ns < self._clock.newest_ns:  # a late frame says nothing new about where they are
            return released
        rows, columns = np.array(list(pairs)), list(pairs.values())
        jumped = self._motion.jumps(rows, xy[columns], stamp_ns)
        strayed = {row: distance[i][row] > self.config.max_distance for row, i in pairs.items()}
        free = np.array([row not in pairs or strayed[row] for row in range(len(self._tracks))], bool)
        for row, i, jump in zip(rows, columns, jumped, strict=True):
            elsewhere = free & (np.arange(len(free)) != row) & (distance[i] < AT_HOME)
            if jump or (strayed[row] and elsewhere.any()):
                del pairs[row]
                self._numbers.pop(ids[i], None)
                self._tracks[row].source_id = ""
                notes.append(Note(i, TrackReason.ID_PASSED_ON))
                released.add(i)
        return released

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
            if ids[i] not in ("", track.source_id):
                self._numbers.pop(track.source_id, None)
                track.source_id = ids[i]
            if track.source_id:
                self._remember(track.source_id, track.number)
            if not late:
                confirmed = track.frames_seen >= self.config.confirm_frames
                track.state = TrackState.TRACKED if confirmed else TrackState.TENTATIVE
            matches.append(Match(track, i, bool(jump)))
        return matches

    def _start(
        self, stamp_ns: int, rest: list[int], xy: np.ndarray, ids: list[str], late: bool, notes: list[Note], view: View
    ) -> list[Match]:
        """New people. An id that was known gets its number back."""
        fresh = []
        for i in rest:
            if late:
                notes.append(Note(i, TrackReason.LATE_UNKNOWN))
            elif np.isfinite(xy[i, :, 0]).sum() < self.config.min_keypoints:
                if ids[i]:
                    fresh.append(i)
                else:
                    notes.append(Note(i, TrackReason.TOO_FEW_KEYPOINTS))
            elif extent(xy[i : i + 1])[0] < self.config.min_size_px * view.pixel:
                notes.append(Note(i, TrackReason.TOO_SMALL))
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

    def _surplus(self) -> np.ndarray:
        """Who is too many, bool (N,): those who were seen last long ago, and of equals the shortest."""
        order = np.lexsort(([t.frames_seen for t in self._tracks], [t.last_seen_ns for t in self._tracks]))
        too_many = np.zeros(len(self._tracks), bool)
        too_many[order[: max(len(order) - self.config.max_people, 0)]] = True
        return too_many

    def _name_tracks(self) -> None:
        """The source's ids first, and whoever has one keeps it; a made-up name gives way to an equal one."""
        taken = {track.name for track in self._tracks}
        for track in self._tracks:
            if not track.name and track.source_id not in taken:
                track.name = track.source_id
                taken.add(track.name)
        for track in self._tracks:
            track.id = track.name or f"p{track.number}"
            while not track.name and track.id in taken:
                track.id += "_"


def _holders(ids: list[str], usable: list[int]) -> dict[str, list[int]]:
    """Source id -> positions in `usable` of the detections that carry it."""
    holders: dict[str, list[int]] = {}
    for column, i in enumerate(usable):
        if ids[i]:
            holders.setdefault(ids[i], []).append(column)
    return holders

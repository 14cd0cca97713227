"""The temporal window of one person: observations at any times in, a regular grid of frames out."""

import itertools
import math
from collections.abc import Callable

import numpy as np

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import checked
from pose3d_ros.tracking.clock import StreamClock, StreamEvent
from pose3d_ros.tracking.keypoints import hide_weak, merged

# The buffer resolves a quarter of a slot: all frames of a stream up to four times the model's rate are kept apart.
CELLS_PER_SLOT = 4
EMPTY = np.iinfo(np.int64).min
Turn = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (stamps_ns (...), xy (..., J, 2)) -> xy (..., J, 2)
_REVISIONS = itertools.count(1)  # no two windows share one


class Window:
    """The last `frames` slots of one person's keypoints, `rate_hz` slots per second.

    Observations lie in a preallocated ring that their stamp addresses, so late ones fall into their place. What they
    are in (undistorted rays x/z, y/z in the pipeline) makes no difference here. `revision` is another number once
    something in the past was changed, not only added to. Raises ConfigError.
    """

    def __init__(self, frames: int, joints: int, rate_hz: float) -> None:
        if frames < 1 or joints < 1:
            raise ConfigError(f"window: expected at least 1 frame and 1 joint, got {frames} and {joints}")
        if not (math.isfinite(rate_hz) and rate_hz > 0):
            raise ConfigError(f"window: expected rate_hz > 0, got {rate_hz}")
        self.frames, self.joints, self.rate_hz = frames, joints, float(rate_hz)
        # An observation at age a belongs to slot T-1 - floor(a * rate + 1/2): the window ends half a slot early.
        self._clock = StreamClock(math.ceil((frames - 0.5) / rate_hz * 1e9) - 1)
        self._cell_ns = max(1, int(1e9 / (rate_hz * CELLS_PER_SLOT)))
        self._cells = self._clock.span_ns // self._cell_ns + 2
        self._stamp_ns = np.full(self._cells, EMPTY, np.int64)
        # One row more than cells: what a slot without an observation reads.
        self._xy = np.full((self._cells + 1, joints, 2), np.nan, np.float32)
        self._score = np.zeros((self._cells + 1, joints), np.float32)
        self.revision = next(_REVISIONS)

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest observation, None when there is none."""
        return self._clock.newest_ns

    def clear(self) -> None:
        """Forget everything."""
        self._clock.reset()
        self._stamp_ns[:] = EMPTY
        self.revision = next(_REVISIONS)

    def push(self, stamp_ns: int, xy: np.ndarray, score: np.ndarray) -> StreamEvent | None:
        """Add the keypoints of one frame: `xy` (J, 2), `score` (J,); NaN or score 0 = missing.

        Returns what was unusual about the stamp, None in the normal case. TOO_OLD: not used. GAP, BACKWARD: the window
        was cleared first. LATE: put in its place. DUPLICATE: replaces the one with that stamp. SURPLUS: merged
        with another one within a quarter of a slot. Raises InputError on a wrong shape.
        """
        xy = checked("window xy", xy, (self.joints, 2), np.float32)
        score = checked("window score", score, (self.joints,), np.float32)
        stamp_ns = int(stamp_ns)
        event = self._clock.judge(stamp_ns)
        if event is StreamEvent.TOO_OLD:
            return event
        if event is not None and event is not StreamEvent.DUPLICATE:
            self.revision = next(_REVISIONS)
        if event in (StreamEvent.GAP, StreamEvent.BACKWARD):
            self._stamp_ns[:] = EMPTY
        cell = stamp_ns // self._cell_ns
        row = cell % self._cells
        stored_ns = int(self._stamp_ns[row])
        if stored_ns == stamp_ns:
            event = StreamEvent.DUPLICATE
        xy, score = hide_weak(xy, score)
        if stored_ns != stamp_ns and stored_ns != EMPTY and stored_ns // self._cell_ns == cell:
            event = StreamEvent.SURPLUS
            both = [(self._xy[row], self._score[row]), (xy, score)][:: 1 if stored_ns < stamp_ns else -1]
            xy, score = merged(*(np.stack(arrays) for arrays in zip(*both, strict=True)))
            stamp_ns = max(stamp_ns, stored_ns)
        self._stamp_ns[row] = stamp_ns
        self._xy[row], self._score[row] = xy, score
        return event

    def grid(self, newest_stamp_ns: int | None = None, turn: Turn | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(xy float32 (T, J, 2), score float32 (T, J)), NaN and 0 where missing; new arrays.

        Slot T-1 lies at `newest_stamp_ns`: pass the stamp of the frame, which this person may be absent from; default
        is the newest observation. Every observation goes to the slot nearest in time; several in one slot are merged
        joint by joint (`merged`); those after `newest_stamp_ns` are left out. `turn` makes of what was seen
        at some stamps what would be seen now, NaN where nothing.
        """
        end_ns = self.newest_ns if newest_stamp_ns is None else int(newest_stamp_ns)
        rows = self._rows(end_ns)
        xy, score = self._xy.take(rows, axis=0), self._score.take(rows, axis=0)
        if turn:
            xy = turn(np.append(self._stamp_ns, EMPTY)[rows], xy)
            score = np.where(np.isfinite(xy[..., 0]), score, 0)
        return (xy[0], score[0]) if len(rows) == 1 else merged(xy, score)

    def _rows(self, end_ns: int | None) -> np.ndarray:
        """Buffer rows (D, T) of each slot's observations, oldest first; the empty row where there is none."""
        if end_ns is None:
            return np.full((1, self.frames), self._cells)
        first_ns = max(end_ns - self._clock.span_ns, EMPTY + 1)
        held = np.flatnonzero((self._stamp_ns >= first_ns) & (self._stamp_ns <= end_ns))
        held = held[np.argsort(self._stamp_ns[held])]
        age_ns = end_ns - self._stamp_ns[held]
        back = np.floor(age_ns * (self.rate_hz * 1e-9) + 0.5).astype(np.int64)
        slot = self.frames - 1 - np.minimum(back, self.frames - 1)  # rounding at the far end
        nth = np.arange(len(slot)) - np.searchsorted(slot, slot)  # of its slot
        rows = np.full((nth.max(initial=0) + 1, self.frames), self._cells)
        rows[nth, slot] = held
        return rows

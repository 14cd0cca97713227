"""Judges the stamps of a stream: in order, repeated, late, too old, after a gap, or from a stream that went back."""

from enum import Enum


class StreamEvent(str, Enum):
    """What was unusual about a stamp. The values are what diagnostics count."""

    DUPLICATE = "duplicate_stamp"
    LATE = "late_stamp"  # out of order, still of use
    SURPLUS = "faster_than_window"  # much closer to its neighbour than the window resolves; both are merged
    TOO_OLD = "too_old_stamp"  # refused
    GAP = "stream_gap"  # nothing for longer than the memory: what was known is void
    BACKWARD = "stream_backward"  # the stream starts again earlier (a looped bag, a reset clock): likewise void

    __str__ = str.__str__


# A straggler must not void everything, so a stream has to prove that it went back: by this many rising old stamps
# without one in order between them. Stamps that still fit into the memory are far more often only late.
BACKWARD_AFTER_TOO_OLD = 2
BACKWARD_AFTER_LATE = 5


class StreamClock:
    """Follows the stamps of one stream whose memory reaches `span_ns` back.

    `newest_ns` is the newest stamp accepted, None at the start. The memory is the caller's: it clears it on GAP and
    BACKWARD, and must not use a stamp that is TOO_OLD.
    """

    def __init__(self, span_ns: int) -> None:
        self.span_ns = int(span_ns)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self.newest_ns: int | None = None
        self._end_old_run()

    def judge(self, stamp_ns: int) -> StreamEvent | None:
        """Take the next stamp; None when it is the first, or newer than all before."""
        if self.newest_ns is None:
            self.newest_ns = stamp_ns
            return None
        ahead = stamp_ns - self.newest_ns
        if ahead < 0:
            return self._judge_old(stamp_ns, too_old=-ahead > self.span_ns)
        self._end_old_run()
        self.newest_ns = stamp_ns
        if ahead == 0:
            return StreamEvent.DUPLICATE
        return StreamEvent.GAP if ahead > self.span_ns else None

    def _judge_old(self, stamp_ns: int, too_old: bool) -> StreamEvent:
        rising = self._last_old_ns is not None and stamp_ns > self._last_old_ns
        self._old_run = self._old_run + 1 if rising else 1
        self._last_old_ns = stamp_ns
        if self._old_run >= (BACKWARD_AFTER_TOO_OLD if too_old else BACKWARD_AFTER_LATE):
            self._end_old_run()
            self.newest_ns = stamp_ns
            return StreamEvent.BACKWARD
        return StreamEvent.TOO_OLD if too_old else StreamEvent.LATE

    def _end_old_run(self) -> None:
        self._last_old_ns: int | None = None
        self._old_run = 0

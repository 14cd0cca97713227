"""The hands in one camera's view: whose they are, and the temporal window of each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from pose3d_ros.tracking.clock import StreamClock, StreamEvent
from pose3d_ros.tracking.hand_matching import LABEL_COST, BodyWrists, HandReason, SeenHand, solve, to_wrists, usable
from pose3d_ros.tracking.smoothing import OneEuro
from pose3d_ros.tracking.window import Window

# Hands without a body count from here, so that their numbers are never those of people
FIRST_BODILESS = 1 << 20
MOST = 512  # tracks at a time; those seen last
REACH = 3.0  # palms that a hand without a body may move from frame to frame


@dataclass
class HandTrack:
    """One hand. `track` and `person_id` are its person's; without a body the number is its own and the id is ""."""

    track: int
    person_id: str
    side: str
    window: Window
    has_body: bool
    last_seen_ns: int = 0
    middle: np.ndarray | None = None
    smoother: OneEuro | None = None


class HandTracks:
    """Windows of `frames` slots at `rate_hz`, one for each person and side, and for each hand without a person."""

    def __init__(self, frames: int, rate_hz: float) -> None:
        self._shape = (frames, 21, rate_hz)
        self._clock = StreamClock(int(frames / rate_hz * 1e9))
        self._next = FIRST_BODILESS
        self.tracks: list[HandTrack] = []

    def push(self, stamp_ns: int, hands: list[SeenHand], bodies: list[BodyWrists]) -> list[HandReason]:
        """Take one frame. Returns what was odd."""
        event = self._clock.judge(stamp_ns)
        if event is StreamEvent.TOO_OLD:
            return []
        if event in (StreamEvent.GAP, StreamEvent.BACKWARD):
            self.tracks.clear()
        self.tracks = [t for t in self.tracks if stamp_ns - t.last_seen_ns <= self._clock.span_ns]
        self._release(bodies)
        hands, reasons = usable(hands)
        owned = to_wrists(hands, bodies)
        names = {body.track: body.id for body in bodies}
        for row, (track, side) in owned.items():
            if hands[row].side != side:
                reasons.append(HandReason.SIDE_CORRECTED)
            self._see(stamp_ns, self._of_body(hands[row], track, names[track], side), hands[row])
        rest = [hand for row, hand in enumerate(hands) if row not in owned]
        if bodies:
            reasons += [HandReason.FAR_FROM_WRISTS] * len(rest)
        for hand, track in zip(rest, self._bodiless(rest), strict=True):
            self._see(stamp_ns, track, hand)
        if len(self.tracks) > MOST:
            self.tracks = sorted(self.tracks, key=lambda track: -track.last_seen_ns)[:MOST]
        return reasons

    def windows(
        self, tracks: list[HandTrack], stamp_ns: int, turn: Callable | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rays (N, T, 21, 2), NaN where missing, and scores (N, T, 21) of these hands; slot T - 1 is now. `turn`
        (track, stamps_ns, rays) as in `Window.grid`."""
        grids = [track.window.grid(stamp_ns, turn and partial(turn, track.track)) for track in tracks]
        return np.stack([xy for xy, _ in grids]), np.stack([score for _, score in grids])

    def reset(self) -> None:
        """Forget all hands; only the numbers go on."""
        self._clock.reset()
        self.tracks.clear()

    def _see(self, stamp_ns: int, track: HandTrack, hand: SeenHand) -> None:
        track.window.push(stamp_ns, hand.rays, hand.score)
        track.last_seen_ns = max(track.last_seen_ns, stamp_ns)
        track.middle = hand.middle

    def _release(self, bodies: list[BodyWrists]) -> None:
        """Hands of people who are gone stay, as hands of nobody."""
        known = {body.track for body in bodies}
        for track in self.tracks:
            if track.has_body and track.track not in known:
                track.track, track.person_id, track.has_body = self._number(), "", False

    def _of_body(self, hand: SeenHand, number: int, person_id: str, side: str) -> HandTrack:
        """This side's track of a person; a hand seen here before its body was found becomes it."""
        for track in self.tracks:
            if (track.track, track.side) == (number, side):
                track.person_id = person_id
                return track
        free = [track for track in self.tracks if not track.has_body]
        for _, column in solve(_distances([hand], free)):
            track = free[column]
            track.track, track.person_id, track.side, track.has_body = number, person_id, side, True
            return track
        return self._start(number, person_id, side, True)

    def _bodiless(self, hands: list[SeenHand]) -> list[HandTrack]:
        """A track for each of these hands: the one nearby, or a new one. Without a body a label cannot be corrected,
        but a known hand does not change sides."""
        free = [track for track in self.tracks if not track.has_body]
        pairs = dict(solve(_distances(hands, free)))
        return [
            free[pairs[row]] if row in pairs else self._start(self._number(), "", hand.side, False)
            for row, hand in enumerate(hands)
        ]

    def _start(self, number: int, person_id: str, side: str, has_body: bool) -> HandTrack:
        track = HandTrack(number, person_id, side, Window(*self._shape), has_body)
        self.tracks.append(track)
        return track

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


def _distances(hands: list[SeenHand], tracks: list[HandTrack]) -> np.ndarray:
    """Cost (H, T) of continuing a track with a hand, inf beyond reach."""
    cost = np.full((len(hands), len(tracks)), np.inf)
    for row, hand in enumerate(hands):
        for column, track in enumerate(tracks):
            apart = float(np.linalg.norm(hand.middle - track.middle)) / hand.palm
            if apart <= REACH:
                cost[row, column] = apart + LABEL_COST * (hand.side != track.side)
    return cost

"""Everybody in one camera's view: identities, and the temporal window and output filter of each."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from pose3d_ros.tracking.clock import StreamEvent
from pose3d_ros.tracking.keypoints import hide_weak
from pose3d_ros.tracking.smoothing import OneEuro, SmoothingConfig
from pose3d_ros.tracking.tracker import Track, Tracker, TrackingConfig
from pose3d_ros.tracking.window import Window

RESTARTS = (StreamEvent.GAP, StreamEvent.BACKWARD)


class Windows(NamedTuple):
    """Everybody known: tracks, rays (N, T, J, 2) with NaN where missing, scores (N, T, J); slot T - 1 is now."""

    tracks: list[Track]
    rays: np.ndarray
    score: np.ndarray


class People:
    """Windows of `frames` slots of `joints` keypoints at `rate_hz`, one for each tracked person."""

    def __init__(
        self, frames: int, joints: int, rate_hz: float, tracking: TrackingConfig, smoothing: SmoothingConfig
    ) -> None:
        self._shape = (frames, joints, rate_hz)
        self._smoothing = smoothing
        self._tracker = Tracker(tracking)
        self._windows: dict[int, Window] = {}
        self._filters: dict[int, OneEuro] = {}

    def push(
        self, stamp_ns: int, people: list[tuple[str, np.ndarray, np.ndarray]], R: np.ndarray | None = None
    ) -> list[str]:
        """Take one frame: (source id or "", rays (J, 2), score (J,)) of each. `R` (3, 3) turned the camera's axes since
        the newest frame, None = not at all.

        Returns what was odd: values of `Reason`, one for each detection concerned, and of `StreamEvent`.
        """
        if R is not None:
            self._tracker.turn(R)
        update = self._tracker.update(stamp_ns, people)
        if update.event in RESTARTS:
            self._forget(set(self._windows))
        self._forget(set(self._windows) - {track.number for track in self._tracker.tracks})
        for track, index, jumped in update.matches:
            if track.number not in self._windows:
                self._windows[track.number] = Window(*self._shape)
            window = self._windows[track.number]
            if jumped:
                window.clear()
                self._filters.pop(track.number, None)
            _, rays, score = people[index]
            window.push(stamp_ns, *hide_weak(rays, score, self._tracker.config.min_score))
        return [str(note.reason) for note in update.notes] + ([str(update.event)] if update.event else [])

    def windows(self, stamp_ns: int, turn: Callable | None = None) -> Windows:
        """The windows as they are at a stamp; new arrays. `turn` (track, stamps_ns, rays) as in `Window.grid`."""
        tracks = [track for track in self._tracker.tracks if track.number in self._windows]
        frames, joints, _ = self._shape
        rays = np.empty((len(tracks), frames, joints, 2), np.float32)
        score = np.empty((len(tracks), frames, joints), np.float32)
        for i, track in enumerate(tracks):
            rays[i], score[i] = self._windows[track.number].grid(stamp_ns, turn and partial(turn, track.number))
        return Windows(tracks, rays, score)

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest frame."""
        return self._tracker.newest_ns

    def revisions(self, tracks: list[Track]) -> list[int]:
        """Of these tracks' windows: another number once a window's past was changed, not only added to."""
        return [self._windows[track.number].revision for track in tracks]

    def smooth(self, tracks: list[Track], stamp_ns: int, xyz_m: np.ndarray) -> np.ndarray:
        """Joints (N, J, 3) of these tracks, filtered as configured."""
        if not (self._smoothing.min_cutoff_hz and tracks):
            return xyz_m
        return np.stack(
            [
                self._filters.setdefault(track.number, OneEuro(self._smoothing))(stamp_ns, joints)
                for track, joints in zip(tracks, xyz_m, strict=True)
            ]
        )

    def reconfigure(self, tracking: TrackingConfig, smoothing: SmoothingConfig) -> None:
        """Other parameters from the next frame on; nobody is lost."""
        self._tracker.reconfigure(tracking)
        if smoothing != self._smoothing:
            self._smoothing = smoothing
            self._filters.clear()

    def reset(self) -> None:
        """Forget everybody."""
        self._tracker.reset()
        self._forget(set(self._windows))

    def _forget(self, numbers: set[int]) -> None:
        for number in numbers:
            self._windows.pop(number, None)
            self._filters.pop(number, None)

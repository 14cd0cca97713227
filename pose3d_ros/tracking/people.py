"""Everybody in one camera's view: who is a person and who is who, and the temporal window and output filter of each."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.tracking.clock import StreamEvent
from pose3d_ros.tracking.keypoints import hide_weak
from pose3d_ros.tracking.plausibility import Gate
from pose3d_ros.tracking.reentry import Reentry
from pose3d_ros.tracking.smoothing import OneEuro, SmoothingConfig
from pose3d_ros.tracking.track import Track, TrackingConfig
from pose3d_ros.tracking.tracker import EVERYWHERE, Tracker
from pose3d_ros.tracking.view import View
from pose3d_ros.tracking.window import Window

RESTARTS = (StreamEvent.GAP, StreamEvent.BACKWARD)


class Windows(NamedTuple):
    """Everybody known: tracks, rays (N, T, J, 2) with NaN where missing, scores (N, T, J); slot T - 1 is now."""

    tracks: list[Track]
    rays: np.ndarray
    score: np.ndarray


class People:
    """Windows of `frames` slots of a skeleton's keypoints at `rate_hz`, one for each tracked person."""

    def __init__(
        self, frames: int, skeleton: Skeleton, rate_hz: float, tracking: TrackingConfig, smoothing: SmoothingConfig
    ) -> None:
        self._shape = (frames, len(skeleton), rate_hz)
        self._smoothing = smoothing
        self._tracker = Tracker(tracking)
        self._gate, self._reentry = Gate(skeleton), Reentry(skeleton)
        self._windows: dict[int, Window] = {}
        self._filters: dict[int, OneEuro] = {}
        self._published: set[int] = set()
        self._view = EVERYWHERE

    def push(
        self, stamp_ns: int, people: list[tuple[str, np.ndarray, np.ndarray]], view: View = EVERYWHERE,
        R: np.ndarray | None = None,
    ) -> list[str]:  # fmt: skip
        """Take one frame: (source id or "", rays (J, 2), score (J,)) of each, and what the camera sees.

        `R` (3, 3) turned the camera's axes since the newest frame, None = not at all.

        Returns what was odd: values of `TrackReason`, one for each detection concerned, and of `StreamEvent`.
        """
        if R is not None:
            self._tracker.turn(R)
            self._gate.turn(R)
        # where the camera's motion is known, whoever is out of its view stays for a while where they are in the world
        update = self._tracker.update(stamp_ns, people, view if R is None else replace(EVERYWHERE, pixel=view.pixel))
        self._view = view
        if update.event in RESTARTS:
            self._forget_all()
        for track in update.gone:
            self._reentry.leave(track, track.number in self._published)
        self._forget(set(self._windows) - {track.number for track in self._tracker.tracks})
        for track, index, jumped in update.matches:
            if track.number not in self._windows:
                self._windows[track.number] = Window(*self._shape)
                self._reentry.enter(track.number)
            window = self._windows[track.number]
            if jumped:
                window.clear()
                self._filters.pop(track.number, None)
            _, rays, score = people[index]
            window.push(stamp_ns, *hide_weak(rays, score, self._tracker.config.min_score))
        return [str(note.reason) for note in update.notes] + ([str(update.event)] if update.event else [])

    def judge(
        self, stamp_ns: int, tracks: list[Track], rays: np.ndarray, score: np.ndarray, xyz_m: np.ndarray
    ) -> tuple[np.ndarray, list[str]]:
        """Which of these tracks look like people and are to be published, bool (N,), and why others are not.

        `rays` (N, J, 2) and `score` (N, J) of this frame, `xyz_m` (N, J, 3) as lifted. Whoever is recognised as
        somebody who left a moment ago has their number and id from now on.
        """
        config = self._tracker.config
        fine, reasons = np.ones(len(tracks), bool), []
        if config.gate:
            numbers = [track.number for track in tracks]
            why = self._gate.judge(stamp_ns, numbers, rays, score, xyz_m, self._view.pixel, config.max_depth_m)
            fine = np.array([doubt is None for doubt in why], bool)
            reasons = [str(doubt) for doubt in why if doubt]
        if config.reentry_s and fine.any():
            self._reentry.trim(stamp_ns - int(config.reentry_s * 1e9))
            judged = [track for track, keep in zip(tracks, fine, strict=True) if keep]
            self._reentry.look(stamp_ns, judged, xyz_m[fine], (score[fine] > 0).sum(1))
            for track in judged:
                self._recognise(track)
        self._published |= {track.number for track, keep in zip(tracks, fine, strict=True) if keep}
        return fine, reasons

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
        self._forget_all()

    def _recognise(self, track: Track) -> None:
        """Give a track back the number and the id that it had before it left."""
        known = self._reentry.who(track)
        if known is None:
            return
        old = track.number
        self._reentry.recognise(old, known)
        self._tracker.recognise(track, known.number, known.name)
        self._gate.rename(old, known.number)
        for kept in (self._windows, self._filters):
            if old in kept:
                kept[known.number] = kept.pop(old)

    def _forget_all(self) -> None:
        self._forget(set(self._windows))
        self._reentry.clear()

    def _forget(self, numbers: set[int]) -> None:
        for number in numbers:
            self._windows.pop(number, None)
            self._filters.pop(number, None)
        self._gate.forget(numbers)
        self._published -= numbers

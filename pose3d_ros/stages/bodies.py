"""Bodies in the pipeline: 2D bodies of one image in, metric skeletons out. Hands have the same four verbs."""

from enum import Enum
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.errors import CheckpointError, FormatError
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.timer import Timer
from pose3d_ros.core.types import JointState, Keypoints2D, Person3D
from pose3d_ros.estimation.ego_motion import STILL, EgoMotion
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.placement import PlacementConfig, place_people, pull_to_rays
from pose3d_ros.models import Lifter
from pose3d_ros.models.conditions import Told, nothing
from pose3d_ros.models.lifter import Streams
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.hands import wrists_of
from pose3d_ros.stages.part import Part
from pose3d_ros.tracking.hand_matching import BodyWrists
from pose3d_ros.tracking.people import People, Windows
from pose3d_ros.tracking.view import view_of

HAND = "hand21"


class BodyReason(str, Enum):
    """Why somebody who is known was not published, or forgotten."""

    FEW_JOINTS = "too_few_joints_in_window"
    PLACEMENT = "placement_undetermined"  # what is seen fits no body in front of the camera
    NOT_FINITE = "lifter_not_finite"

    __str__ = str.__str__


class Bodies(Part):
    """Windows of everybody in one camera's view, and their lifter. Not for several threads at once."""

    def __init__(self, config: PipelineConfig, lifter: Lifter) -> None:
        if lifter.spec.skeleton == HAND:
            raise CheckpointError(f"weights {lifter.spec.name}: they lift hands, expected some of bodies")
        self.config, self.lifter = config, lifter
        self.lifter.warm_up()
        spec = lifter.spec
        self.people = People(spec.frames, spec.joints, spec.rate_hz, config.tracking, config.smoothing)
        self._pose = STILL
        self._windows = Windows([], np.empty(0), np.empty(0))

    @property
    def description(self) -> str:
        return self.lifter.description

    @property
    def skeleton(self) -> Skeleton:
        return self.lifter.spec.joints

    def store(self, frame: Keypoints2D, camera: Camera, timer: Timer, motion: EgoMotion | None = None) -> list[str]:
        """Frame -> the lifter's joints -> rays -> identities -> windows, all of them in the axes of the camera of now.
        Returns what was odd."""
        found, reasons = [], []
        with timer("mapping"):
            for person in (person for person in frame.people if not person.side):
                try:
                    xy_px, score = mapping(person.format, self.skeleton.name)(person.xy_px, person.score)
                    found.append((person.id, xy_px, np.where(camera.outside(xy_px), 0, score)))
                except FormatError as error:
                    reasons.append(str(error))
            rays = camera.rays(np.stack([xy_px for _, xy_px, _ in found])) if found else ()  # of all at once
        with timer("tracking"):
            people = [(id, of, score) for (id, _, score), of in zip(found, rays, strict=True)]
            before_ns = self.people.newest_ns
            R = motion.since(before_ns) if motion and before_ns is not None and frame.stamp_ns > before_ns else None
            if R is not None and self.lifter.keeps_state:
                self.lifter.turn(R)
            self._pose = motion.now if motion else STILL
            reasons += self.people.push(frame.stamp_ns, people, view_of(camera), R)
            self._windows = self.people.windows(frame.stamp_ns, motion and motion.turn)
        return reasons

    def lift(self, stamp_ns: int, timer: Timer) -> tuple[list[Person3D], list[str]]:
        """Everybody's skeleton, and why some have none."""
        tracks, rays, score = self._windows
        with timer("guidance"):
            enough = (score > 0).any(1).sum(1) >= self.config.body.min_joints if tracks else np.zeros(0, bool)
            reasons: list[str] = [BodyReason.FEW_JOINTS] * int((~enough).sum())
            tracks = _those(tracks, enough)
        if not tracks:
            return [], reasons
        streams = Streams([track.number for track in tracks], self.people.revisions(tracks), stamp_ns)
        lifted = lift_windows(
            self.lifter,
            rays[enough],
            score[enough],
            self.config.unsettled,
            timer=timer,
            streams=streams,
            told=self._told(int(enough.sum())),
        )
        with timer("placement"):
            finite = np.isfinite(lifted.xyz_m).all((1, 2)) & np.isfinite(lifted.sigma_m).all(1)
            good = finite & lifted.determined
            reasons += [BodyReason.NOT_FINITE] * int((~finite).sum())
            reasons += [BodyReason.PLACEMENT] * int((finite & ~good).sum())
            now = rays[enough, -1][good], score[enough, -1][good]
            likely, why = self.people.judge(stamp_ns, _those(tracks, good), *now, lifted.xyz_m[good])
            good[good], reasons = likely, reasons + why
            tracks = _those(tracks, good)
            xyz_m, sigma_m = self.people.smooth(tracks, stamp_ns, lifted.xyz_m[good]), lifted.sigma_m[good]
            state = np.where(lifted.seen[good], JointState.MEASURED, JointState.INFERRED)
            name = self.skeleton.name
            return [
                Person3D(t.id, t.number, name, xyz_m[i], sigma_m[i], state[i], t.state) for i, t in enumerate(tracks)
            ], reasons

    def _told(self, people: int) -> Told | None:
        """What is known of gravity and the floor, for weights that take it."""
        up, height_m = self._pose.up, self._pose.height_m
        if up is None or not self.lifter.spec.told:
            return None
        height = np.full(people, np.nan if height_m is None else height_m, np.float32)
        return nothing(people)._replace(up=np.tile(up, (people, 1)).astype(np.float32), height_m=height)

    def keypoints(self, stamp_ns: int, people: list[Person3D]) -> tuple[np.ndarray, np.ndarray]:
        """Rays (N, J, 2), NaN where missing, and scores (N, J) of the newest frame that belong to `people`."""
        row = {track.number: row for row, track in enumerate(self._windows.tracks)}
        rows = [row[person.track] for person in people]
        return self._windows.rays[rows, -1], self._windows.score[rows, -1]

    def wrists(self) -> list[BodyWrists]:
        """Where everybody's wrists are now, or were last."""
        return wrists_of(*self._windows, self.skeleton)

    def reconfigure(self, config: PipelineConfig) -> None:
        self.people.reconfigure(config.tracking, config.smoothing)
        self.config = config

    def reset(self) -> None:
        self.people.reset()

    def close(self) -> None:
        self.reset()
        self.lifter.close()


def _those(tracks: list, wanted: np.ndarray) -> list:
    return [track for track, one in zip(tracks, wanted, strict=True) if one]


class LiftedWindows(NamedTuple):
    """`xyz_m` (N, J, 3) in the camera frame, `sigma_m` (N, J) calibrated, `seen` bool (N, J): not hidden in the lifted
    slot, `determined` bool (N,): the 2D allowed to place the person."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    determined: np.ndarray


def lift_windows(
    lifter: Lifter,
    rays: np.ndarray,
    score: np.ndarray,
    placement: PlacementConfig,
    lookahead: int = 0,
    timer: Timer | None = None,
    streams: Streams | None = None,
    told: Told | None = None,
) -> LiftedWindows:
    """Windows of N people, rays float32 (N, T, J, 2) and score (N, T, J) with 0 where missing, to their skeletons.

    The slot T - 1 - `lookahead` is lifted; lifters that keep a state, which `streams` is for, know lookahead 0 only.
    `told`: what is known beside, for a lifter that takes it. Raises ConfigError.
    """
    timer = timer or Timer()
    slot = -1 - lookahead
    found = lifter.run_slot(rays, score, slot, streams, timer, told)
    with timer("placement"):
        seen = score[:, slot] > 0
        xyz_m = found.camera.to_camera(found.lifted.xyz_m)
        placed = place_people(xyz_m, found.filled, found.confidence, placement)
        sigma_m = lifter.spec.calibrated(found.lifted.sigma_m, seen, unseen_s(score, slot, lifter.spec.rate_hz))
        xyz_m = pull_to_rays(placed.xyz_m, found.filled, score[:, slot], sigma_m, placement.keypoint_sigma_m)
        return LiftedWindows(xyz_m, sigma_m, seen, placed.determined)


def unseen_s(score: np.ndarray, slot: int, rate_hz: float) -> np.ndarray:
    """(N, J): seconds from the last sighting of each joint to that slot of the windows (N, T, J); as long as the window
    where there is none."""
    seen = score[:, : score.shape[1] + 1 + slot][:, ::-1] > 0
    return np.where(seen.any(1), seen.argmax(1), score.shape[1]) / rate_hz

"""Hands in the pipeline: 2D hands of one image in, metric hands on their bodies out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import FormatError
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import Hand3D, JointState, Keypoints2D, Person2D, Person3D
from pose3d_ros.estimation.ego_motion import EgoMotion
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.hand import describe, resized
from pose3d_ros.geometry.hand_camera import look_at_hand, normalise_hand
from pose3d_ros.geometry.hand_placement import place_hands
from pose3d_ros.geometry.placement import pull_to_rays
from pose3d_ros.guidance import GuidanceConfig, fill
from pose3d_ros.models import Lifter
from pose3d_ros.settings import HandConfig, PipelineConfig
from pose3d_ros.stages.part import Part
from pose3d_ros.stages.prediction import carried_hands
from pose3d_ros.tracking.hand_matching import SIDES, BodyWrists, HandReason, SeenHand
from pose3d_ros.tracking.hand_tracks import HandTrack, HandTracks
from pose3d_ros.tracking.keypoints import hide_weak
from pose3d_ros.tracking.smoothing import smooth
from pose3d_ros.tracking.track import Track

SKELETON = "hand21"
# Of the hand's extent in the image. Measured on generated hands: 1 % exceed it, mostly seen end on; with their joints
# shuffled 93 % do, and of random points 89 %
MAX_MISFIT = 0.75


class Hands(Part):
    """Windows of all hands in one camera's view, and their lifter. Not for several threads at once."""

    def __init__(self, config: HandConfig, lifter: Lifter) -> None:
        self.config, self.lifter = config, lifter
        self.lifter.warm_up(2)
        self._tracks = HandTracks(lifter.spec.frames, lifter.spec.rate_hz)
        self._turn: Callable | None = None

    @property
    def description(self) -> str:
        return self.lifter.description

    def store(
        self, frame: Keypoints2D, camera: Camera, bodies: list[BodyWrists], motion: EgoMotion | None = None
    ) -> list[str]:
        """Take one frame's hands: entries with a side, and the hands of whole-body formats. Returns what was odd."""
        self._turn = motion and motion.turn
        found, reasons = self._seen(frame, camera)
        # a whole body whose hand is not in the image is no fault
        found = [hand for hand in found if len(hand.seen) or not hand.of_body]
        return reasons + self._tracks.push(frame.stamp_ns, found, bodies)

    def lift(self, stamp_ns: int, people: list[Person3D]) -> tuple[list[Hand3D], list[str]]:
        """All hands that are not lost, and why others are missing."""
        hold_ns = int(self.config.hold_s * 1e9)
        tracks = [track for track in self._tracks.tracks if stamp_ns - track.last_seen_ns <= hold_ns]
        if not tracks:
            return [], []
        rays, score = self._tracks.windows(tracks, stamp_ns, self._turn)
        enough = (score > 0).any(1).sum(1) >= self.config.min_joints
        reasons: list[str] = [HandReason.TOO_FEW_JOINTS] * int((~enough).sum())
        tracks = [track for track, ok in zip(tracks, enough, strict=True) if ok]
        if not tracks:
            return [], reasons
        wrist_m = np.stack([_wrist(track, people) for track in tracks])
        lost = np.isnan(wrist_m).any(1)
        reasons += [HandReason.BODY_LOST for track, gone in zip(tracks, lost, strict=True) if track.has_body and gone]
        left = np.array([track.side == "left" for track in tracks])
        config = self.config
        lifted = lift_hands(
            self.lifter, rays[enough], score[enough], left, wrist_m[:, 2], config.hand_size_m, config.keypoint_sigma_m
        )
        # a hand that is carried on unseen goes with its arm
        carried = ~lifted.seen.any(1) & ~lost
        moved = np.where(carried[:, None], wrist_m - lifted.xyz_m[:, 0], 0).astype(np.float32)
        placed = lifted.xyz_m + moved[:, None]
        hands = []
        xyz_m = [smooth(t, config.smoothing, stamp_ns, joints) for t, joints in zip(tracks, placed, strict=True)]
        pose = describe(np.stack(xyz_m), left)
        plausible = pose.valid & lifted.plausible
        for i, track in enumerate(tracks):
            if not plausible[i]:
                reasons.append(HandReason.IMPLAUSIBLE)
                continue
            state = np.where(lifted.seen[i], JointState.MEASURED, JointState.INFERRED).astype(np.uint8)
            hands.append(
                Hand3D(
                    track.person_id,
                    track.track,
                    track.side,
                    wrist_m=xyz_m[i][0],
                    xyz_m=xyz_m[i],
                    sigma_m=lifted.sigma_m[i],
                    state=state,
                    **pose.of(i),
                )
            )
        return carried_hands(hands, people), reasons

    def keypoints(self, stamp_ns: int, hands: list[Hand3D]) -> tuple[np.ndarray, np.ndarray]:
        """Rays (N, 21, 2), NaN where missing, and scores (N, 21) of the frame at this stamp that belong to `hands`."""
        known = {(track.track, track.side): track for track in self._tracks.tracks}
        rays, score = self._tracks.windows([known[h.track, h.side] for h in hands], stamp_ns, self._turn)
        return rays[:, -1], score[:, -1]

    def reconfigure(self, config: PipelineConfig) -> None:
        self.config = config.hands

    def reset(self) -> None:
        self._tracks.reset()

    def close(self) -> None:
        self.reset()
        self.lifter.close()

    def _seen(self, frame: Keypoints2D, camera: Camera) -> tuple[list[SeenHand], list[str]]:
        """All hands of a frame in rays, and why others are missing."""
        points, scores, sources, reasons = [], [], [], []
        for person in frame.people:
            try:
                for side in _sides(person):
                    xy_px, score = mapping(person.format, SKELETON, side)(person.xy_px, person.score)
                    points.append(xy_px)
                    scores.append(score)
                    sources.append((side, person.id, not person.side))
            except FormatError as error:
                reasons.append(str(error))
        if not points:
            return [], reasons
        rays = camera.rays(np.stack(points)).astype(np.float32)
        rays, score = hide_weak(rays, np.stack(scores).astype(np.float32), self.config.min_score)
        return [SeenHand(*hand, *source) for *hand, source in zip(rays, score, sources, strict=True)], reasons


class LiftedHands(NamedTuple):
    """`xyz_m` float32 (N, 21, 3) in the camera frame, `sigma_m` (N, 21) about the wrist, `seen` bool (N, 21): not
    hidden in the lifted slot, `plausible` bool (N,): the hand could be placed and looks like its keypoints."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    plausible: np.ndarray


def lift_hands(
    lifter: Lifter,
    rays: np.ndarray,
    score: np.ndarray,
    left: np.ndarray,
    depth_m: np.ndarray,
    hand_size_m: float = 0.0,
    keypoint_sigma_m: float = HandConfig.keypoint_sigma_m,
) -> LiftedHands:
    """The newest slot of hand windows: rays float32 (N, T, 21, 2), score (N, T, 21), left bool (N,).

    `depth_m` (N,): z of the body's wrist, NaN without a body. A known `hand_size_m` rescales the hand.
    """
    spec = lifter.spec
    filled, confidence = fill(rays, score, spec.guidance)
    virtual = look_at_hand(filled[:, -1], confidence[:, -1], left)
    xy = normalise_hand(virtual, filled, confidence)
    lifted = lifter(np.concatenate((xy, confidence[..., None]), -1, dtype=np.float32))
    xyz_m = resized(virtual.to_camera(lifted.xyz_m), hand_size_m)
    seen = score[:, -1] > 0
    placed = place_hands(xyz_m, filled[:, -1], confidence[:, -1], seen, depth_m)
    sigma_m = spec.calibrated(lifted.sigma_m, seen)
    plausible = placed.determined & (placed.misfit < MAX_MISFIT) & np.isfinite(placed.xyz_m).all((1, 2))
    xyz_m = pull_to_rays(placed.xyz_m, filled[:, -1], score[:, -1], sigma_m, keypoint_sigma_m)
    return LiftedHands(xyz_m.astype(np.float32), sigma_m.astype(np.float32), seen, plausible)


def wrists_of(tracks: list[Track], rays: np.ndarray, score: np.ndarray, skeleton: Skeleton) -> list[BodyWrists]:
    """Where the wrists of tracked bodies are now, or were last: from their windows (N, T, J, 2) and (N, T, J)."""
    names = [f"{side}_wrist" for side in SIDES]
    if not tracks or not all(name in skeleton for name in names):
        return [BodyWrists(track.number, track.id, np.full((2, 2), np.nan)) for track in tracks]
    rows = skeleton.indices(names)
    age = (score[:, ::-1, rows] > 0).argmax(1)  # in slots, of the last sight; 0 also where there is none
    slot = rays.shape[1] - 1 - age[..., None]
    last = np.take_along_axis(rays[:, :, rows], slot[:, None], 1)[:, 0]
    last = np.where(age[..., None] <= GuidanceConfig().f_past, last, np.nan)
    return [BodyWrists(track.number, track.id, wrists) for track, wrists in zip(tracks, last, strict=True)]


def _sides(person: Person2D) -> tuple[str, ...]:
    """The hands that an entry holds: its own side, both of a whole-body format, none of a body."""
    if person.side:
        return (person.side,)
    return SIDES if all(f"{side}_hand_wrist" in formats.get(person.format) for side in SIDES) else ()


def _wrist(track: HandTrack, people: list[Person3D]) -> np.ndarray:
    """Place (3,) of the body's wrist that the hand hangs on, NaN where there is none."""
    for person in people:
        if track.has_body and person.track == track.track:
            row = formats.get(person.skeleton).index(f"{track.side}_wrist")
            if person.state[row] != JointState.INVALID:
                return person.xyz_m[row]
    return np.full(3, np.nan)

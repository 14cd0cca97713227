"""THE main path: 2D keypoints of one image in, metric skeletons of everybody out, timed stage by stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.core.config import frozen_changes, param, validate
from pose3d_ros.core.errors import ConfigError, EngineError, FormatError
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import Hand3D, JointState, Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.engines import CHOICES, EngineOptions, Ladder, open_lifter
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.placement import PlacementConfig, place_people, pull_to_rays
from pose3d_ros.geometry.virtual_camera import look_at
from pose3d_ros.guidance import fill
from pose3d_ros.hands import HandConfig, Hands, wrists_of
from pose3d_ros.models import Lifter, use_threads
from pose3d_ros.models.streaming_lifter import Newest, StreamingLifter, Streams
from pose3d_ros.tracking.people import People, Windows
from pose3d_ros.tracking.smoothing import SmoothingConfig
from pose3d_ros.tracking.tracker import Track, TrackingConfig

STAGES = ("mapping", "tracking", "guidance", "model", "placement", "hands")


@dataclass(frozen=True)
class BodyConfig:
    """Which network lifts bodies, and where."""

    weights: str = param("body_dtf27", "name of shipped weights, or path of a .safetensors file")
    device: str = param("auto", "auto, cpu, cuda or cuda:N")
    backend: str = param(
        "auto", "what runs the networks of bodies and hands (docs/engines.md); auto = the first that works here",
        choices=CHOICES,
    )  # fmt: skip
    precision: str = param("fp32", "of the networks; fp16 on a GPU", choices=("fp32", "fp16"))
    wait_for_engine: bool = param(
        False, "build missing engines before starting, instead of starting on the next best backend meanwhile"
    )
    largest_batch: int = param(
        32, "engines for a GPU are made for 1, 2, 4, ... people up to this many at once; more are several calls", low=1,
        high=128,
    )  # fmt: skip
    threads: int = param(
        1,
        "CPU threads of the networks in this process; more help with many people only; 0 = the backend's own choice",
        low=0,
        high=256,
    )
    min_joints: int = param(
        4, "joints that must have been seen within the window before a person is published", low=2, high=17, live=True
    )

    __post_init__ = validate

    def engines(self) -> EngineOptions:
        """How to run the networks of bodies and hands."""
        return EngineOptions(self.device, self.precision, self.threads, self.backend, self.largest_batch)


@dataclass(frozen=True)
class PipelineConfig:
    """Everything a user may tune. What belongs to the weights is stored with them."""

    body: BodyConfig = field(default_factory=BodyConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    hands: HandConfig = field(default_factory=HandConfig)


class Reason(str, Enum):
    """Why somebody who is known was not published, or forgotten. The tracking layer has its own."""

    CAMERA_CHANGED = "camera_changed"
    FEW_JOINTS = "too_few_joints_in_window"
    PLACEMENT = "placement_undetermined"  # what is seen fits no body in front of the camera
    NOT_FINITE = "lifter_not_finite"

    __str__ = str.__str__


class Pipeline:
    """Keeps the windows of everybody in one camera's view and lifts them. Not for several threads at once.

    `lifter` and `hand_lifter` replace those that `config.body` and `config.hands` name.
    Raises CheckpointError, ConfigError or EngineError.
    """

    def __init__(
        self, config: PipelineConfig | None = None, lifter: Lifter | None = None, hand_lifter: Lifter | None = None
    ):
        self.config = config or PipelineConfig()
        body = self.config.body
        use_threads(body.threads)
        self._ladders: list[Ladder] = []
        self.lifter = lifter or self._open(body.weights)
        self.lifter.warm_up()
        spec = self.lifter.spec
        self.people = People(spec.frames, len(spec.joints), spec.rate_hz, self.config.tracking, self.config.smoothing)
        if not hand_lifter and self.config.hands.weights:
            hand_lifter = self._open(self.config.hands.weights)
        self.hands = Hands(self.config.hands, hand_lifter) if hand_lifter else None
        self._camera: Camera | None = None
        self._closed = False

    @property
    def body_skeleton(self) -> Skeleton:
        return self.lifter.spec.joints

    @property
    def description(self) -> str:
        """One line for diagnostics: what lifts bodies and hands, and on what."""
        if not self.hands:
            return self.lifter.description
        return f"{self.lifter.description}; {self.hands.lifter.description}"

    @property
    def engine_falls(self) -> int:
        """How often an engine failed and the next one went on."""
        return sum(ladder.falls for ladder in self._ladders)

    def push(self, frame: Keypoints2D, camera: Camera) -> Skeletons3D:
        """Take one image's keypoints and return everybody's skeleton at its stamp, in the camera's optical frame.

        Raises CameraError where the camera is calibrated for an image of another size, EngineError after `close`.
        """
        timer = Timer()
        reasons, windows = self._store(frame, camera, timer)
        people, failed = self._people(windows, frame.stamp_ns, timer)
        reasons += failed
        hands, failed = self._hands_of(people, frame.stamp_ns, timer)
        reasons += failed
        for ladder in self._ladders:
            reasons += ladder.news()
        texts = tuple(str(reason) for reason in reasons)
        return Skeletons3D(frame.stamp_ns, frame.frame_id, tuple(people), tuple(hands), timer.finish(), texts)

    def observe(self, frame: Keypoints2D, camera: Camera) -> None:
        """Take a frame into the windows without lifting: for a node that is late. Raises as `push` does."""
        self._store(frame, camera, Timer())

    def reconfigure(self, config: PipelineConfig) -> None:
        """Other live parameters from the next frame on. Raises ConfigError for what needs a new pipeline."""
        if frozen := frozen_changes(self.config, config):
            raise ConfigError(f"{', '.join(frozen)} cannot change while running: make a new pipeline")
        self.people.reconfigure(config.tracking, config.smoothing)
        if self.hands:
            self.hands.reconfigure(config.hands)
        self.config = config

    def reset(self) -> None:
        """Forget everybody, and the camera."""
        self._forget()
        self._camera = None

    def close(self) -> None:
        """Free the device. The pipeline cannot be used afterwards."""
        self.reset()
        self.lifter.close()
        if self.hands:
            self.hands.close()
        self._closed = True

    def _open(self, weights: str, open_one: Callable = open_lifter) -> Any:
        """A lifter on its engine, whose news are reasons of the next push."""
        lifter = open_one(weights, self.config.body.engines(), wait=self.config.body.wait_for_engine)
        if lifter.engine:
            self._ladders.append(lifter.engine)
        return lifter

    def _forget(self) -> None:
        self.people.reset()
        if self.hands:
            self.hands.reset()

    def _store(self, frame: Keypoints2D, camera: Camera, timer: "Timer") -> tuple[list[str], Windows]:
        """Frame -> the lifter's joints -> rays -> identities -> windows. Returns what was odd, and the windows."""
        if self._closed:
            raise EngineError("this pipeline was closed: make a new one")
        camera.check_image(frame.width, frame.height)
        reasons: list[str] = []
        if self._camera is not None and camera != self._camera:
            self._forget()  # rays of two calibrations do not mix
            reasons.append(Reason.CAMERA_CHANGED)
        self._camera = camera
        ids, points, scores = [], [], []
        with timer("mapping"):
            for person in frame.people:
                if person.side:  # a hand
                    continue
                try:
                    xy_px, score = mapping(person.format, self.lifter.spec.skeleton)(person.xy_px, person.score)
                except FormatError as error:
                    reasons.append(str(error))
                    continue
                ids.append(person.id)
                points.append(xy_px)
                scores.append(score)
            rays = camera.rays(np.stack(points)) if points else ()  # of all at once
        with timer("tracking"):
            reasons += self.people.push(frame.stamp_ns, list(zip(ids, rays, scores, strict=True)))
            windows = self.people.windows(frame.stamp_ns)
        if self.hands:
            with timer("hands"):
                reasons += self.hands.store(frame, camera, wrists_of(*windows, self.body_skeleton))
        return reasons, windows

    def _people(self, windows: Windows, stamp_ns: int, timer: "Timer") -> tuple[list[Person3D], list[str]]:
        """Everybody's skeleton, and why some have none."""
        tracks, rays, score = windows
        with timer("guidance"):
            enough = (score > 0).any(1).sum(1) >= self.config.body.min_joints
            reasons: list[str] = [Reason.FEW_JOINTS] * int((~enough).sum())
            tracks = [track for track, ok in zip(tracks, enough, strict=True) if ok]
        if not tracks:
            return [], reasons
        people, failed = self._lift(tracks, rays[enough], score[enough], stamp_ns, timer)
        return people, reasons + failed

    def _hands_of(self, people: list[Person3D], stamp_ns: int, timer: "Timer") -> tuple[list[Hand3D], list[str]]:
        """All hands, on the wrists of these people, and why some are missing."""
        if not self.hands:
            return [], []
        with timer("hands"):
            return self.hands.lift(stamp_ns, people)

    def _lift(self, tracks: list[Track], rays: np.ndarray, score: np.ndarray, stamp_ns: int, timer: "Timer"):
        """Windows (N, T, J) of people to (their skeletons in the camera frame, why some have none)."""
        streams = Streams([track.number for track in tracks], self.people.revisions(tracks), stamp_ns)
        lifted = lift_windows(self.lifter, rays, score, self.config.placement, timer=timer, streams=streams)
        with timer("placement"):
            finite = np.isfinite(lifted.xyz_m).all((1, 2)) & np.isfinite(lifted.sigma_m).all(1)
            good = finite & lifted.determined
            reasons = [Reason.NOT_FINITE] * int((~finite).sum()) + [Reason.PLACEMENT] * int((finite & ~good).sum())
            tracks = [track for track, ok in zip(tracks, good, strict=True) if ok]
            xyz_m = self.people.smooth(tracks, stamp_ns, lifted.xyz_m[good])
            sigma_m = lifted.sigma_m[good]
            state = np.where(lifted.seen[good], JointState.MEASURED, JointState.INFERRED)
            name = self.body_skeleton.name
            people = [
                Person3D(t.id, t.number, name, xyz_m[i], sigma_m[i], state[i], t.state) for i, t in enumerate(tracks)
            ]
        return people, reasons


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
    timer: "Timer | None" = None,
    streams: Streams | None = None,
) -> LiftedWindows:
    """Windows of N people, rays float32 (N, T, J, 2) and score (N, T, J) with 0 where missing, to their skeletons.

    The slot T - 1 - `lookahead` is lifted; a streaming lifter, which `streams` is for, knows lookahead 0 only. Raises
    ConfigError.
    """
    timer = timer or Timer()
    spec, slot = lifter.spec, -1 - lookahead
    if isinstance(lifter, StreamingLifter):
        if lookahead:
            raise ConfigError(f"{spec.name} lifts the newest frame only: expected lookahead 0, got {lookahead}")
        with timer("model"):
            found = lifter.newest(rays, score, streams)
    else:
        found = _lift_slot(lifter, rays, score, slot, timer)
    with timer("placement"):
        seen = score[:, slot] > 0
        xyz_m = found.camera.to_camera(found.lifted.xyz_m)
        placed = place_people(xyz_m, found.filled, found.confidence, placement)
        sigma_m = spec.calibrated(found.lifted.sigma_m, seen)
        xyz_m = pull_to_rays(placed.xyz_m, found.filled, score[:, slot], sigma_m, placement.keypoint_sigma_m)
        return LiftedWindows(xyz_m, sigma_m, seen, placed.determined)


def _lift_slot(lifter: Lifter, rays: np.ndarray, score: np.ndarray, slot: int, timer: "Timer") -> Newest:
    """One slot of whole windows. All of a person's frames are normalised by where they are in the newest."""
    with timer("guidance"):
        filled, confidence = fill(rays, score, lifter.spec.guidance)
        virtual = look_at(filled[:, -1], confidence[:, -1])
        xy = np.where(confidence[..., None] > 0, virtual.normalise(filled), 0)
        inputs = np.concatenate((xy, confidence[..., None]), -1, dtype=np.float32)
    with timer("model"):
        return Newest(lifter(inputs, slot), virtual, filled[:, slot], confidence[:, slot])


class Timer:
    """Milliseconds per stage; a stage entered twice adds up."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self._stages[stage] = self._stages.get(stage, 0.0) + 1e3 * (time.perf_counter() - begin)

    def finish(self) -> dict[str, float]:
        return {**self._stages, "total": 1e3 * (time.perf_counter() - self._start)}

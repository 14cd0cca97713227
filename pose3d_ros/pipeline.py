"""THE main path: 2D keypoints of one image in, metric skeletons of everybody out, timed stage by stage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError, FormatError
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import JointState, Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.placement import PlacementConfig, place_people
from pose3d_ros.geometry.virtual_camera import look_at
from pose3d_ros.guidance import fill
from pose3d_ros.models import Lifter, registry
from pose3d_ros.tracking.people import People
from pose3d_ros.tracking.smoothing import SmoothingConfig
from pose3d_ros.tracking.tracker import Track, TrackingConfig


@dataclass(frozen=True)
class BodyConfig:
    """Which network lifts bodies, and where."""

    weights: str = param("body_dtf27", "name of shipped weights, or path of a .safetensors file")
    device: str = param("auto", "auto, cpu, cuda or cuda:N")
    precision: str = param("fp32", "of the network", choices=("fp32", "fp16"))
    min_joints: int = param(
        4, "joints that must have been seen within the window before a person is published", low=2, high=17, live=True
    )

    __post_init__ = validate


@dataclass(frozen=True)
class PipelineConfig:
    """Everything a user may tune. What belongs to the weights is stored with them."""

    body: BodyConfig = field(default_factory=BodyConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)


class Pipeline:
    """Keeps the windows of everybody in one camera's view and lifts them. Not for several threads at once.

    `lifter` replaces the one that `config.body` names. Raises CheckpointError, ConfigError or EngineError.
    """

    def __init__(self, config: PipelineConfig | None = None, lifter: Lifter | None = None):
        self.config = config or PipelineConfig()
        body = self.config.body
        self.lifter = lifter or registry.load(body.weights, body.device, body.precision)
        self.lifter.warm_up()
        spec = self.lifter.spec
        self.people = People(
            spec.frames, len(spec.joints), spec.rate_hz, self.config.tracking, self.config.smoothing
        )
        self._camera: Camera | None = None

    @property
    def body_skeleton(self) -> Skeleton:
        return self.lifter.spec.joints

    @property
    def description(self) -> str:
        return self.lifter.description

    def push(self, frame: Keypoints2D, camera: Camera) -> Skeletons3D:
        """Take one image's keypoints and return everybody's skeleton at its stamp, in the camera's optical frame."""
        timer = Timer()
        reasons = self._store(frame, camera, timer)
        with timer("guidance"):
            tracks, rays, score = self.people.windows(frame.stamp_ns)
            enough = (score > 0).any(1).sum(1) >= self.config.body.min_joints if tracks else np.zeros(0, bool)
            reasons += [f"{t.id}: too few joints seen lately" for t, ok in zip(tracks, enough, strict=True) if not ok]
            tracks = [track for track, ok in zip(tracks, enough, strict=True) if ok]
        people = self._lift(tracks, rays[enough], score[enough], frame.stamp_ns, timer) if tracks else []
        return Skeletons3D(frame.stamp_ns, frame.frame_id, tuple(people), (), timer.finish(), tuple(reasons))

    def observe(self, frame: Keypoints2D, camera: Camera) -> None:
        """Take a frame into the windows without lifting: for a node that is late."""
        self._store(frame, camera, Timer())

    def reconfigure(self, config: PipelineConfig) -> None:
        """Other live parameters from the next frame on. Raises ConfigError for what needs a new pipeline."""
        if config.body.weights != self.config.body.weights or config.body.device != self.config.body.device:
            raise ConfigError("body.weights and body.device cannot change while running: configure anew")
        self.people.reconfigure(config.tracking, config.smoothing)
        self.config = config

    def reset(self) -> None:
        """Forget everybody."""
        self.people.reset()

    def close(self) -> None:
        """Free the device. The pipeline cannot be used afterwards."""
        self.reset()
        self.lifter.close()

    def _store(self, frame: Keypoints2D, camera: Camera, timer: "Timer") -> list[str]:
        """Frame -> the lifter's joints -> rays -> identities -> windows. Returns why people were not used."""
        if self._camera is not None and camera != self._camera:
            self.people.reset()  # rays of two calibrations do not mix
        self._camera = camera
        reasons: list[str] = []
        found = []
        with timer("mapping"):
            for person in frame.people:
                if person.side:
                    continue
                try:
                    xy_px, score = mapping(person.format, self.lifter.spec.skeleton)(person.xy_px, person.score)
                except FormatError as error:
                    reasons.append(str(error))
                    continue
                found.append((person.id, camera.rays(xy_px).astype(np.float32), score))
        with timer("tracking"):
            reasons += self.people.push(frame.stamp_ns, found)
        return reasons

    def _lift(self, tracks: list[Track], rays: np.ndarray, score: np.ndarray, stamp_ns: int, timer: "Timer"):
        """Windows (N, T, J) of people to their skeletons in the camera frame."""
        lifted = lift_windows(self.lifter, rays, score, self.config.placement, timer=timer)
        with timer("placement"):
            xyz_m = self.people.smooth(tracks, stamp_ns, lifted.xyz_m)
            state = np.where(lifted.seen, JointState.MEASURED, JointState.INFERRED).astype(np.uint8)
            return [
                Person3D(t.id, t.number, self.body_skeleton.name, xyz_m[i], lifted.sigma_m[i], state[i], t.state)
                for i, t in enumerate(tracks)
                if lifted.determined[i]
            ]


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
) -> LiftedWindows:
    """Windows of N people, rays float32 (N, T, J, 2) and score (N, T, J) with 0 where missing, to their skeletons.

    The slot T - 1 - `lookahead` is lifted. All of a person's frames are normalised by where they are in the newest.
    """
    timer = timer or Timer()
    spec, slot = lifter.spec, -1 - lookahead
    with timer("guidance"):
        filled, confidence = fill(rays, score, spec.guidance)
        virtual = look_at(filled[:, -1], confidence[:, -1])
        xy = np.where(confidence[..., None] > 0, virtual.normalise(filled), 0)
        inputs = np.concatenate((xy, confidence[..., None]), -1, dtype=np.float32)
    with timer("model"):
        lifted = lifter(inputs, slot)
    with timer("placement"):
        seen = score[:, slot] > 0
        placed = place_people(virtual.to_camera(lifted.xyz_m), filled[:, slot], confidence[:, slot], placement)
        sigma_m = lifted.sigma_m * np.where(seen, spec.sigma_seen, spec.sigma_hidden)
        return LiftedWindows(placed.xyz_m, sigma_m, seen, placed.determined)


class Timer:
    """Milliseconds per stage; a stage entered twice adds up."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self._stages[stage] = self._stages.get(stage, 0.0) + 1e3 * (time.perf_counter() - begin)

    def finish(self) -> dict[str, float]:
        return {**self._stages, "total": 1e3 * (time.perf_counter() - self._start)}

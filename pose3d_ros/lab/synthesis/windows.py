"""Training windows: motion -> other bodies -> camera -> detector -> occlusion -> guidance -> virtual camera."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.virtual_camera import VirtualCamera, look_at
from pose3d_ros.guidance import GuidanceConfig, fill, frames
from pose3d_ros.lab.synthesis import occlusion
from pose3d_ros.lab.synthesis.augmentation import WidenConfig, widen
from pose3d_ros.lab.synthesis.body import BODY, SKELETON
from pose3d_ros.lab.synthesis.cameras import VirtualCameraConfig, view
from pose3d_ros.lab.synthesis.detector import DetectorConfig, derive_trunk, detect
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.told import ToldConfig, tell
from pose3d_ros.models.conditions import Told, condition_of


@dataclass(frozen=True)
class OcclusionConfig:
    """Chances of each kind per window; the rest of the windows is not occluded. A second kind joins in `twice`."""

    random: float = param(0.38, "random joints in every frame", low=0, high=1)
    burst: float = param(0.14, "groups of joints for 0.3 to 2 s", low=0, high=1)
    limb: float = param(0.1, "whole limbs", low=0, high=1)
    truncated: float = param(0.1, "a side of the image", low=0, high=1)
    passer: float = param(0.05, "somebody walks through", low=0, high=1)
    lost_frames: float = param(0.1, "whole frames", low=0, high=1)
    twice: float = param(0.25, "chance of a second kind on top", low=0, high=1)
    slow: float = param(0.35, "chance of a camera below the model's rate, down to 10 Hz", low=0, high=1)

    __post_init__ = validate


NO_OCCLUSION = OcclusionConfig(random=0, burst=0, limb=0, truncated=0, passer=0, lost_frames=0, twice=0, slow=0)


@dataclass(frozen=True)
class WindowConfig:
    """Everything that makes a window."""

    frames: int = param(27, "slots of the window", low=1, high=351)
    rate_hz: float = param(30.0, "slots per second", unit="Hz", low=1, high=240)
    widen: WidenConfig = field(default_factory=WidenConfig)
    camera: VirtualCameraConfig = field(default_factory=VirtualCameraConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    occlusion: OcclusionConfig = field(default_factory=OcclusionConfig)
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    told: ToldConfig = field(default_factory=ToldConfig)

    __post_init__ = validate


@dataclass
class DrawnWindows:
    """A batch: `inputs` (N, T, J, 3) x, y, confidence; `targets` (N, T, J, 3) root-relative metres in the axes of the
    virtual camera; `seen` (N, T, J); `condition` (N, SIZE) what is told beside (models/conditions.py); `camera` the way
    back. For a streaming lifter `inputs` are its features (N, T, F), `condition` is (N, T, SIZE), and every frame has
    its own virtual camera, which is not kept."""

    inputs: Tensor
    targets: Tensor
    seen: Tensor
    condition: Tensor | None = None
    camera: VirtualCamera | None = None

    @property
    def given(self) -> tuple[Tensor, ...]:
        """What a network takes."""
        return (self.inputs,) if self.condition is None else (self.inputs, self.condition)


Assemble = Callable[[Tensor, Tensor, Tensor, GuidanceConfig, Told], DrawnWindows]


def draw(
    rng: Rng, motion: MotionSet, count: int, config: WindowConfig, assemble: Assemble | None = None
) -> DrawnWindows:
    """`count` windows on the device of `motion`, put together by `assemble` (default: for a windowed lifter)."""
    speed = rng.log_uniform(count, low=0.75, high=1.35)
    joints, root = motion.sample(rng, count, config.frames, config.rate_hz, speed)
    joints, root = widen(rng, joints, root, config.widen)
    views = view(rng, joints, root, config.camera)
    rays, score = detect(rng, views, config.detector)
    score = torch.where(hidden_joints(rng, rays, config.occlusion, config.rate_hz), 0.0, score)
    rays, score = derive_trunk(rng, rays, score, config.detector)
    return (assemble or assemble_windows)(rays, score, views.xyz, config.guidance, tell(rng, views, config.told))


def assemble_windows(rays: Tensor, score: Tensor, xyz: Tensor, guidance: GuidanceConfig, told: Told) -> DrawnWindows:
    """Guidance and normalisation of windows: rays (N, T, J, 2), score (N, T, J), truth (N, T, J, 3) in the camera."""
    filled, confidence = fill(rays, score, guidance)
    camera = look_at(filled[:, -1], confidence[:, -1])
    coordinates = torch.where(confidence[..., None] > 0, camera.normalise(filled), 0.0)
    inputs = torch.cat((coordinates, confidence[..., None]), -1)
    targets = camera.from_camera(xyz - xyz[:, :, :1])
    condition = condition_of(told._replace(up=told.up[:, -1]), camera)
    return DrawnWindows(inputs, targets, score > 0, condition, camera)


def assemble_sequences(rays: Tensor, score: Tensor, xyz: Tensor, guidance: GuidanceConfig, told: Told) -> DrawnWindows:
    """The same for a streaming lifter: every frame as it would be on arrival."""
    state = frames.start(score[:, 0])
    features, targets, conditions = [], [], []
    told = told._replace(size=torch.zeros_like(told.size))  # it is among the features
    for t in range(score.shape[1]):
        state, frame = frames.advance(state, rays[:, t], score[:, t], guidance)
        features.append(frame.features)
        targets.append(frame.camera.from_camera(xyz[:, t] - xyz[:, t, :1]))
        conditions.append(condition_of(told._replace(up=told.up[:, t]), frame.camera))
    return DrawnWindows(torch.stack(features, 1), torch.stack(targets, 1), score > 0, torch.stack(conditions, 1))


def hidden_joints(rng: Rng, rays: Tensor, chances: OcclusionConfig, rate_hz: float) -> Tensor:
    """bool (N, T, J): hidden by the kinds of occlusion that there are `chances` for."""
    if rays.shape[2] == len(SKELETON):
        return occlusion.with_toes(hidden_joints(rng, rays[:, :, : len(BODY)], chances, rate_hz), len(SKELETON))
    hidden = _one_kind(rng, rays, chances, rate_hz)
    if chances.twice:
        again = _one_kind(rng, rays, chances, rate_hz)
        hidden = hidden | (again & rng.chance(rays.shape[0], 1, 1, p=chances.twice))
    if chances.slow:
        share = torch.where(
            rng.chance(rays.shape[0], p=chances.slow), rng.uniform(rays.shape[0], low=0.3, high=1.0), 1.0
        )
        hidden = hidden | occlusion.slower(rng, rays, share)
    return hidden


def _one_kind(rng: Rng, rays: Tensor, chances: OcclusionConfig, rate: float) -> Tensor:
    joints = rays.shape[2]
    return occlusion.one_kind(rng, rays, chances, {
        "random": lambda r: occlusion.random(rng, r, rng.integers(r.shape[0], low=2, high=joints - 1)),
        "burst": lambda r: occlusion.burst(rng, r, rate),
        "limb": lambda r: occlusion.limb(rng, r, rate),
        "truncated": lambda r: occlusion.truncated(rng, r),
        "passer": lambda r: occlusion.passer(rng, r, rate),
        "lost_frames": lambda r: occlusion.lost_frames(rng, r, rate),
    })  # fmt: skip

"""Training windows of picture models: T crops of one hand, its noisy keypoints, and the truth in the crops' cameras.

Generated motion -> camera -> detector -> what hides joints -> a box around the keypoints, as a robot would draw it ->
pictures. Right hands only: a left one is shown mirrored.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.geometry.crop import CropConfig, imagenet
from pose3d_ros.geometry.hand import SKELETON
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig, draw_skeletons
from pose3d_ros.geometry.virtual_camera import look_along
from pose3d_ros.synthesis import hand_detector, hand_motion, hand_windows
from pose3d_ros.synthesis.capsules import View
from pose3d_ros.synthesis.hand_detector import HandDetectorConfig, detect
from pose3d_ros.synthesis.hand_render import RenderConfig, render
from pose3d_ros.synthesis.hand_windows import HandOcclusionConfig
from pose3d_ros.synthesis.rng import Rng

# Fewer joints are hidden than from the lifters: things in the pictures hide some already
FEWER = HandOcclusionConfig(
    random=0.2, fingers=0.15, object=0.08, burst=0.05, whole=0.04, lost_frames=0.04, twice=0.1, slow=0
)
FAR = 3.0  # halves of the crop's height
STRAYED = 0.3  # hand lengths, on average over the keypoints
HEATMAP_SPREAD = 1 / 64  # of the crop's height


@dataclass(frozen=True)
class PictureWindowConfig:
    """Everything that makes a window of pictures."""

    frames: int = param(1, "frames of a window", low=1, high=64)
    rate_hz: float = param(30.0, "frames per second", unit="Hz", low=1, high=240)
    distance_low_m: float = param(0.35, "nearest hand", unit="m", low=0.2)
    distance_high_m: float = param(3.0, "farthest hand", unit="m", low=0.5)
    by_keypoints: float = param(
        0.5, "chance that the box is drawn around the seen keypoints, not the hand", low=0, high=1
    )
    shift: float = param(0.05, "spread of the box's middle, as a share of its size", low=0, high=0.5)
    zoom: float = param(0.12, "spread of the logarithm of the box's size", low=0, high=0.7)
    unsteady: float = param(0.015, "the same from frame to frame", low=0, high=0.2)
    lost_covered: float = param(
        0.5, "chance that the detector loses joints behind things; else it guesses", low=0, high=1
    )
    render: RenderConfig = field(default_factory=RenderConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    drawing: SkeletonImageConfig = field(default_factory=SkeletonImageConfig)
    detector: HandDetectorConfig = field(default_factory=HandDetectorConfig)
    occlusion: HandOcclusionConfig = field(default_factory=lambda: FEWER)

    __post_init__ = validate


class PictureWindows(NamedTuple):
    """N windows of T frames. `image` (N, T, 3, H, W), RGB as image networks expect it; `xy_px` (N, T, 21, 2) keypoints
    in the crop and their `score` (N, T, 21), 0 = none; `xyz` (N, T, 21, 3) true joints from the wrist in the axes of
    the crop's virtual camera, metres; `uv` (N, T, 21, 2) true joints in the crop, in halves of its height from its
    middle; `turn` (N, T, 3, 3) camera axes to those of the virtual camera."""

    image: Tensor
    xy_px: Tensor
    score: Tensor
    xyz: Tensor
    uv: Tensor
    turn: Tensor


def draw(rng: Rng, count: int, config: PictureWindowConfig) -> PictureWindows:
    """`count` windows of right hands."""
    motion = hand_motion.draw(rng, count, config.frames, config.rate_hz)
    xyz = hand_windows.before_camera(rng, motion, config)
    rays, score, view = observe(rng, xyz, config)
    left = torch.zeros(count, dtype=torch.bool, device=rng.device)
    shown = render(rng, xyz, left, view, config.render)
    rays, score = _behind_things(rng, rays, score, shown.covered, xyz, config)
    return assemble(shown.rgb, xyz, rays, score, view, config)


def observe(rng: Rng, xyz: Tensor, config: PictureWindowConfig) -> tuple[Tensor, Tensor, View]:
    """Noisy rays (N, T, 21, 2) and scores (N, T, 21) of hands before the camera, and the N * T crops around them."""
    rays, score = detect(rng, xyz, config.detector, config.rate_hz)
    score = torch.where(hand_windows.hidden_joints(rng, rays, config), 0.0, score)
    return rays, score, _boxes(rng, xyz, rays, score, config)


def assemble(
    rgb: Tensor, xyz: Tensor, rays: Tensor, score: Tensor, view: View, config: PictureWindowConfig
) -> PictureWindows:
    """Windows of pictures (N, T, 3, H, W) in 0..1 and what is known of them; NaN where joints have no truth."""
    shape = score.shape[:2]
    seen = _to_uv(rays, view)
    # what lies far outside is no keypoint of this crop
    score = torch.where((seen.abs() < FAR).all(-1), score, 0.0)
    turn = look_along(view.centre, view.half).R.unflatten(0, shape)
    return PictureWindows(
        imagenet(rgb.flatten(0, 1)).unflatten(0, shape),
        torch.where(score[..., None] > 0, to_pixels(seen, config.render), 0.0),
        score,
        torch.einsum("ntij,ntkj->ntki", turn, xyz - xyz[:, :, :1]),
        view.project(xyz.flatten(0, 1)).unflatten(0, shape),
        turn,
    )


def to_pixels(uv: Tensor, size: RenderConfig) -> Tensor:
    """Halves of the crop's height from its middle (..., 2) to pixels of the crop."""
    return uv * (size.height / 2) + uv.new_tensor(((size.width - 1) / 2, (size.height - 1) / 2))


def pose_input(
    kind: str, xy_px: Tensor, score: Tensor, width: int, height: int, drawing: SkeletonImageConfig
) -> Tensor:
    """What a network is told of keypoints (N, T, 21, 2), pixels of the crop, with scores (N, T, 21).

    "image": drawn, (N, T, 3, H, W) in 0..1. "heatmaps": (N, T, 21, H, W), peaks as high as the score. "coordinates":
    (N, T, 21, 3), x and y from -1 to 1 over the crop, and the score; 0 where there is none.
    """
    frames, flat, weight = score.shape[:2], xy_px.flatten(0, 1), score.flatten(0, 1)
    if kind == "image":
        return draw_skeletons(flat, weight, SKELETON, width, height, drawing).unflatten(0, frames)
    if kind == "heatmaps":
        spread = HEATMAP_SPREAD * height
        x, y = (
            (-((torch.arange(n, device=flat.device) - flat[..., k, None]) ** 2) / (2 * spread**2)).exp()
            for k, n in ((0, width), (1, height))
        )
        return (y[..., :, None] * x[..., None, :] * weight[..., None, None]).unflatten(0, frames)
    xy = (xy_px + 0.5) * 2 / xy_px.new_tensor((width, height)) - 1
    return torch.cat((torch.where(score[..., None] > 0, xy, 0.0), score[..., None]), -1)


def _boxes(rng: Rng, xyz: Tensor, rays: Tensor, score: Tensor, config: PictureWindowConfig) -> View:
    """The crops of N * T pictures: around the keypoints that are seen or around the hand, not quite in the middle."""
    count, frames = score.shape[:2]
    truth = xyz[..., :2] / xyz[..., 2:]
    seen = score >= config.crop.min_score
    enough = seen.sum(-1, keepdim=True) >= config.crop.min_joints
    # keypoints of another hand would draw the box around that one, and show nothing of this
    off = (torch.where(seen, (rays - truth).norm(dim=-1).nan_to_num(), 0.0).sum(-1) / seen.sum(-1).clamp(min=1))[
        ..., None
    ]
    length = hand_detector.LENGTH_M / xyz[:, :, :1, 2].clamp(min=0.1)
    use = (enough & (off < STRAYED * length) & rng.chance(count, 1, 1, p=config.by_keypoints))[..., None]
    points = torch.where(use, rays, truth)
    counted = torch.where(use, seen[..., None], True) & torch.isfinite(points)
    low = torch.where(counted, points, torch.inf).amin(2)
    high = torch.where(counted, points, -torch.inf).amax(2)
    aspect = config.render.width / config.render.height
    extent = (high - low) / low.new_tensor((aspect, 1.0))
    half = extent.amax(-1).clamp(min=1e-3) * config.crop.padding / 2
    # a box around two joints in a row would show a finger from nearby: never smaller than half of the hand
    whole = truth.nan_to_num(-torch.inf).amax(2) - truth.nan_to_num(torch.inf).amin(2)
    size = (whole / low.new_tensor((aspect, 1.0))).amax(-1)
    half = half.maximum(0.3 * size)
    zoom = rng.normal(count, 1, std=config.zoom) + rng.normal(count, frames, std=config.unsteady)
    half = half * zoom.exp()
    shift = rng.normal(count, 1, 2, std=config.shift) + rng.normal(count, frames, 2, std=config.unsteady)
    centre = (low + high) / 2 + 2 * shift * half[..., None]
    return View(centre.flatten(0, 1), half.flatten())


def _to_uv(rays: Tensor, view: View) -> Tensor:
    shape = rays.shape[:2]
    centre, half = view.centre.unflatten(0, shape), view.half.unflatten(0, shape)
    return (rays - centre[:, :, None]) / half[..., None, None]


def _behind_things(
    rng: Rng, rays: Tensor, score: Tensor, covered: Tensor, xyz: Tensor, config: PictureWindowConfig
) -> tuple[Tensor, Tensor]:
    """What is behind a thing is lost, or guessed: off by more, with less of a score."""
    count = len(rays)
    lost = covered & rng.chance(count, 1, 1, p=config.lost_covered)
    size = 0.18 / xyz[:, :, :1, 2:].clamp(min=0.1)
    off = rng.normal(*rays.shape, std=0.06) * size * covered[..., None]
    guess = score * torch.where(covered, rng.uniform(count, 1, 1, low=0.3, high=1.0), 1.0)
    return rays + off, torch.where(lost, 0.0, guess)

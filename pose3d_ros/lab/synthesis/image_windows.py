"""Training windows of image models: T crops of a hand or person, noisy keypoints, the truth in the crops' cameras.

Motion before a camera -> detector -> what hides joints -> a box around the keypoints, as a robot would draw it ->
images. What is particular to hands and to bodies is in `hand_images` and `body_images`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.crop import imagenet
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig, draw_skeletons
from pose3d_ros.geometry.virtual_camera import look_along
from pose3d_ros.lab.synthesis.capsules import View
from pose3d_ros.lab.synthesis.detector import true_rays
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Scene, Subject
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng

FAR = 3.0  # halves of the crop's height
STRAYED = 0.3  # lengths of the subject, on average over the keypoints
HEATMAP_SPREAD = 1 / 64  # of the crop's height


class ImageWindows(NamedTuple):
    """N windows of T frames. `image` (N, T, 3, H, W), RGB as image networks expect it; `xy_px` (N, T, J, 2) keypoints
    in the crop and their `score` (N, T, J), 0 = none; `xyz` (N, T, J, 3) true joints from the wrist in the axes of
    the crop's virtual camera, metres; `uv` (N, T, J, 2) true joints in the crop, in halves of its height from its
    middle; `turn` (N, T, 3, 3) camera axes to those of the virtual camera."""

    image: Tensor
    xy_px: Tensor
    score: Tensor
    xyz: Tensor
    uv: Tensor
    turn: Tensor


class Shot(NamedTuple):
    """N windows of T frames as a robot has them, and the truth: `rgb` (N, T, 3, H, W) in 0..1 of the crops `view`,
    joints `xyz` (N, T, J, 3) in the camera's frame, noisy `rays` (N, T, J, 2) and their `score` (N, T, J)."""

    rgb: Tensor
    xyz: Tensor
    rays: Tensor
    score: Tensor
    view: View


def draw(rng: Rng, count: int, config: ImageWindowConfig, subject: Subject) -> ImageWindows:
    """`count` windows of the subject."""
    return assemble(*shoot(rng, count, config, subject), config)


def shoot(rng: Rng, count: int, config: ImageWindowConfig, subject: Subject) -> Shot:
    """`count` windows of the subject, before they are put into their crops."""
    scene = subject.scene(rng, count, config)
    rays, score, view = observe(rng, scene, config, subject)
    shown = subject.render(rng, scene.xyz, view, config.render)
    rays, score = _behind_things(rng, rays, score, shown.covered, scene.xyz, config, subject.length_m)
    rgb = shown.rgb if scene.border is None else _within(shown.rgb, scene.border, view)
    return Shot(rgb, scene.xyz, rays, score, view)


def observe(rng: Rng, scene: Scene, config: ImageWindowConfig, subject: Subject) -> tuple[Tensor, Tensor, View]:
    """Noisy rays (N, T, J, 2) and scores (N, T, J) of the joints, and the N * T crops around them."""
    rays, score = subject.detect(rng, scene, config)
    return rays, score, _boxes(rng, scene, rays, score, config, subject.length_m)


def assemble(
    rgb: Tensor, xyz: Tensor, rays: Tensor, score: Tensor, view: View, config: ImageWindowConfig
) -> ImageWindows:
    """Windows of images (N, T, 3, H, W) in 0..1 and what is known of them; NaN where joints have no truth."""
    shape = score.shape[:2]
    seen = _to_uv(rays, view)
    # what lies far outside is no keypoint of this crop
    score = torch.where((seen.abs() < FAR).all(-1), score, 0.0)
    turn = look_along(view.centre, view.half).R.unflatten(0, shape)
    return ImageWindows(
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
    kind: str, xy_px: Tensor, score: Tensor, size: RenderConfig, drawing: SkeletonImageConfig, skeleton: Skeleton
) -> Tensor:
    """What a network is told of keypoints (N, T, J, 2), pixels of the crop, with scores (N, T, J).

    "image": drawn, (N, T, 3, H, W) in 0..1. "heatmaps": (N, T, J, H, W), peaks as high as the score. "coordinates":
    (N, T, J, 3), x and y from -1 to 1 over the crop, and the score; 0 where there is none.
    """
    width, height = size.width, size.height
    frames, flat, weight = score.shape[:2], xy_px.flatten(0, 1), score.flatten(0, 1)
    if kind == "image":
        return draw_skeletons(flat, weight, skeleton, width, height, drawing).unflatten(0, frames)
    if kind == "heatmaps":
        spread = HEATMAP_SPREAD * height
        x, y = (
            (-((torch.arange(n, device=flat.device) - flat[..., k, None]) ** 2) / (2 * spread**2)).exp()
            for k, n in ((0, width), (1, height))
        )
        return (y[..., :, None] * x[..., None, :] * weight[..., None, None]).unflatten(0, frames)
    xy = (xy_px + 0.5) * 2 / xy_px.new_tensor((width, height)) - 1
    return torch.cat((torch.where(score[..., None] > 0, xy, 0.0), score[..., None]), -1)


def _boxes(rng: Rng, scene: Scene, rays: Tensor, score: Tensor, config: ImageWindowConfig, length_m: float) -> View:
    """The crops of N * T images: around the keypoints that are seen or around all joints, not quite in the middle."""
    count, frames = score.shape[:2]
    truth = true_rays(scene.xyz)
    seen = score >= config.crop.min_score
    enough = seen.sum(-1, keepdim=True) >= config.crop.min_joints
    # keypoints of another hand or person would draw the box around that one, and show nothing of this
    off = (torch.where(seen, (rays - truth).norm(dim=-1).nan_to_num(), 0.0).sum(-1) / seen.sum(-1).clamp(min=1))[
        ..., None
    ]
    length = length_m / scene.xyz[:, :, :1, 2].clamp(min=0.1)
    use = (enough & (off < STRAYED * length) & rng.chance(count, 1, 1, p=config.by_keypoints))[..., None]
    points = torch.where(use, rays, truth)
    counted = torch.where(use, seen[..., None], _shown(truth, scene.border)[..., None]) & torch.isfinite(points)
    low = torch.where(counted, points, torch.inf).amin(2)
    high = torch.where(counted, points, -torch.inf).amax(2)
    aspect = config.render.width / config.render.height
    extent = (high - low) / low.new_tensor((aspect, 1.0))
    half = extent.amax(-1).clamp(min=1e-3) * config.crop.padding / 2
    # a box around two joints in a row would show a finger from nearby: never smaller than half of the whole
    whole = truth.nan_to_num(-torch.inf).amax(2) - truth.nan_to_num(torch.inf).amin(2)
    size = (whole / low.new_tensor((aspect, 1.0))).amax(-1)
    half = half.maximum(0.3 * size)
    zoom = rng.normal(count, 1, std=config.zoom) + rng.normal(count, frames, std=config.unsteady)
    half = half * zoom.exp()
    shift = rng.normal(count, 1, 2, std=config.shift) + rng.normal(count, frames, 2, std=config.unsteady)
    centre = (low + high) / 2 + 2 * shift * half[..., None]
    return View(centre.flatten(0, 1), half.flatten())


def _shown(rays: Tensor, border: Tensor | None) -> Tensor:
    """bool (N, T, J): inside of the camera's image; all of them in frames where none is."""
    if border is None:
        return torch.ones_like(rays[..., 0], dtype=torch.bool)
    inside = (rays.abs() < border[:, None, None]).all(-1)
    return inside | ~inside.any(-1, keepdim=True)


def _within(rgb: Tensor, border: Tensor, view: View) -> Tensor:
    """Black where the crops (N, T, 3, H, W) reach beyond the camera's image, as `geometry.crop.cut` leaves it."""
    rays = view.rays(*rgb.shape[-2:])[..., :2].unflatten(0, rgb.shape[:2])
    outside = (rays.abs() > border[:, None, None, None]).any(-1)
    return rgb.masked_fill(outside[:, :, None], 0.0)


def _to_uv(rays: Tensor, view: View) -> Tensor:
    shape = rays.shape[:2]
    centre, half = view.centre.unflatten(0, shape), view.half.unflatten(0, shape)
    return (rays - centre[:, :, None]) / half[..., None, None]


def _behind_things(
    rng: Rng, rays: Tensor, score: Tensor, covered: Tensor, xyz: Tensor, config: ImageWindowConfig,
    length_m: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """What is behind a thing is lost, or guessed: off by more, with less of a score."""
    count = len(rays)
    lost = covered & rng.chance(count, 1, 1, p=config.lost_covered)
    size = length_m / xyz[:, :, :1, 2:].clamp(min=0.1)
    off = rng.normal(*rays.shape, std=0.06) * size * covered[..., None]
    guess = score * torch.where(covered, rng.uniform(count, 1, 1, low=0.3, high=1.0), 1.0)
    return rays + off, torch.where(lost, 0.0, guess)

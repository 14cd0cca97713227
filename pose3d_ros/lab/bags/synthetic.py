"""Synthetic bags: motion capture seen by a virtual robot's camera, with exact truth. A seed gives the same bytes."""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags import scene
from pose3d_ros.lab.bags.scene import Scene
from pose3d_ros.lab.synthesis import detector, motion, occlusion
from pose3d_ros.lab.synthesis.cameras import Views
from pose3d_ros.lab.synthesis.pairs import behind, load_pairs
from pose3d_ros.lab.synthesis.rng import Rng

SWAY_RAD, SWAY_S = 0.3, 8.0  # a moving robot drives to and fro on an arc around the people


@dataclass(frozen=True)
class SyntheticConfig:
    """What is recorded, and how well."""

    clip: str = param("", 'name or number of the clip in the motion file; "" = the first')
    seconds: float = param(0.0, "length; 0 = the whole clip", unit="s", low=0)
    rate_hz: float = param(30.0, "frame rate of the camera", unit="Hz", low=1, high=120)
    width: int = param(640, "of the image", unit="px", low=16)
    height: int = param(480, "of the image", unit="px", low=16)
    fov_deg: float = param(70.0, "horizontal field of view", unit="deg", low=10, high=150)
    distance_m: float = param(3.0, "of the camera from the nearest place that people reach", unit="m", low=0.5)
    camera_height_m: float = param(1.2, "mounting height", unit="m", low=0, high=5)
    bearing_deg: float = param(30.0, "direction from which the camera looks", unit="deg")
    moving: bool = param(False, "the robot drives to and fro on an arc")
    noise: float = param(0.0, "noise of the detector; 1 = that of the evaluation protocols, 0 = exact", low=0, high=5)
    protocol: str = param("clean", "occlusion protocol that hides joints")
    lost: float = param(0.0, "share of frames without a message", low=0, high=0.95)
    ids: bool = param(True, "the source tells who is who")
    images: bool = param(False, "also images of stick figures")
    joint_frames: bool = param(False, "also every true joint as a TF frame PERSON/JOINT in the world")
    seed: int = param(1, "fixes noise, occlusion and lost frames", low=0)

    __post_init__ = validate


def synthesize(
    out: Path,
    source: Path,
    config: SyntheticConfig | None = None,
    storage: str = "mcap",
    compression: str = "",
    force: bool = False,
) -> Scene:
    """Writes a bag of a motion file (npz of single people, or of pairs) or a folder of BVH files.

    Returns what is in it. Raises InputError for the file, the clip or what lies at `out`, ConfigError for an unknown
    protocol.
    """
    config = config or SyntheticConfig()
    found = make_scene(source, config)
    scene.write(out, found, storage, compression, force, config.images, config.joint_frames)
    return found


def make_scene(source: Path, config: SyntheticConfig) -> Scene:
    """What the camera sees of one clip. Raises as `synthesize` does."""
    name, world_m = _people(source, config)
    frames = world_m.shape[1]
    camera = Camera.from_fov(config.width, config.height, config.fov_deg)
    base, mount = _robot(world_m, frames, config)
    xyz_m = np.stack([(way.after(mount)).inverse()(world_m[:, i]) for i, way in enumerate(base)], axis=1)
    rays, score = _seen(xyz_m, camera, name, config)
    xy_px = camera.project(np.concatenate((rays, np.ones_like(rays[..., :1])), -1)).astype(np.float32)
    outside = ~((xy_px > -0.5) & (xy_px < np.array([config.width, config.height]) - 0.5)).all(-1)
    score = np.where(outside, 0, score).astype(np.float32)
    xy_px[score == 0] = np.nan
    rng = Rng(_seed(config, name, "lost"))
    lost = rng.chance(frames, p=config.lost).numpy()
    lost[0] = False
    ids = tuple(f"person_{number}" for number in range(1, len(world_m) + 1))
    stamps_ns = scene.START_NS + np.rint(np.arange(frames) * (1e9 / config.rate_hz)).astype(np.int64)
    return Scene(
        stamps_ns=stamps_ns, camera=camera, xyz_m=xyz_m, xy_px=xy_px, score=score, lost=lost, ids=ids,
        send_ids=config.ids, base=tuple(base), mount=mount, world_m=world_m,
    )  # fmt: skip


def _people(source: Path, config: SyntheticConfig) -> tuple[str, np.ndarray]:
    """Name of the clip and joints (N, F, J, 3) in the world at the camera's rate."""
    if source.suffix == ".npz" and source.is_file():
        with np.load(source) as data:
            pairs = "a_joints" in data.files
        if pairs:
            clips = load_pairs(source)
            chosen = clips[_number(source, [clip.name for clip in clips], config.clip)]
            return chosen.name, _resampled(chosen.world_m, chosen.fps, config)
    recorded = motion.load([source])
    index = _number(source, recorded.names, config.clip)
    joints, root = recorded.clip(index, config.rate_hz)
    world_m = (joints + root[:, None])[None].numpy().astype(np.float64)
    return recorded.names[index], world_m[:, : _frames(config, world_m.shape[1])]


def _number(source: Path, names: list[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    if not wanted or (wanted.isdigit() and int(wanted) < len(names)):
        return int(wanted or 0)
    raise InputError(
        f"motion file {source}: no clip {wanted!r}; it has {', '.join(names[:20])} (or 0 to {len(names) - 1})"
    )


def _resampled(world_m: np.ndarray, fps: float, config: SyntheticConfig) -> np.ndarray:
    """At the camera's rate by linear interpolation."""
    last = world_m.shape[1] - 1
    rows = np.arange(int(last * config.rate_hz / fps) + 1) * (fps / config.rate_hz)
    low = np.minimum(np.floor(rows).astype(int), last)
    part = (rows - low)[:, None, None]
    found = (1 - part) * world_m[:, low] + part * world_m[:, np.minimum(low + 1, last)]
    return found[:, : _frames(config, found.shape[1])].astype(np.float64)


def _frames(config: SyntheticConfig, available: int) -> int:
    return min(available, round(config.seconds * config.rate_hz)) if config.seconds else available


def _robot(world_m: np.ndarray, frames: int, config: SyntheticConfig) -> tuple[list[scene.Transform], scene.Transform]:
    """The base in the world at each frame, and the camera on it. It looks at the middle of where people are."""
    pelvis = world_m[:, :, 0]
    low, high = pelvis.min((0, 1)), pelvis.max((0, 1))
    centre = (low + high) / 2
    radius = float(np.linalg.norm(pelvis[..., :2] - centre[:2], axis=-1).max()) + config.distance_m
    tilt = np.arctan2(centre[2] - config.camera_height_m, radius)
    seconds = np.arange(frames) / config.rate_hz
    sway = SWAY_RAD * np.sin(2 * np.pi * seconds / SWAY_S) if config.moving else np.zeros(frames)
    base = []
    for angle in np.radians(config.bearing_deg) + sway:
        towards = np.array([np.cos(angle), np.sin(angle), 0])
        left = np.array([-np.sin(angle), np.cos(angle), 0])
        R = np.stack((towards, left, [0, 0, 1]), axis=1)
        base.append(scene.Transform(R, np.array([centre[0], centre[1], 0]) - radius * towards))
    forward, right = np.array([np.cos(tilt), 0, np.sin(tilt)]), np.array([0.0, -1.0, 0.0])
    mount = scene.Transform(np.stack((right, np.cross(forward, right), forward), axis=1), np.zeros(3))
    return base, mount._replace(t=np.array([0, 0, config.camera_height_m]))


def _seen(xyz_m: np.ndarray, camera: Camera, name: str, config: SyntheticConfig) -> tuple[np.ndarray, np.ndarray]:
    """Rays (N, F, J, 2) and scores (N, F, J) of the detector; what is hidden has score 0."""
    half = torch.from_numpy(np.abs(camera.rays(np.array([-0.5, -0.5])))).float().expand(len(xyz_m), 2)
    views = Views(torch.from_numpy(xyz_m).float(), half[:, 0], half[:, 1])
    if config.noise:
        spread = detector.STANDARD
        spread = replace(
            spread,
            noise_low=spread.noise_low * config.noise,
            noise_high=spread.noise_high * config.noise,
            bias=spread.bias * config.noise,
        )
        rays, score = detector.detect(Rng(_seed(config, name, "detector")), views, spread, config.rate_hz)
        rays, score = rays.numpy().astype(np.float64), score.numpy()
    else:
        rays = xyz_m[..., :2] / np.where(xyz_m[..., 2:] > 0.1, xyz_m[..., 2:], np.nan)
        score = np.isfinite(rays).all(-1).astype(np.float32)
    hidden = occlusion.mask(
        config.protocol, Rng(_seed(config, name, config.protocol)), torch.from_numpy(rays).float(), config.rate_hz
    ).numpy()
    return rays, np.where(hidden | behind(xyz_m), 0, score)


def _seed(config: SyntheticConfig, *names: str) -> int:
    """Its own draws for every name, so that what is drawn for one thing never shifts those for another."""
    return zlib.crc32("/".join((str(config.seed), *names)).encode())

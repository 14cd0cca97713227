"""People before a camera that turns and drives, lifted by the pipeline as on the robot, with and without poses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.models import Lifter
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import HandConfig, PipelineConfig

FORMAT, FIRST_NS = "h36m17", 1_000_000_000
SWING_HZ = 0.5
SETTLE_S = 1.5  # before the first frames are hidden, and between


@dataclass(frozen=True)
class MovingConfig:
    """What moves, and what is hidden."""

    yaw_deg_s: tuple[float, ...] = param((0.0, 30.0, 60.0, 90.0), "peak rates of a camera that swings at 0.5 Hz")
    drive_m_s: tuple[float, ...] = param((1.0,), "peak speeds of a camera that drives to and fro sideways")
    unseen_s: float = param(0.4, "the person is not seen for so long", unit="s", low=0.1, high=0.9)
    distance_m: float = param(3.5, "of the person", unit="m", low=1.0, high=20.0)
    fov_deg: float = param(75.0, "horizontal field of view", unit="deg", low=20, high=120)
    noise_px: float = param(1.5, "of keypoints, 1 sigma", unit="px", low=0, high=20)
    rate_hz: float = param(30.0, "frame rate", unit="Hz", low=10, high=60)
    clips: int = param(0, "only so many clips, spread over the file; 0 = all", low=0)
    seed: int = param(1, "fixes directions and noise", low=0)

    __post_init__ = validate


class Errors(NamedTuple):
    """Means over frames, mm: `mpjpe_mm` and `root_mm` of frames in which the person is seen, `unseen_root_mm` and
    `unseen_root_sigma_mm` (what the covariance says of it) of the last one in which they are not."""

    mpjpe_mm: float
    root_mm: float
    unseen_root_mm: float
    unseen_root_sigma_mm: float
    frames: int
    gaps: int


class Scene(NamedTuple):
    """One clip: true joints (F, 17, 3) and the camera's poses T_fixed_camera (F, 4, 4), in a fixed frame whose axes are
    those of the camera at rest; `hidden` bool (F,)."""

    world_m: np.ndarray
    T: np.ndarray
    hidden: np.ndarray


def evaluate_moving(motion: MotionSet, lifter: Lifter, config: MovingConfig) -> dict[str, dict[str, Any]]:
    """{condition: {"poses": errors, "no poses": errors}}; yaw 0 is the still camera to compare with."""
    camera = Camera.from_fov(1280, 960, config.fov_deg)
    count = len(motion)
    chosen = np.linspace(0, count - 1, min(config.clips or count, count)).round().astype(int)
    conditions = {f"yaw {rate:g} deg/s": (rate, 0.0) for rate in config.yaw_deg_s}
    conditions |= {f"drive {speed:g} m/s": (0.0, speed) for speed in config.drive_m_s}
    report: dict[str, dict[str, Any]] = {}
    for name, (yaw_deg_s, drive_m_s) in conditions.items():
        for told in (True, False):
            parts = [
                np.array(_run(scene, camera, lifter, config, told, int(index)))
                for index in chosen
                if (scene := _scene(motion, int(index), config, yaw_deg_s, drive_m_s)) is not None
            ]
            total = np.nansum(parts, axis=0)
            report.setdefault(name, {})["poses" if told else "no poses"] = Errors(
                total[0] / total[4], total[1] / total[4], total[2] / total[5], total[3] / total[5], int(total[4]),
                int(total[5]),
            )._asdict()  # fmt: skip
    return report


def _scene(motion: MotionSet, index: int, config: MovingConfig, yaw_deg_s: float, drive_m_s: float) -> Scene | None:
    """None where the clip is too short to hide anything."""
    joints, root = (part.numpy().astype(np.float64) for part in motion.clip(index, config.rate_hz))
    frames = np.arange(len(root)) / config.rate_hz
    hidden = np.zeros(len(root), bool)
    for start in np.arange(SETTLE_S, frames[-1] - config.unseen_s, SETTLE_S + config.unseen_s):
        first = round(start * config.rate_hz)
        hidden[first : first + round(config.unseen_s * config.rate_hz)] = True
    if not hidden.any():
        return None
    bearing = np.random.default_rng((config.seed, index)).uniform(0, 2 * np.pi)
    right = np.array([np.sin(bearing), -np.cos(bearing), 0.0])
    R = np.stack([right, [0, 0, -1.0], [np.cos(bearing), np.sin(bearing), 0]])  # optical axes, level
    world = joints + root[:, None] - np.median(root, axis=0)
    world = world @ R.T + np.array([0, 0, config.distance_m])
    swing = np.sin(2 * np.pi * SWING_HZ * frames) / (2 * np.pi * SWING_HZ)
    yaw = np.deg2rad(yaw_deg_s) * swing
    T = np.tile(np.eye(4), (len(root), 1, 1))
    T[:, 0, 0] = T[:, 2, 2] = np.cos(yaw)
    T[:, 0, 2], T[:, 2, 0] = np.sin(yaw), -np.sin(yaw)
    T[:, 0, 3] = drive_m_s * swing
    return Scene(world, T, hidden)


def _frames(scene: Scene, camera: Camera, config: MovingConfig, seed: int) -> Iterator[tuple[Keypoints2D, np.ndarray]]:
    """Keypoints of every frame, and the true joints in the camera."""
    rng = np.random.default_rng((config.seed, seed, 1))
    for i, (world_m, T, hidden) in enumerate(zip(*scene, strict=True)):
        xyz_m = (world_m - T[:3, 3]) @ T[:3, :3]
        xy_px = camera.project(xyz_m) + rng.normal(0, config.noise_px, (len(xyz_m), 2))
        inside = (xy_px >= 0).all(1) & (xy_px < (camera.width, camera.height)).all(1) & (xyz_m[:, 2] > 0.1)
        score = np.where(inside & ~hidden, 0.9, 0)
        people = () if hidden else (Person2D(FORMAT, xy_px, score, "person"),)
        stamp_ns = FIRST_NS + round(i * 1e9 / config.rate_hz)
        yield Keypoints2D(stamp_ns, people, "camera", camera.width, camera.height), xyz_m


def _run(scene: Scene, camera: Camera, lifter: Lifter, config: MovingConfig, told: bool, seed: int) -> tuple:
    """Sums of errors over the frames, and how many there were, in the order of `Errors`."""
    pipeline = Pipeline(PipelineConfig(hands=HandConfig(weights="")), lifter)
    seen, unseen = [], []
    for i, (frame, truth_m) in enumerate(_frames(scene, camera, config, seed)):
        pose = CameraPose(scene.T[i]) if told else None
        result = pipeline.push(frame, camera, pose=pose)
        if not result.people or i < SETTLE_S * config.rate_hz / 2:
            continue
        person = result.people[0]
        off = 1e3 * (person.xyz_m[: len(truth_m)] - truth_m)
        if not scene.hidden[i]:
            seen.append((np.linalg.norm(off - off[:1], axis=1).mean(), np.linalg.norm(off[0])))
        elif i + 1 == len(scene.hidden) or not scene.hidden[i + 1]:
            unseen.append((np.linalg.norm(off[0]), 1e3 * np.sqrt(np.trace(person.root_covariance))))
    sums = np.sum(seen or [(0, 0)], axis=0), np.sum(unseen or [(0, 0)], axis=0)
    return (*sums[0], *sums[1], len(seen), len(unseen))

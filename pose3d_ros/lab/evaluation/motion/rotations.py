"""Rotations of joints as the pipeline publishes them against those derived from the true joints, on recorded motion."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D
from pose3d_ros.geometry.articulation import SEGMENTS
from pose3d_ros.geometry.body24 import HOLDS
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.rotations import angle_rad, product, turn_about
from pose3d_ros.lab.evaluation.motion.recordings import Recordings, record
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.stages.articulation import Articulation

RAYS_AS_PIXELS = Camera(np.eye(3))
FLIP_DEG = 90.0
TRUNK = ("pelvis", "chest", "head")
LEGS = ("thigh", "shank", "foot")


@dataclass(frozen=True)
class RotationConfig:
    """What is evaluated."""

    protocols: tuple[str, ...] = param(("clean",), "names of occlusion protocols")
    rate_hz: float = param(30.0, "frame rate of the camera", unit="Hz", low=10, high=60)
    cameras: int = param(1, "cameras for each clip", low=1, high=16)
    clips: int = param(0, "only the first so many clips; 0 = all", low=0)
    seed: int = param(1, "fixes cameras, noise and occlusion", low=0)

    __post_init__ = validate


def evaluate_rotations(
    motion: MotionSet, pipeline: Pipeline, config: RotationConfig,
    on_progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, dict[str, dict[str, float]]]:  # fmt: skip
    """{protocol: {segment, or "trunk" or "limbs" for all of them: {median_deg, p95_deg, flips, true_flips, frames}}}.

    A flip is a turn about itself, of the trunk any turn, of more than 90 degrees from one frame to the next.
    """
    report = {}
    count = config.clips or len(motion)
    for protocol in config.protocols:
        found = []
        for index in range(min(count, len(motion))):
            recordings = record(motion, index, config.rate_hz, config.cameras, config.seed)
            hidden = recordings.hidden(protocol, config.seed)
            found += [_errors(recordings, camera, hidden[camera], pipeline) for camera in range(config.cameras)]
            if on_progress:
                on_progress(protocol, index, count)
        report[protocol] = _summary([one for one in found if one is not None])
    return report


def _errors(recordings: Recordings, camera: int, hidden: np.ndarray, pipeline: Pipeline) -> tuple | None:
    """Errors (F, 15) in degrees, turns (F - 1, 15) of the estimate and of the truth, of one clip."""
    name = formats.get(pipeline.body_skeleton.name).name
    rays, score = recordings.rays[camera].numpy(), np.where(hidden, 0, recordings.score[camera].numpy())
    pipeline.reset()
    truth, estimated, true = Articulation(), [], []
    for i, stamp_ns in enumerate(recordings.stamps_ns.tolist()):
        person = Person2D(name, rays[i], score[i], id="1")
        out = pipeline.push(Keypoints2D(stamp_ns, (person,)), RAYS_AS_PIXELS).people
        estimated.append(out[0].quat_xyzw if out else np.full((len(rays[i]), 4), np.nan))
        true.append(truth.articulate(stamp_ns, [_known(name, recordings.truth_m[camera, i])])[0].quat_xyzw)
    rows = formats.get(name).indices([HOLDS[segment] for segment in SEGMENTS])
    estimate, reference = (np.array(quats, np.float64)[:, rows] for quats in (estimated, true))
    if len(estimate) < 2:
        return None
    return np.degrees(angle_rad(estimate, reference)), _turns_deg(estimate), _turns_deg(reference)


def _known(skeleton: str, xyz_m: np.ndarray) -> Person3D:
    joints = len(xyz_m)
    return Person3D("1", 1, skeleton, xyz_m, np.zeros(joints), np.full(joints, JointState.MEASURED))


def _turns_deg(quat: np.ndarray) -> np.ndarray:
    """(F - 1, 15): from one frame to the next; of limbs about themselves only."""
    step = product(quat[:-1] * (-1, -1, -1, 1), quat[1:])
    whole = angle_rad(quat[:-1], quat[1:])
    up, left = turn_about(step, np.array([0.0, 0.0, 1.0])), turn_about(step, np.array([0.0, 1.0, 0.0]))
    limbs = np.array([segment.split("_")[-1] for segment in SEGMENTS])
    turns = np.where(np.isin(limbs, TRUNK), whole, np.where(np.isin(limbs, LEGS), up, left))
    return np.degrees(np.abs(turns))


def _summary(found: list[tuple]) -> dict[str, dict[str, float]]:
    errors, turns, true = (np.concatenate(values) for values in zip(*found, strict=True))
    groups = {segment: [row] for row, segment in enumerate(SEGMENTS)}
    groups |= {"trunk": [0, 1], "limbs": list(range(3, len(SEGMENTS)))}
    return {
        name: {
            "median_deg": float(np.nanmedian(errors[:, rows])),
            "p95_deg": float(np.nanpercentile(errors[:, rows], 95)),
            "flips": int((turns[:, rows] > FLIP_DEG).sum()),
            "true_flips": int((true[:, rows] > FLIP_DEG).sum()),
            "frames": int(np.isfinite(errors[:, rows[0]]).sum()),
        }
        for name, rows in groups.items()
    }

"""Feet that rest on the floor: where the ray of a resting ankle or toe meets the floor, the joint is.

A foot rests while its ray stays near one point of the floor; that point is averaged over the rest, and carried on
while the foot is hidden. The more a ray grazes the floor, the less it says.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.estimation.root import ray_covariance

HEIGHT_M = {"ankle": 0.10, "toe": 0.03}  # of the joints of a foot that rests, above the floor
RADIUS_M = 0.05  # a resting foot's ray passes its point as near as that
REST_S = 0.15  # a foot is at rest after that time
HIDDEN_S = 1.0  # for so long a hidden foot is thought to rest on
DISAGREE = 0.25  # of the distance, between floor and lifter: else it is no floor that the foot is on
MEAN_S = 0.5  # over which a point is averaged at most
LEAST_SINE, LARGEST_M = 0.06, 30.0


@dataclass(frozen=True)
class ContactConfig:
    """What a resting foot is worth, where the floor is known."""

    sigma_m: float = param(
        0.05, "error of the height of a resting foot's joint above the floor; 0 = feet are not looked at", unit="m",
        low=0.0, high=1.0, live=True,
    )  # fmt: skip
    across_m: float = param(0.03, "error across the ray", unit="m", low=0.001, high=1.0, live=True)

    __post_init__ = validate


class Feet(NamedTuple):
    """Of N people and F foot joints: `point_m` (N, F, 3) on which each rests, in the fixed frame, NaN without one;
    `since_ns`, `seen_ns` (N, F): when it came there, and was seen there last."""

    point_m: np.ndarray
    since_ns: np.ndarray
    seen_ns: np.ndarray


class Contact(NamedTuple):
    """Measurements in the camera: `xyz_m` (N, F, 3) and information (N, F, 3, 3), 0 where a foot does not rest."""

    xyz_m: np.ndarray
    information: np.ndarray


def foot_joints(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Rows (F,) of the joints that rest on floors, and their heights (F,)."""
    found = [(skeleton.index(j), h) for j in skeleton.joints for part, h in HEIGHT_M.items() if j.endswith(part)]
    return np.array([row for row, _ in found], int), np.array([height for _, height in found])


def nowhere(people: int, feet: int) -> Feet:
    """No foot has been seen."""
    return Feet(np.full((people, feet, 3), np.nan), *np.zeros((2, people, feet), np.int64))


def followed(
    feet: Feet, rays: np.ndarray, score: np.ndarray, lifted_m: np.ndarray, heights_m: np.ndarray, pose: CameraPose,
    stamp_ns: int, config: ContactConfig,
) -> tuple[Feet, Contact]:  # fmt: skip
    """The feet after a frame: `rays` (N, F, 2) and `score` (N, F) of their joints, `lifted_m` (N, F, 3) where they are
    thought to be in the camera. `pose` must know up and the height of the camera."""
    direction = np.concatenate((np.where(score[..., None] > 0, rays, 0), np.ones_like(score)[..., None]), -1)
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    sine = -(direction @ pose.up)  # of the angle at which the ray meets the floor
    far_m = (pose.height_m - heights_m) / np.maximum(sine, LEAST_SINE)
    thought_m = np.linalg.norm(lifted_m, axis=-1)
    usable = (score > 0) & (sine > LEAST_SINE) & (far_m > 0) & (far_m < LARGEST_M)
    usable &= np.abs(far_m - thought_m) < DISAGREE * thought_m
    floor_m = (direction * far_m[..., None]) @ pose.R.T + pose.position_m

    there_m = (feet.point_m - pose.position_m) @ pose.R  # in the camera
    past_m = np.linalg.norm(np.cross(np.nan_to_num(there_m), direction), axis=-1)
    known = np.isfinite(feet.point_m).all(-1)
    stays = known & (past_m < RADIUS_M) & usable
    lost = known & ~stays & ((score > 0) | (stamp_ns - feet.seen_ns > HIDDEN_S * 1e9))
    comes = usable & (~known | lost)
    rested_s = np.maximum(stamp_ns - feet.since_ns, 0) * 1e-9
    share = np.clip((stamp_ns - feet.seen_ns) * 1e-9 / np.clip(rested_s, 1e-3, MEAN_S), 0, 1)
    point = np.where(stays[..., None], feet.point_m + share[..., None] * (floor_m - feet.point_m), feet.point_m)
    point = np.where(lost[..., None], np.nan, point)
    point = np.where(comes[..., None], floor_m, point)
    new = Feet(point, np.where(comes, stamp_ns, feet.since_ns), np.where(comes | stays, stamp_ns, feet.seen_ns))
    rests = np.isfinite(point).all(-1) & (stamp_ns - new.since_ns >= REST_S * 1e9)
    in_camera = (np.nan_to_num(point) - pose.position_m) @ pose.R
    steep = np.clip(-(in_camera @ pose.up) / np.maximum(np.linalg.norm(in_camera, axis=-1), 1e-6), LEAST_SINE, 1)
    along = np.where(rests, steep / config.sigma_m, 0)
    across = np.where(rests, 1 / config.across_m, 0)
    return new, Contact(in_camera, ray_covariance(in_camera, along, across))

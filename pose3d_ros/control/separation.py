"""How far people are from a robot, at least: distance, its bound, and what ISO 13855 and ISO 10218-2 would ask for.

NOT A SAFETY FUNCTION: one camera, no redundancy, no certified part. It may slow a robot down earlier than its
safety function does; it never replaces one.
"""

from dataclasses import dataclass
from enum import IntEnum
from statistics import NormalDist

import numpy as np

from pose3d_ros.control.robot_shape import RobotShape
from pose3d_ros.core import formats
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import JointState, Person3D
from pose3d_ros.geometry.segments import closest

# 68 % of the lengths of an error in three directions are below this many standard deviations of one of them
LENGTH_OF_ONE = 1.8724
LIMBS_M = {"elbow": 0.055, "wrist": 0.05, "hand": 0.05, "knee": 0.09, "ankle": 0.07, "toe": 0.06, "foot": 0.06}
TRUNK_M, HEAD_M = 0.17, 0.14  # radii about the line of the joints
HEAD = ("nose", "head_top", "head", "neck")
REACH_M = 0.20  # of a hand beyond its wrist, where the skeleton ends there


class Zone(IntEnum):
    """What follows from the distance (same values as in Separation.msg)."""

    UNKNOWN = 0
    CLEAR = 1
    SLOW = 2
    STOP = 3


@dataclass(frozen=True)
class ProtectiveConfig:
    """The protective distance S = v_h (T_R + T_S) + v_r T_R + B + C + Z (ISO 13855, ISO 10218-2:2025)."""

    human_speed_m_s: float = param(1.6, "speed v_h that people come with; what is measured counts where it is more",
                                   unit="m/s", low=0.0, high=10.0, live=True)  # fmt: skip
    reaction_s: float = param(0.1, "T_R: until the robot begins to stop", unit="s", low=0.0, high=5.0, live=True)
    stopping_s: float = param(0.3, "T_S: from there until it stands", unit="s", low=0.0, high=10.0, live=True)
    robot_speed_m_s: float = param(
        0.5, "speed v_r of the robot towards people", unit="m/s", low=0.0, high=20.0, live=True
    )
    braking_m: float = param(0.1, "B: way of the robot until it stands", unit="m", low=0.0, high=10.0, live=True)
    intrusion_m: float = param(0.0, "C: how far a part of the body reaches in unseen; arms and hands are in the "
                               "distance already", unit="m", low=0.0, high=2.0, live=True)  # fmt: skip
    robot_sigma_m: float = param(0.02, "Z_R: error of the robot's own place", unit="m", low=0.0, high=1.0, live=True)
    slow_ratio: float = param(
        1.5, "slow where the bound is below so many protective distances", low=1.0, high=20.0, live=True
    )

    __post_init__ = validate

    def distance_m(self, closing_m_s: float, age_s: float) -> float:
        """S, for somebody who comes at that speed as seen so long ago."""
        speed = max(self.human_speed_m_s, closing_m_s)
        way = speed * (age_s + self.reaction_s + self.stopping_s) + self.robot_speed_m_s * self.reaction_s
        return way + self.braking_m + self.intrusion_m + self.robot_sigma_m


@dataclass(frozen=True)
class Gap:
    """The smallest distance, in the robot's base frame. All NaN or empty where nobody is there; then it is infinite.

    `lower_m`, `upper_m`: the true distance lies between them with the stated confidence, as far as sigma and covariance
    tell. `approach_m_s`: how fast it shrinks by the velocity of the person's joints, NaN where that is not known.
    """

    distance_m: float = np.inf
    lower_m: float = np.inf
    upper_m: float = np.inf
    approach_m_s: float = np.nan
    track: int = 0
    person_id: str = ""
    joint: str = ""
    frame: str = ""
    at_person_m: tuple[float, float, float] = (np.nan,) * 3
    at_robot_m: tuple[float, float, float] = (np.nan,) * 3


def smallest(
    people: list[Person3D], robot: RobotShape, ends_m: np.ndarray, confidence: float, camera_m: np.ndarray,
    depth_sigma: float,
) -> Gap:  # fmt: skip
    """The smallest gap between people and the robot's capsules `ends_m` (K, 2, 3), all in one frame.

    A person without a root covariance is as uncertain as `depth_sigma` times the distance from the camera, which is at
    `camera_m` (3,), along the line of sight, and a fourth of that across it.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    gaps = [_of(person, robot, ends_m, z, camera_m, depth_sigma) for person in people]
    if not gaps:
        return Gap()
    nearest = min(gaps, key=lambda gap: gap.lower_m)
    lower, upper = min(gap.lower_m for gap in gaps), min(gap.upper_m for gap in gaps)
    return Gap(**{**vars(nearest), "lower_m": lower, "upper_m": upper})


def body_capsules(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Bones (B, 2), rows of joints, and their radii (B,)."""
    radius_m = []
    for _, child in skeleton.bones:
        name = skeleton.joints[child]
        part = name.split("_")[-1]
        radius_m.append(HEAD_M if name in HEAD else LIMBS_M.get(part, TRUNK_M))
    return skeleton.bones, np.array(radius_m)


def _of(
    person: Person3D, robot: RobotShape, robot_ends_m: np.ndarray, z: float, camera_m: np.ndarray, depth_sigma: float
) -> Gap:
    skeleton = formats.get(person.skeleton)
    bones, radius_m = body_capsules(skeleton)
    xyz_m = person.xyz_m.astype(np.float64)
    ends = xyz_m[bones]
    sigma_m = np.max(person.sigma_m.astype(np.float64)[bones], 1)
    hands = _last_bones(skeleton)
    reach = ends[hands].copy()
    along = reach[:, 1] - reach[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    reach[:, 0] = reach[:, 1]
    reach[:, 1] += REACH_M * along / np.maximum(length, 1e-6)
    ends, radius_m = np.concatenate((ends, reach)), np.concatenate((radius_m, np.full(len(hands), LIMBS_M["hand"])))
    rows = np.concatenate((bones[:, 1], bones[hands, 1]))
    sigma_m = np.concatenate((sigma_m, sigma_m[hands]))
    s, t = closest(ends, robot_ends_m)
    at_person = ends[:, None, 0] + s[..., None] * (ends[:, 1] - ends[:, 0])[:, None]
    at_robot = robot_ends_m[None, :, 0] + t[..., None] * (robot_ends_m[:, 1] - robot_ends_m[:, 0])[None]
    way = at_person - at_robot
    length = np.linalg.norm(way, axis=-1)
    distance_m = length - radius_m[:, None] - robot.radius_m
    towards = way / np.maximum(length, 1e-6)[..., None]
    spread = z * np.sqrt(_variance(person, xyz_m, towards, sigma_m, camera_m, depth_sigma))
    low, high = distance_m - spread, distance_m + spread
    b, k = np.unravel_index(np.nanargmin(low), low.shape)
    approach = np.nan
    if person.velocity_m_s is not None:
        velocity = person.velocity_m_s.astype(np.float64)
        ends_v = velocity[[bones[b, 0], bones[b, 1]]] if b < len(bones) else velocity[[rows[b], rows[b]]]
        approach = -float(towards[b, k] @ (ends_v[0] + s[b, k] * (ends_v[1] - ends_v[0])))
    return Gap(
        float(np.nanmin(distance_m)), float(low[b, k]), float(np.nanmin(high)), approach, person.track, person.id,
        skeleton.joints[rows[b]], robot.frames[k], tuple(at_person[b, k].tolist()), tuple(at_robot[b, k].tolist()),
    )  # fmt: skip


def _last_bones(skeleton: Skeleton) -> list[int]:
    """Bones that end in a wrist nothing hangs on."""
    parents = set(skeleton.parents.values())
    return [
        row for row, (_, child) in enumerate(skeleton.bones)
        if skeleton.joints[child].endswith("wrist") and skeleton.joints[child] not in parents
    ]  # fmt: skip


def _variance(
    person: Person3D, xyz_m: np.ndarray, towards: np.ndarray, sigma_m: np.ndarray, camera_m: np.ndarray,
    depth_sigma: float,
) -> np.ndarray:  # fmt: skip
    """(B, K) of the distance: the root's covariance along the way, and the joints' own."""
    if person.root_covariance is not None and np.any(person.root_covariance):
        covariance = person.root_covariance.astype(np.float64)
    else:
        sight = xyz_m[0] - camera_m
        distance = np.linalg.norm(sight)
        along = np.outer(sight, sight) / max(distance**2, 1e-9)
        covariance = (depth_sigma * distance) ** 2 * (along + (np.eye(3) - along) / 16)
    root = np.einsum("bki,ij,bkj->bk", towards, covariance, towards)
    return np.maximum(root, 0) + (sigma_m[:, None] / LENGTH_OF_ONE) ** 2


def odd(person: Person3D) -> str:
    """Why this person cannot be measured; "" if they can."""
    if (person.state == JointState.INVALID).any() or not np.isfinite(person.xyz_m).all():
        return "joints without a place"
    if not np.isfinite(person.sigma_m).all() or (person.sigma_m <= 0).any():
        return "joints without a sigma"
    covariance = person.root_covariance
    if covariance is not None and not np.isfinite(covariance).all():
        return "root covariance is not finite"
    return ""

"""What a body lifter may be told beside keypoints, and how it reads that: numpy arrays (robot) and torch (training).

Gravity and the camera's height, which a robot knows from TF; the angle that the person fills; and the person's bones,
as far as somebody has measured or estimated them. Whatever is unknown is absent: zeros, with a flag of zero.
"""

from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.arrays import like, namespace
from pose3d_ros.geometry.virtual_camera import VirtualCamera
from pose3d_ros.guidance.frames import LOG_SIZE_MIDDLE

SIDES = ("left", "right")
# Name of a length, the joints at the far ends of its bones (their mean over the sides), and what is expected of it in
# metres where nothing is known: mean and spread over the people of the training data and of anthropometry.
BONES: tuple[tuple[str, tuple[str, ...], float, float], ...] = (
    ("hip", tuple(f"{side}_hip" for side in SIDES), 0.095, 0.015),
    ("thigh", tuple(f"{side}_knee" for side in SIDES), 0.405, 0.040),
    ("shin", tuple(f"{side}_ankle" for side in SIDES), 0.415, 0.040),
    ("spine", ("spine",), 0.310, 0.050),
    ("thorax", ("thorax",), 0.190, 0.035),
    ("nose", ("nose",), 0.170, 0.040),
    ("head", ("head_top",), 0.140, 0.030),
    ("clavicle", tuple(f"{side}_shoulder" for side in SIDES), 0.175, 0.030),
    ("upper_arm", tuple(f"{side}_elbow" for side in SIDES), 0.285, 0.030),
    ("forearm", tuple(f"{side}_wrist" for side in SIDES), 0.260, 0.030),
    ("foot", tuple(f"{side}_toe" for side in SIDES), 0.135, 0.025),
)
NAMES = tuple(name for name, *_ in BONES)
MEAN_M = tuple(mean for *_, mean, _ in BONES)
SPREAD_M = tuple(spread for *_, spread in BONES)
HEIGHT_MIDDLE_M = 1.2
INPUTS = ("gravity", "height", "size", "bones")  # what a network that takes a condition is told
SIZE = 4 + 2 + 2 + 2 * len(BONES)  # up, height and size with a flag each; bones with their weight each


class Told(NamedTuple):
    """Of N people, NaN where unknown: `up` (N, 3), or (N, T, 3) of windows to be made, the unit vector against gravity
    in the axes of the camera; `height_m` (N,) of the camera above the floor they stand on; `bones_m` (N, 11) in the
    order of `NAMES`, and their standard deviation `bones_sigma_m` (N, 11); `size` bool (N,): a windowed lifter is told
    the angle that they fill."""

    up: Any
    height_m: Any
    bones_m: Any
    bones_sigma_m: Any
    size: Any


def nothing(people: int) -> Told:
    """Of people of whom nothing is known, numpy."""
    unknown = np.full((people, len(BONES)), np.nan, np.float32)
    return Told(unknown[:, :3], unknown[:, 0], unknown, unknown, np.zeros(people, bool))


def condition_of(told: Told, camera: VirtualCamera) -> Any:
    """The condition (N, SIZE) of N people seen by their virtual cameras; `told.up` (N, 3)."""
    xp = namespace(told.height_m)
    log_size = xp.where(told.size, xp.log(camera.scale), float("nan"))
    return encode(camera.from_camera(told.up), told.height_m, log_size, told.bones_m, told.bones_sigma_m)


def encode(up: Any, height_m: Any, log_size: Any, bones_m: Any, bones_sigma_m: Any) -> Any:
    """The condition (N, SIZE) of N people; `up` (N, 3) in the axes of the virtual camera, `log_size` (N,)
    the logarithm of its scale.

    A bone is given as its weight w = prior variance / (prior variance + its variance) and w times its deviation: what
    a Gaussian prior would leave of it. An unknown one is therefore (0, 0), like everything else that is unknown.
    """
    xp = namespace(height_m)
    off = (bones_m - like(bones_m, MEAN_M)) / like(bones_m, SPREAD_M)
    known = off == off  # NaN is unknown
    spread = like(bones_m, SPREAD_M)
    weight = xp.where(known, spread**2 / (spread**2 + bones_sigma_m**2), 0.0)
    parts = (
        _flagged(xp, up),
        _flagged(xp, (height_m - HEIGHT_MIDDLE_M)[:, None]),
        _flagged(xp, (log_size - LOG_SIZE_MIDDLE)[:, None]),
        weight * xp.where(known, off, 0.0),
        weight,
    )
    return xp.concatenate(parts, -1)


def _flagged(xp: Any, value: Any) -> Any:
    """(N, D) and a flag (N, 1): 1 where all of it is known; zeros where not."""
    known = (value == value).all(-1)[:, None]
    return xp.concatenate((xp.where(known, value, 0.0), known * xp.ones_like(value[:, :1])), -1)


def bone_lengths(xyz_m: Any, skeleton: Skeleton) -> Any:
    """Lengths (..., 11) in metres in the order of `NAMES`, mean of both sides, of joints (..., J, 3).

    A bone that the skeleton lacks is NaN.
    """
    xp, lengths = namespace(xyz_m), []
    for _, ends, *_ in BONES:
        if ends[0] in skeleton:
            children = skeleton.indices(ends)
            vectors = xyz_m[..., children.tolist(), :] - xyz_m[..., skeleton.parent_index[children].tolist(), :]
            lengths.append(xp.sqrt((vectors**2).sum(-1)).mean(-1))
        else:
            lengths.append(xyz_m[..., 0, 0] * float("nan"))
    return xp.stack(lengths, -1)

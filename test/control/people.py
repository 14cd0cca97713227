"""Hands and bodies as the lifter publishes them, of recorded motion."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from pose3d_ros.core.types import Hand3D, JointState, Person3D, Skeletons3D, TrackState
from pose3d_ros.geometry import hand

RATE_HZ = 37.0
SIDES = ("left", "right")


def stamp(number: float) -> int:
    return 10**9 + round(number * 1e9 / RATE_HZ)


def hand3d(xyz_m: np.ndarray, side: str, track: int = 1, id: str = "anna", state: int = JointState.MEASURED) -> Hand3D:
    pose = hand.describe(xyz_m[None].astype(np.float64), np.array([side == "left"]))
    sigma_m = np.full(21, 0.008, np.float32)
    return Hand3D(
        id, track, side, xyz_m[0], xyz_m=xyz_m, sigma_m=sigma_m, state=np.full(21, state, np.uint8), **pose.of(0)
    )


def person(at_m=(0.0, 0.0, 2.0), track: int = 1, id: str = "anna") -> Person3D:
    xyz_m = np.tile(np.array(at_m, np.float32), (17, 1))
    state = np.full(17, JointState.MEASURED, np.uint8)
    return Person3D(id, track, "h36m17", xyz_m, np.full(17, 0.03, np.float32), state, TrackState.TRACKED)


def frame(number: float, *entries: Hand3D | Person3D, **more) -> Skeletons3D:
    people = tuple(entry for entry in entries if isinstance(entry, Person3D))
    hands = tuple(entry for entry in entries if isinstance(entry, Hand3D))
    return Skeletons3D(stamp(number), "camera_optical_frame", people, hands, **more)


def changed(entry, **fields):
    return replace(entry, **fields)


@cache
def recorded_hands() -> dict[str, np.ndarray]:
    """(F, 21, 3) per side: both hands of a recording, in metres, half a metre before the camera."""
    with np.load(Path(__file__).parents[1] / "data" / "hands_sample.npz") as file:
        end = file["clip_offset"][1]
        joints, valid = file["joints"][:end], file["valid"][:end].all(1)
        names = list(file["hand_names"])
    middle = joints[valid].mean((0, 1, 2)) - np.array([0, 0, 0.5], np.float32)
    return {side: joints[valid, names.index(side)] - middle for side in SIDES}

"""A result in another frame."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.core.types import Hand3D, Person3D, Skeletons3D


def transformed(result: Skeletons3D, T: np.ndarray, frame_id: str) -> Skeletons3D:
    """Everybody in the frame `frame_id`, into which `T` (4, 4) takes points of the result's. Velocities are turned."""
    R, t_m = T[:3, :3], T[:3, 3]
    people = tuple(_person(person, R, t_m) for person in result.people)
    return replace(result, frame_id=frame_id, people=people, hands=tuple(_hand(hand, R, t_m) for hand in result.hands))


def _person(person: Person3D, R: np.ndarray, t_m: np.ndarray) -> Person3D:
    covariance = person.root_covariance
    return replace(
        person,
        xyz_m=person.xyz_m @ R.T + t_m,
        velocity_m_s=_turned(person.velocity_m_s, R),
        quat_xyzw=_quat(person.quat_xyzw, R),
        root_covariance=None if covariance is None else R @ covariance @ R.T,
    )


def _hand(hand: Hand3D, R: np.ndarray, t_m: np.ndarray) -> Hand3D:
    return replace(
        hand,
        wrist_m=(hand.wrist_m @ R.T + t_m).astype(np.float32),
        quat_xyzw=_quat(hand.quat_xyzw, R),
        xyz_m=(hand.xyz_m @ R.T + t_m).astype(np.float32),
        velocity_m_s=_turned(hand.velocity_m_s, R),
    )


def _turned(vectors: np.ndarray | None, R: np.ndarray) -> np.ndarray | None:
    return None if vectors is None else (vectors @ R.T).astype(np.float32)


def _quat(quat_xyzw: np.ndarray | None, R: np.ndarray) -> np.ndarray | None:
    """Orientations (..., 4); NaN stays NaN."""
    if quat_xyzw is None:
        return None
    flat = np.array(quat_xyzw, np.float64).reshape(-1, 4)
    known = np.isfinite(flat).all(1)
    if known.any():
        flat[known] = (Rotation.from_matrix(R) * Rotation.from_quat(flat[known])).as_quat()
    return flat.reshape(np.shape(quat_xyzw)).astype(np.float32)

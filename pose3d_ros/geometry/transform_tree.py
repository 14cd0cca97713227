"""The newest transform between frames of a tree, as TF tells them edge by edge."""

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.rotations import matrix_of

FARTHEST = 64  # edges: more is a loop

UNIT_TOLERANCE = 0.01  # that of tf2


def transform(xyz_m: np.ndarray, quat_xyzw: np.ndarray) -> np.ndarray:
    """(4, 4) of a translation and a rotation; not finite where the quaternion is not of length 1, as tf2 refuses it."""
    quat_xyzw = np.asarray(quat_xyzw, np.float64)
    length = np.linalg.norm(quat_xyzw)
    T = np.eye(4)
    T[:3, :3] = matrix_of(quat_xyzw / length) if abs(length - 1) < UNIT_TOLERANCE else np.nan
    T[:3, 3] = xyz_m
    return T


class TransformTree:
    """Edges by child. `stamp_s` None is for ever: a static transform."""

    def __init__(self) -> None:
        self._edges: dict[str, tuple[str, np.ndarray, float | None]] = {}

    def set(self, parent: str, child: str, T_parent_child: np.ndarray, stamp_s: float | None) -> None:
        """The newest transform of an edge; one that is not finite removes it."""
        if np.isfinite(T_parent_child).all():
            self._edges[child] = parent, T_parent_child, stamp_s
        else:
            self._edges.pop(child, None)

    def lookup(self, base: str, frame: str, now_s: float, max_age_s: float) -> np.ndarray:
        """T_base_frame (4, 4). Raises InputError where there is none, or an edge of it is older."""
        up_base, up_frame = self._up(base, now_s, max_age_s), self._up(frame, now_s, max_age_s)
        for root, T_root_frame in up_frame.items():
            if root in up_base:
                return np.linalg.inv(up_base[root]) @ T_root_frame
        raise InputError(
            f"no transform from {frame!r} to {base!r}: their trees end in {[*up_frame][-1]}, {[*up_base][-1]}"
        )

    def _up(self, frame: str, now_s: float, max_age_s: float) -> dict[str, np.ndarray]:
        """Every frame above this one, with the transform to it."""
        T, found = np.eye(4), {frame: np.eye(4)}
        while frame in self._edges:
            parent, T_parent_frame, stamp_s = self._edges[frame]
            if stamp_s is not None and now_s - stamp_s > max_age_s:
                raise InputError(f"the transform from {frame!r} to {parent!r} is {now_s - stamp_s:.2f} s old")
            T, frame = T_parent_frame @ T, parent
            if frame in found or len(found) > FARTHEST:
                raise InputError(f"the transforms above {frame!r} are a loop")
            found[frame] = T
        return found

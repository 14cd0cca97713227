"""The camera's own motion: rays of the past as the camera of now would have seen them.

Exact for rotation. Where the camera also moved, a ray is turned as if its joint were as far away as its person is
thought to be; of somebody of whom that is not known, translation is neglected.
"""

from bisect import bisect_left
from enum import Enum

import numpy as np

from pose3d_ros.core.pose import CameraPose

MEMORY_S = 20.0  # longer than any window
MAX_TURN_RAD_S, MAX_SPEED_M_S = 12.0, 15.0  # no robot's camera is quicker: its fixed frame was shifted
JUMP_M, JUMP_RAD = 0.3, 0.2  # that much is never a jump
MIN_DEPTH = 0.05  # z of a unit ray, and share of its distance; what lies behind the camera has no ray
STILL = CameraPose()


class PoseReason(str, Enum):
    """What was odd about a pose. The values are what diagnostics count."""

    JUMP = "camera_pose_jumped"  # the fixed frame was shifted; people stay where they are in the camera

    __str__ = str.__str__


class EgoMotion:
    """Poses of one camera by stamp. `now` is the pose of the frame in work. Not for several threads at once.

    `places`: where people are thought to be in the fixed frame, (3,) by track; whoever uses the object keeps them.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all poses: the camera stands still until one is given."""
        self.now = STILL
        self.places: dict[int, np.ndarray] = {}
        self._stamps_ns: list[int] = []
        self._used: list[np.ndarray] = []  # T_fixed_camera, continuous where the given ones jump
        self._shift = np.eye(4)
        self._moved = False

    def push(self, stamp_ns: int, pose: CameraPose | None) -> list[str]:
        """The camera's pose at a frame; None: as in the frame before. Returns what was odd."""
        if self._stamps_ns and stamp_ns < self._stamps_ns[0]:
            self._forget()  # time went back
        if pose is None:
            self.now = CameraPose(self._at(stamp_ns), self.now.up, self.now.height_m)
            return []
        reasons: list[str] = []
        T = self._shift @ pose.T_fixed_camera
        if self._stamps_ns and stamp_ns > self._stamps_ns[-1] and self._jumps(T, stamp_ns):
            self._shift = self._used[-1] @ np.linalg.inv(pose.T_fixed_camera)
            T = self._used[-1]
            reasons.append(PoseReason.JUMP)
        self._keep(stamp_ns, T)
        self.now = CameraPose(T, pose.up, pose.height_m)
        return reasons

    def turn(self, track: int, stamps_ns: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Rays (..., J, 2) that a camera saw of somebody at `stamps_ns` (...), in the camera of now; NaN behind it."""
        if not self._moved:
            return rays
        row = np.clip(np.searchsorted(self._stamps_ns, stamps_ns, side="right") - 1, 0, None)
        then, now = np.stack(self._used)[row], self.now
        turned = np.concatenate((rays, np.ones_like(rays[..., :1])), -1) @ (now.R.T @ then[..., :3, :3]).swapaxes(
            -1, -2
        )
        place = self.places.get(track)
        if place is not None:
            depth = ((place - then[..., :3, 3]) * then[..., :3, 2]).sum(-1)
            step = (then[..., :3, 3] - now.position_m) @ now.R
            turned = (
                turned
                + np.where(depth[..., None] > MIN_DEPTH, step / np.maximum(depth, MIN_DEPTH)[..., None], 0)[
                    ..., None, :
                ]
            )
        ahead = turned[..., 2:] > MIN_DEPTH
        return np.where(ahead, turned[..., :2] / np.where(ahead, turned[..., 2:], 1), np.nan).astype(rays.dtype)

    def since(self, stamp_ns: int) -> np.ndarray | None:
        """Rotation (3, 3) from the camera's axes at a stamp into those of now; None where it is none."""
        return self.now.R.T @ self._at(stamp_ns)[:3, :3] if self._moved else None

    def _at(self, stamp_ns: int) -> np.ndarray:
        """The newest pose at a stamp or before; the oldest where there is none."""
        if not self._stamps_ns:
            return np.eye(4)
        row = bisect_left(self._stamps_ns, stamp_ns + 1) - 1
        return self._used[max(row, 0)]

    def _jumps(self, T: np.ndarray, stamp_ns: int) -> bool:
        before, dt_s = self._used[-1], (stamp_ns - self._stamps_ns[-1]) * 1e-9
        angle = np.arccos(np.clip((np.trace(before[:3, :3].T @ T[:3, :3]) - 1) / 2, -1, 1))
        moved = np.linalg.norm(T[:3, 3] - before[:3, 3])
        return bool(angle > JUMP_RAD + MAX_TURN_RAD_S * dt_s or moved > JUMP_M + MAX_SPEED_M_S * dt_s)

    def _keep(self, stamp_ns: int, T: np.ndarray) -> None:
        row = bisect_left(self._stamps_ns, stamp_ns)
        if row < len(self._stamps_ns) and self._stamps_ns[row] == stamp_ns:
            self._used[row] = T
        else:
            self._stamps_ns.insert(row, stamp_ns)
            self._used.insert(row, T)
        while self._stamps_ns[-1] - self._stamps_ns[0] > MEMORY_S * 1e9:
            del self._stamps_ns[0], self._used[0]
        self._moved = self._moved or not np.array_equal(T, self._used[0])

    def _forget(self) -> None:
        self._stamps_ns.clear()
        self._used.clear()
        self.places.clear()
        self._moved = False

"""`CameraPose`: where a camera was when an image was taken."""

from dataclasses import dataclass, field

import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import checked

RIGID = 1e-3  # largest error of an entry of R R^T; TF quaternions are float64, some drivers write float32
MIN_LENGTH = 0.5  # of a vector that says where up is


@dataclass(frozen=True)
class CameraPose:
    """The pose of the optical frame in a frame that does not move with the robot.

    `T_fixed_camera` float64 (4, 4) takes points from the camera into the fixed frame; the identity for a camera that
    stands still. `up` (3,): unit vector against gravity in the axes of the camera, None where unknown. `height_m`: of
    the camera above the floor, None where unknown. Raises InputError.
    """

    T_fixed_camera: np.ndarray = field(default_factory=lambda: np.eye(4))
    up: np.ndarray | None = None
    height_m: float | None = None

    def __post_init__(self) -> None:
        T = checked("T_fixed_camera", self.T_fixed_camera, (4, 4), np.float64)
        R = T[:3, :3]
        if not np.isfinite(T).all() or np.abs(R @ R.T - np.eye(3)).max() > RIGID or np.linalg.det(R) < 0:
            raise InputError(f"T_fixed_camera: expected a rotation and a translation, got {T.round(4).tolist()}")
        object.__setattr__(self, "T_fixed_camera", T)
        if self.up is not None:
            up = checked("up", self.up, (3,), np.float64)
            length = np.linalg.norm(up)
            if not (np.isfinite(length) and length > MIN_LENGTH):
                raise InputError(f"up: expected a unit vector, got {up.tolist()}")
            object.__setattr__(self, "up", up / length)
        if self.height_m is not None and not np.isfinite(self.height_m):
            raise InputError(f"height_m: expected metres above the floor, got {self.height_m}")

    @property
    def R(self) -> np.ndarray:
        """Rotation (3, 3) from the camera's axes into those of the fixed frame."""
        return self.T_fixed_camera[:3, :3]

    @property
    def position_m(self) -> np.ndarray:
        """The camera in the fixed frame (3,)."""
        return self.T_fixed_camera[:3, 3]

"""`HandSolver`: joints of a robot hand that put its fingertips where the person's are, through a library.

Robot axes, the same for both sides and all hands of the libraries: x out of the palm, z to the fingers, y to the thumb
of a right hand. Ours (`pose3d_ros.geometry.hand`): x to the middle knuckle, z out of the palm.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.control.assets import INSTALL, Urdf, known, locate, read_urdf
from pose3d_ros.control.config import RobotHandConfig
from pose3d_ros.control.limits import Limiter
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.geometry.hand import MIN_LENGTH_M, J, hand_length

WRIST = J["wrist"]
FINGERS = ("thumb", "index", "middle", "ring", "little")
LONGEST_M = 0.5  # a hand beyond that is none


def robot_axes(xyz_palm_m: np.ndarray) -> np.ndarray:
    """Joints (..., 3) in the palm frame, either side, in the axes of robot hands."""
    return xyz_palm_m[..., [2, 1, 0]] * [1.0, -1.0, 1.0]


class HandSolver:
    """One robot hand. `names`: all joints of its model in the library's order, `published`: rows of those to command.

    Raises ConfigError for a model or library that is not there and for names that the model does not have.
    """

    def __init__(self, config: RobotHandConfig) -> None:
        self.config = config
        self.urdf_path = locate(config.model, config.name)
        urdf = read_urdf(self.urdf_path, config.name)
        known(config.tips, FINGERS, "fingers", config.name)
        known([config.base, *config.tips.values()], sorted(urdf.links), "links", config.name)
        known([*config.joints, *config.still], urdf.joints, "joints", config.name)
        if len(config.tips) < 2:
            raise ConfigError(f"robot {config.name}: tips: expected at least two fingers, got {len(config.tips)}")
        self._links = [config.base, *config.tips.values()]
        self._tips = [J[f"{finger}_tip"] for finger in config.tips]
        self._origin, self._task = _vectors(config.method, self._tips)
        self._library = _build(config, self.urdf_path, self._links, (self._origin, self._task), urdf)
        self.names: tuple[str, ...] = tuple(self._library.joint_names)
        self._joints = urdf.joints
        self._copies = [
            (row, self.names.index(joint.mimics), joint.factor, joint.offset)
            for row, joint in enumerate(urdf.joints[name] for name in self.names)
            if joint.mimics
        ]
        self.published = self._published(urdf)
        self.reach_m = self._reach()

    @property
    def rest_rad(self) -> np.ndarray:
        """All joints (J,), where nothing moves them."""
        return self.coupled(np.zeros(len(self.names)))

    def limiter(self) -> Limiter:
        """Of all its joints. One that others copy moves no faster than they may."""
        low, high, speed = np.array([self._joints[name][:3] for name in self.names]).T
        limiter = Limiter(self.names, low, high, speed, self.config.limits, self.config.name)
        for copy, of, factor, _ in self._copies:
            limiter.slow(of, limiter.speed[copy] / max(abs(factor), 1e-3))
        return limiter

    def coupled(self, position: np.ndarray) -> np.ndarray:
        """The same with joints that copy another where that one takes them."""
        position = position.copy()
        for copy, of, factor, offset in self._copies:
            position[copy] = factor * position[of] + offset
        return position

    def solve(self, xyz_palm_m: np.ndarray) -> np.ndarray:
        """Positions (J,) in rad for the person's hand (21, 3) in its palm frame. Raises InputError where it is none."""
        points = self._scaled(xyz_palm_m)
        vectors = (points[self._task] - points[self._origin]).ravel().tolist()
        still = [0.0] * self._library.fixed_dof
        position = np.array(self._library.retarget(vectors, still) if still else self._library.retarget(vectors))
        if not np.isfinite(position).all():
            self._library.reset()
            raise InputError(f"robot {self.config.name}: the library found no finite joints")
        return position

    def wanted_tips(self, xyz_palm_m: np.ndarray) -> np.ndarray:
        """Where the robot's tips should be, (n, 3) from its wrist in metres of the robot."""
        return self._scaled(xyz_palm_m)[self._tips]

    def tips(self, position: np.ndarray) -> np.ndarray:
        """Where they are at these joints, (n, 3)."""
        points = np.array(self._library.link_positions(np.asarray(position, float).tolist(), self._links))
        return points[1:] - points[0]

    def seed(self, position: np.ndarray) -> None:
        """Where the next search starts."""
        self._library.set_qpos(np.asarray(position, float).tolist())

    def reset(self) -> None:
        """As before the first search."""
        self._library.reset()

    def _scaled(self, xyz_palm_m: np.ndarray) -> np.ndarray:
        points = np.asarray(xyz_palm_m, np.float64)
        length = float(hand_length(points))
        if not MIN_LENGTH_M < length < LONGEST_M:  # also where it is NaN
            raise InputError(f"robot {self.config.name}: expected a hand of at most {LONGEST_M} m, got {length:.3g} m")
        return robot_axes(points - points[WRIST]) * (self.config.scale * self.reach_m / length)

    def _published(self, urdf: Urdf) -> np.ndarray:
        own = [name for name, joint in urdf.joints.items() if not joint.mimics and name not in self.config.still]
        return np.array([self.names.index(name) for name in (self.config.joints or own)])

    def _reach(self) -> float:
        """Of the longest finger, stretched."""
        return float(np.linalg.norm(self.tips(np.zeros(len(self.names))), axis=1).max())


def _vectors(method: str, tips: list[int]) -> tuple[list[int], list[int]]:
    """Joints between which the vectors run that the library compares: (from, to)."""
    pairs = list(combinations(tips, 2)) if method == "dexpilot" else []
    return [b for _, b in pairs] + [WRIST] * len(tips), [a for a, _ in pairs] + tips


def _build(
    config: RobotHandConfig, path: Path, links: list[str], vectors: tuple[list[int], list[int]], urdf: Urdf
) -> Any:
    base, *tips = links
    moving = [name for name, joint in urdf.joints.items() if name not in config.still and not joint.mimics]
    options = {
        "scaling_factor": 1.0,  # ours: `_scaled`
        "low_pass_alpha": 1.0,  # ours: by time, not by frames
        "target_joint_names": moving if config.still or config.library != "dexi" else None,
    }
    if config.method == "vector":
        options |= {
            "target_origin_link_names": [base] * len(tips),
            "target_task_link_names": tips,
            "target_link_human_indices": [list(row) for row in vectors],
        }
    else:
        options |= {"wrist_link_name": base, "finger_tip_link_names": tips}
    make = _dexi if config.library == "dexi" else _dex_retargeting
    try:
        return make(config.method, str(path), options)
    except ImportError as error:
        raise ConfigError(f"robot {config.name}: {config.library} is not installed ({error}): {INSTALL}") from None
    except (ValueError, RuntimeError, OSError) as error:
        raise ConfigError(f"robot {config.name}: {config.library} refuses its model: {error}") from None


def _dexi(method: str, urdf: str, options: dict[str, Any]) -> Any:
    import dexi_rs

    return dexi_rs.RetargetingConfig(method, urdf, **options).build()


def _dex_retargeting(method: str, urdf: str, options: dict[str, Any]) -> Any:
    from pose3d_ros.control.dex_retargeting import Adapter

    return Adapter(method, urdf, options)

"""`dex-retargeting` behind the interface of `dexi-rs`. Slower, and heavy to install: torch and pinocchio."""

from typing import Any

import numpy as np


class Adapter:
    """One robot hand. `joint_names`, `retarget`, `link_positions` and the others as dexi_rs.SeqRetargeting has them.

    Raises ImportError where the library, or what it needs, is not installed.
    """

    def __init__(self, method: str, urdf: str, options: dict[str, Any]) -> None:
        from dex_retargeting.retargeting_config import RetargetingConfig

        indices = options.pop("target_link_human_indices", None)
        if indices is not None:
            options["target_link_human_indices"] = np.array(indices)
        self._library = RetargetingConfig(method, urdf, **options).build()
        self._optimizer = self._library.optimizer
        self._robot = self._optimizer.robot
        self.joint_names: list[str] = list(self._library.joint_names)
        self.fixed_dof = len(self._optimizer.idx_pin2fixed)

    def retarget(self, vectors: list[float], fixed_qpos: list[float] | None = None) -> list[float]:
        """All joints, in rad, for the flat vectors."""
        fixed = np.array(fixed_qpos if fixed_qpos is not None else [], np.float64)
        return self._library.retarget(np.array(vectors).reshape(-1, 3), fixed).tolist()

    def link_positions(self, position: list[float], links: list[str]) -> list[tuple[float, float, float]]:
        """Where links are at these joints."""
        self._robot.compute_forward_kinematics(np.array(position))
        poses = [self._robot.get_link_pose(self._robot.get_link_index(link)) for link in links]
        return [tuple(pose[:3, 3].tolist()) for pose in poses]

    def set_qpos(self, position: list[float]) -> None:
        """Where the next search starts."""
        self._library.set_qpos(np.array(position))

    def reset(self) -> None:
        """As before the first search."""
        self._library.reset()

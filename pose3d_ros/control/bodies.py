"""`BodySolver`: joints of a humanoid that stands as a person does, through mink and MuJoCo.

World: x ahead of the camera, y left, z up. The robot's frames are asked to be where the person's limbs point, with the
lengths of the robot: from the pelvis outwards, joint by joint.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.control import gate
from pose3d_ros.control.assets import INSTALL, known, locate
from pose3d_ros.control.config import HumanoidConfig
from pose3d_ros.control.driver import JointCommand, JointDriver
from pose3d_ros.control.follow import Followed
from pose3d_ros.control.limits import Limiter
from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.types import JointState, Person3D, Skeletons3D
from pose3d_ros.geometry.rotations import matrix_of
from pose3d_ros.stages.articulation import Articulation, as_body24

BODY = formats.get("body24")
TRUNK = ("pelvis", "spine3")  # what hangs on these turns with them
AXES = {sign + axis: (-1.0 if sign else 1.0) * np.eye(3)[row] for row, axis in enumerate("xyz") for sign in ("", "-")}
STEP_S = 0.1  # of the solver, not of time: how far one step goes
MIN_BONE_M = 0.02


class BodySolver:
    """One humanoid. `names`: its joints (J,) in the model's order; `rows`: joints of body24 that it needs.

    Raises ConfigError for a model or library that is not there and for frames and joints that the model does not have.
    """

    def __init__(self, config: HumanoidConfig) -> None:
        self.config = config
        self.model_path = locate(config.model, config.name)
        self._mink, self.model = _model(config, self.model_path)
        model, name = self.model, config.name
        frames = [model.body(row).name for row in range(model.nbody)]
        known([task.frame for task in config.tasks] + [config.base], frames, "frames", name)
        known([task.joint for task in config.tasks], BODY.joints, "joints of body24", name)
        hinges = [row for row in range(model.njnt) if model.jnt_type[row] == _HINGE]
        self.names = tuple(model.joint(row).name for row in hinges)
        known([*config.joints, *config.rest_rad], self.names, "joints", name)
        self._columns, self._range = model.jnt_qposadr[hinges], model.jnt_range[hinges]
        moving = config.joints or self.names
        self.published = np.array([self.names.index(joint) for joint in moving])
        self.rows = BODY.indices([task.joint for task in config.tasks])
        self._to_world = Rotation.from_euler("xyz", config.input_rpy_deg, degrees=True).as_matrix()
        self._build()

    @property
    def rest_rad(self) -> np.ndarray:
        """All joints (J,), where nothing moves them."""
        return self._rest[self._columns].copy()

    def limiter(self) -> Limiter:
        """Ranges of the model; MJCF knows no speeds, so the configuration gives them."""
        low, high = self._range.T
        return Limiter(self.names, low, high, np.full(len(self.names), np.inf), self.config.limits, self.config.name)

    def solve(self, xyz_m: np.ndarray, quat_xyzw: np.ndarray) -> np.ndarray:
        """Joints (J,) in rad for a person's joints (24, 3) and their orientations (24, 4). Raises InputError."""
        xyz_m, quat_xyzw = np.asarray(xyz_m, np.float64), np.asarray(quat_xyzw, np.float64)
        if not (np.isfinite(xyz_m[self.rows]).all() and np.isfinite(quat_xyzw[self.rows]).all()):
            raise InputError(f"robot {self.config.name}: expected finite joints and orientations")
        where = self.targets(xyz_m, quat_xyzw)
        for task, frame in zip(self.config.tasks, self._frames, strict=True):
            if frame is not None:
                at, axes = where[task.joint]
                turn = self._mink.SO3.from_matrix(axes)
                frame.set_target(self._mink.SE3.from_rotation_and_translation(turn, at))
        try:
            for _ in range(self.config.steps):
                speed = self._mink.solve_ik(
                    self._at,
                    self._tasks,
                    STEP_S,
                    solver="daqp",
                    damping=1e-6,
                    limits=self._limits,
                    constraints=self._frozen,
                )
                self._at.integrate_inplace(speed, STEP_S)
        except self._mink.MinkError as error:
            self.reset()
            raise InputError(f"robot {self.config.name}: no joints found: {error}") from None
        return self._at.q[self._columns].copy()

    def targets(self, xyz_m: np.ndarray, quat_xyzw: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Place (3,) and axes (3, 3) that the frame of each task should have, in the world about the robot's base."""
        turns = self._to_world @ matrix_of(np.asarray(quat_xyzw, np.float64)[self.rows])
        to_world = self._to_world
        if self.config.fixed_base:
            away = _heading(turns[0])
            turns, to_world = away @ turns, away @ to_world
            turns[0] = np.eye(3)
        xyz_m = xyz_m @ to_world.T
        found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for i, task in enumerate(self.config.tasks):
            above, offset = self._above[i], self._offset[i]
            if above < 0:
                at = self._base_at
            elif self.config.tasks[above].joint in TRUNK:
                at = found[self.config.tasks[above].joint][0] + turns[above] @ offset
            else:
                bone = xyz_m[self.rows[i]] - xyz_m[self.rows[above]]
                length = np.linalg.norm(offset) / max(np.linalg.norm(bone), MIN_BONE_M)
                at = found[self.config.tasks[above].joint][0] + bone * length
            found[task.joint] = at, turns[i] @ self._axes[i]
        return found

    def frames(self, position: np.ndarray, base: np.ndarray | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Place (3,) and axes (3, 3) of the tasks' frames at these joints, by joint of body24.

        `base`: as `base_pose`, by default that.
        """
        q = self._at.q.copy()
        q[self._columns] = position
        if base is not None:
            q[:7] = base
        there = self._mink.Configuration(self.model, q)
        poses = {task.joint: _at(there, task.frame) for task in self.config.tasks}
        return {joint: (pose.translation(), pose.rotation().as_matrix()) for joint, pose in poses.items()}

    @property
    def base_pose(self) -> np.ndarray:
        """x, y, z in m and w, x, y, z of the floating base after the last `solve`."""
        return self._at.q[:7].copy()

    def seed(self, position: np.ndarray) -> None:
        """Where the next search starts."""
        q = self._at.q.copy()
        q[self._columns] = position
        self._at.update(q)

    def reset(self) -> None:
        """At rest."""
        self._at.update(self._rest)

    def _build(self) -> None:
        """Tasks of mink, and what hangs on what at which offset, as the model is built."""
        mink, config, model = self._mink, self.config, self.model
        self._rest = model.qpos0.copy()
        self._rest[self._columns] = [config.rest_rad.get(name, 0.0) for name in self.names]
        self._at = mink.Configuration(model, self._rest)
        self._base_at = self._rest[:3].copy()
        nothing = [task.position == task.rotation == 0 for task in config.tasks]
        self._frames = [
            None if idle else mink.FrameTask(task.frame, "body", task.position, task.rotation, lm_damping=0.1)
            for task, idle in zip(config.tasks, nothing, strict=True)
        ]
        posture = mink.PostureTask(model, cost=config.posture)
        posture.set_target(self._rest)
        damping = mink.DampingTask(model, cost=config.damping)
        self._tasks = [frame for frame in self._frames if frame] + [posture, damping]
        self._limits = [mink.ConfigurationLimit(model)]
        still = [model.jnt_dofadr[row] for row in range(model.njnt) if self._stays(model.joint(row).name)]
        still += list(range(6)) if config.fixed_base else []
        self._frozen = [mink.DofFreezingTask(model, [int(dof) for dof in still])] if still else None
        joints = [task.joint for task in config.tasks]
        self._axes = [np.stack([AXES[axis] for axis in task.axes], 1) for task in config.tasks]
        self._above = [_above(joint, joints[:row]) for row, joint in enumerate(joints)]
        at = [_at(self._at, task.frame).translation() for task in config.tasks]
        self._offset = [here - at[above] for here, above in zip(at, self._above, strict=True)]

    def _stays(self, joint: str) -> bool:
        return joint in self.names and self.names.index(joint) not in self.published


_HINGE = 3  # mjtJoint.mjJNT_HINGE


def _model(config: HumanoidConfig, path: Path) -> tuple[Any, Any]:
    """mink, and the model without what is only seen: meshes take seconds to load. Raises ConfigError."""
    try:
        import mink
        import mujoco
    except ImportError as error:
        raise ConfigError(f"robot {config.name}: {error.name} is not installed: {INSTALL}") from None
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        for geom in list(spec.geoms):
            spec.delete(geom)
        for mesh in list(spec.meshes):
            spec.delete(mesh)
        model = spec.compile()
    except ValueError as error:
        raise ConfigError(f"robot {config.name}: MuJoCo refuses {path}: {error}") from None
    if not config.tasks or config.tasks[0].joint != "pelvis" or model.jnt_type[0] != 0:
        raise ConfigError(
            f"robot {config.name}: expected a model with a floating base, and a first task for the pelvis"
        )
    return mink, model


def _above(joint: str, joints: list[str]) -> int:
    """Row of the nearest joint towards the pelvis, -1 where there is none."""
    while joint in BODY.parents:
        joint = BODY.parents[joint]
        if joint in joints:
            return joints.index(joint)
    return -1


def _heading(axes: np.ndarray) -> np.ndarray:
    """What turns somebody of these axes about z, so that they look along x."""
    length = max(np.hypot(axes[0, 0], axes[1, 0]), 1e-9)
    cos, sin = axes[0, 0] / length, axes[1, 0] / length
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _at(configuration: Any, frame: str) -> Any:
    return configuration.get_transform_frame_to_world(frame, "body")


class BodyDriver(JointDriver):
    """A humanoid from the body of the followed person. Rotations are taken as published, else found here."""

    config: HumanoidConfig

    def __init__(self, config: HumanoidConfig) -> None:
        super().__init__(config)
        self.solver = BodySolver(config)
        self.names, self.published = self.solver.names, self.solver.published
        self.limiter = self.solver.limiter()
        self.floats = not config.fixed_base
        self._articulation = Articulation()
        self._restart()

    def forget(self) -> None:
        """Also how limbs were turned."""
        super().forget()
        self._articulation.reset()

    def _source(self, result: Skeletons3D, followed: Followed) -> tuple[Person3D | None, str]:
        return gate.body_of(result, followed.track, self.config.hold)

    def _command(self, result: Skeletons3D, person: Person3D, dt_s: float) -> JointCommand:
        if self.limiter.position is not None:
            self.solver.seed(self.limiter.position)
        careful = bool((person.state != JointState.MEASURED).any())
        wanted = self.solver.solve(*self.body24(result, person))
        command = self._limited(result, wanted, dt_s, careful)
        return command if not self.floats else replace(command, base_quat_xyzw=self.solver.base_pose[[4, 5, 6, 3]])

    def body24(self, result: Skeletons3D, person: Person3D) -> tuple[np.ndarray, np.ndarray]:
        """Joints (24, 3) and orientations (24, 4) of a person of any skeleton. Raises InputError where it has none."""
        if person.quat_xyzw is None:
            (person,) = self._articulation.articulate(result.stamp_ns, [person], result.hands)
        found = as_body24([person])
        if not found:
            raise InputError(f"robot {self.config.name}: no rotations of a {person.skeleton}")
        return found[0].xyz_m, found[0].quat_xyzw

"""The state of people in the pipeline: what is kept of them from frame to frame settles what a frame says."""

import math
from dataclasses import replace

import numpy as np

from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import Person3D
from pose3d_ros.estimation.body_state import BodyStates, Estimate, Lifted
from pose3d_ros.estimation.ego_motion import EgoMotion
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages import profiles
from pose3d_ros.stages.part import Part


class State(Part):
    """Remembers the people of one camera's view. Not for several threads at once."""

    def __init__(self, config: PipelineConfig, skeleton: Skeleton) -> None:
        self.config = config.state
        self._states = BodyStates(skeleton, config.state)
        self._profiles = profiles.load(config.people.profiles, skeleton)
        self.ego_motion = EgoMotion()

    def store(self, stamp_ns: int, pose: CameraPose | None) -> list[str]:
        """Where the camera is at a frame; None: where it was. Returns what was odd."""
        return self.ego_motion.push(stamp_ns, pose)

    def lift(self, stamp_ns: int, people: list[Person3D], rays: np.ndarray, score: np.ndarray) -> list[Person3D]:
        """`people` as they were lifted from this frame, with its rays (N, J, 2) and score (N, J), settled by what was
        known of them."""
        if not (self.config.enabled and people):
            return people
        lifted = Lifted(np.stack([p.xyz_m for p in people]), np.stack([p.sigma_m for p in people]), rays, score)
        tracks = [person.track for person in people]
        self._states.profiles = {p.track: self._profiles[p.id] for p in people if p.id in self._profiles}
        found = self._states.update(tracks, stamp_ns, lifted, self.ego_motion.now)
        self.ego_motion.places = self._states.places
        return [_settled(person, found, row) for row, person in enumerate(people)]

    def learned(self, track: int) -> tuple[np.ndarray, float]:
        """Bone lengths (G,) of somebody, in the order of the skeleton's `tree`, and their stature. Raises KeyError."""
        return self._states.learned(track)

    def reconfigure(self, config: PipelineConfig) -> None:
        if config.state.enabled != self.config.enabled:
            self.reset()
        self.config = self._states.config = config.state

    def reset(self) -> None:
        """Forget everybody, and where the camera was."""
        self._states.reset()
        self.ego_motion.reset()


def _settled(person: Person3D, found: Estimate, row: int) -> Person3D:
    stature_m = float(found.stature_m[row])
    return replace(
        person, xyz_m=found.xyz_m[row], sigma_m=found.sigma_m[row], velocity_m_s=found.velocity_m_s[row],
        root_covariance=found.root_covariance[row], last_seen_ns=int(found.seen_ns[row]),
        stature_m=stature_m if stature_m > 0 else math.nan,
    )  # fmt: skip

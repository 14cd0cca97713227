"""`BodyStates`: everything that is kept of everybody in view, in a frame that does not move with the camera."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.estimation import bones as bone_lengths
from pose3d_ros.estimation import calibration, contact, posture, root
from pose3d_ros.estimation.bones import Bones
from pose3d_ros.estimation.contact import Contact, ContactConfig, Feet
from pose3d_ros.estimation.ego_motion import STILL
from pose3d_ros.estimation.posture import PostureConfig
from pose3d_ros.estimation.root import Root, RootConfig

BREAK_S = 1.0  # after a longer break, or where time went back by that much, only the bones are still known
JUMP_M, JUMP_M_S = 1.0, 3.0  # nobody moves further across the line of sight: it is somebody else, or a wrong place
FORGOTTEN_S = 60.0  # whoever was not there for so long


@dataclass(frozen=True)
class StateConfig:
    """What is kept of people from frame to frame."""

    enabled: bool = param(True, "keep bones, root, velocity and posture of people; false = every frame for itself")
    posture: PostureConfig = field(default_factory=PostureConfig)
    root: RootConfig = field(default_factory=RootConfig)
    contact: ContactConfig = field(default_factory=ContactConfig)

    __post_init__ = validate


class Lifted(NamedTuple):
    """What one frame says of N people, in the camera: `xyz_m` (N, J, 3) as the lifter and the placement put them,
    `sigma_m` (N, J), `rays` (N, J, 2) and `score` (N, J) of the keypoints, score 0 where a joint is hidden."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray
    rays: np.ndarray
    score: np.ndarray


class Estimate(NamedTuple):
    """What is known of N people now, in the camera: `xyz_m` (N, J, 3), `sigma_m` (N, J) relative to the root,
    `velocity_m_s` (N, J, 3) against the fixed frame, `root_covariance` (N, 3, 3), `seen_ns` (N,): stamp of the newest
    measured joint, 0 before any, `stature_m` (N,) sole to head top, NaN where unknown."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray
    velocity_m_s: np.ndarray
    root_covariance: np.ndarray
    seen_ns: np.ndarray
    stature_m: np.ndarray


@dataclass
class Memory:
    """N people in the fixed frame. `posture_m`, `motion_m_s` (N, J, 3): joints and their velocity relative to the
    root. `seen_ns` (N, J): when each joint was last measured, 0 = never. `stamp_ns` (N,)."""

    keys: list[int]
    stamp_ns: np.ndarray
    seen_ns: np.ndarray
    root: Root
    posture_m: np.ndarray
    motion_m_s: np.ndarray
    bones: Bones
    feet: Feet

    def take(self, rows: Sequence[int]) -> "Memory":
        """These rows, copied."""
        rows = np.asarray(rows, np.int64)
        return Memory(
            [self.keys[row] for row in rows], self.stamp_ns[rows], self.seen_ns[rows],
            Root(*(part[rows] for part in self.root)), self.posture_m[rows], self.motion_m_s[rows],
            Bones(*(part[rows] for part in self.bones)), Feet(*(part[rows] for part in self.feet)),
        )  # fmt: skip

    def joined(self, other: "Memory") -> "Memory":
        """These people, then the others."""

        def both(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
            return np.concatenate((mine, theirs))

        return Memory(
            [*self.keys, *other.keys], both(self.stamp_ns, other.stamp_ns), both(self.seen_ns, other.seen_ns),
            Root(*map(both, self.root, other.root)), both(self.posture_m, other.posture_m),
            both(self.motion_m_s, other.motion_m_s), Bones(*map(both, self.bones, other.bones)),
            Feet(*map(both, self.feet, other.feet)),
        )  # fmt: skip


class BodyStates:
    """Follows people frame by frame. Not for several threads at once."""

    def __init__(self, skeleton: Skeleton, config: StateConfig | None = None) -> None:
        self.skeleton, self.config = skeleton, config or StateConfig()
        self.bones = bone_lengths.tree(skeleton)
        self._foot_rows, self._foot_heights_m = contact.foot_joints(skeleton)
        self.profiles: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # log lengths (G,) and their sigma, by key
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._memory = self._fresh([], _nothing(len(self.skeleton)), 0, STILL)

    @property
    def places(self) -> dict[int, np.ndarray]:
        """Where everybody's root was last, in the fixed frame, (3,) by key."""
        return dict(zip(self._memory.keys, self._memory.root.xyz_m, strict=True))

    def update(self, keys: Sequence[int], stamp_ns: int, lifted: Lifted, pose: CameraPose = STILL) -> Estimate:
        """Take one frame of the people `keys` (N distinct numbers) and return what is known of them at its stamp.

        Whoever was not known starts. A frame that is not newer than what is known of its people changes nothing: what
        is known comes back, carried to its stamp.
        """
        lifted = Lifted(*(np.asarray(part, np.float64) for part in lifted))
        lifted = self._sized(list(keys), lifted)
        before = self._arranged(list(keys), lifted, stamp_ns, pose)
        before = self._restarted(before, lifted, stamp_ns, pose)
        dt_s = (stamp_ns - before.stamp_ns) * 1e-9
        newer = dt_s > 0
        ahead = self._predicted(before, dt_s, lifted.score, pose)
        ahead.feet, rests = self._feet(ahead, lifted, stamp_ns, pose)
        now = self._fused(ahead, before, dt_s, lifted, rests)
        if not newer.all():
            now = _chosen(newer, now, ahead)
        now.stamp_ns = np.maximum(before.stamp_ns, stamp_ns)
        self._remember(_chosen(newer, _to_fixed(now, pose), before) if not newer.all() else _to_fixed(now, pose))
        return self._estimate(now, stamp_ns, lifted)

    def learned(self, key: int) -> tuple[np.ndarray, float]:
        """Lengths (G,) of somebody's bones, in the order of `bones.names`, and the stature. Raises KeyError."""
        if key not in self._memory.keys:
            raise KeyError(key)
        of = self._memory.take([self._memory.keys.index(key)]).bones
        return np.exp(of.log_length)[0], float(of.stature_m[0])

    def _sized(self, keys: list[int], lifted: Lifted) -> Lifted:
        """Whoever has a profile as large as it says, and so much farther or nearer: rays stay what they are."""
        if not any(key in self.profiles for key in keys):
            return lifted
        factor = np.ones(len(keys))
        lengths = np.log(np.maximum(bone_lengths.lengths_m(lifted.xyz_m, self.bones), bone_lengths.MIN_LENGTH_M))
        for row, key in enumerate(keys):
            if key in self.profiles:
                log, sigma = (part[self.bones.group] for part in self.profiles[key])
                known = np.isfinite(sigma) & self.bones.rigid
                factor[row] = np.exp((log - lengths[row])[known].mean()) if known.any() else 1.0
        return lifted._replace(xyz_m=lifted.xyz_m * factor[:, None, None])

    def _arranged(self, keys: list[int], lifted: Lifted, stamp_ns: int, pose: CameraPose) -> Memory:
        """A row for every key, in their order; new people as they were lifted."""
        if self._memory.keys == keys:
            return self._memory
        row = {key: i for i, key in enumerate(self._memory.keys)}
        fresh = [i for i, key in enumerate(keys) if key not in row]
        known = [i for i, key in enumerate(keys) if key in row]
        new = self._fresh([keys[i] for i in fresh], Lifted(*(part[fresh] for part in lifted)), stamp_ns, pose)
        both = self._memory.take([row[keys[i]] for i in known]).joined(new)
        return both.take(np.argsort(known + fresh))

    def _restarted(self, memory: Memory, lifted: Lifted, stamp_ns: int, pose: CameraPose) -> Memory:
        """Whoever was away for long, or is somewhere else at once, as they were lifted now; their bones stay known."""
        away_s = (stamp_ns - memory.stamp_ns) * 1e-9
        there = lifted.xyz_m[:, 0] @ pose.R.T + pose.position_m - memory.root.xyz_m
        line = (lifted.xyz_m[:, 0] / np.linalg.norm(lifted.xyz_m[:, 0], axis=1, keepdims=True)) @ pose.R.T
        across_m = np.linalg.norm(np.cross(there, line), axis=1)
        anew = (np.abs(away_s) > BREAK_S) | (across_m > JUMP_M + JUMP_M_S * np.abs(away_s))
        if not anew.any():
            return memory
        fresh = self._fresh(memory.keys, lifted, stamp_ns, pose)
        fresh.bones = memory.bones
        return _chosen(anew, fresh, memory)

    def _fresh(self, keys: list[int], lifted: Lifted, stamp_ns: int, pose: CameraPose) -> Memory:
        """Memory of new people, a nanosecond ago: nothing of it outweighs the frame that they start with."""
        count, joints = len(keys), len(self.skeleton)
        start = root.first(lifted.xyz_m[:, 0], self._root_noise(lifted))
        posture_m = lifted.xyz_m - lifted.xyz_m[:, :1]
        bones = bone_lengths.unknown(count, self.bones)
        for row, key in enumerate(keys):
            if key in self.profiles:
                bones = bone_lengths.told(bones, row, *self.profiles[key])
        memory = Memory(
            keys, np.full(count, stamp_ns - 1, np.int64), np.zeros((count, joints), np.int64), start, posture_m,
            np.zeros_like(posture_m), bones,
            contact.nowhere(count, len(self._foot_rows)),
        )  # fmt: skip
        return _to_fixed(memory, pose)

    def _predicted(self, memory: Memory, dt_s: np.ndarray, score: np.ndarray, pose: CameraPose) -> Memory:
        """What constant velocity makes of the memory, in the camera at `pose`."""
        coasting = ~(score > 0).any(1)
        there = _to_camera(memory, pose)
        dt_s = np.clip(dt_s, -root.MAX_STEP_S, root.MAX_STEP_S)
        travel, left = root.travel_s(dt_s, coasting)
        there.root = root.predicted(there.root, np.maximum(dt_s, 0), coasting, self.config.root)
        there.posture_m = there.posture_m + there.motion_m_s * travel[:, None, None]
        there.motion_m_s = there.motion_m_s * left[:, None, None]
        return there

    def _feet(self, ahead: Memory, lifted: Lifted, stamp_ns: int, pose: CameraPose) -> tuple[Feet, Contact | None]:
        """The feet after this frame, and what those that rest say; None where no floor is known."""
        rows, config = self._foot_rows, self.config.contact
        if pose.up is None or pose.height_m is None or not config.sigma_m:
            return ahead.feet, None
        return contact.followed(
            ahead.feet, lifted.rays[:, rows], lifted.score[:, rows], lifted.xyz_m[:, rows], self._foot_heights_m, pose,
            stamp_ns, config,
        )  # fmt: skip

    def _fused(self, ahead: Memory, before: Memory, dt_s: np.ndarray, lifted: Lifted, rests: Contact | None) -> Memory:
        """The prediction with the frame taken in; rows whose `dt_s` is not positive are of no use."""
        config, seen = self.config, lifted.score > 0
        stands = root.corrected(ahead.root, lifted.xyz_m[:, 0], self._root_noise(lifted), seen.any(1))
        if rests is not None:
            stands = self._standing(stands, lifted, rests)
        learned = bone_lengths.learn(ahead.bones, lifted.xyz_m, seen, np.maximum(dt_s, 0), self.bones)
        for row in (row for row, key in enumerate(ahead.keys) if key in self.profiles):
            for new, old in zip(learned, ahead.bones, strict=True):
                new[row, :-1] = old[row, :-1]  # all but the stature is known
        joints_m = self._posture(ahead, learned, stands, dt_s, lifted, rests)
        missed = joints_m - ahead.posture_m
        gain = config.posture.velocity_gain / np.maximum(dt_s, 1e-3)
        known = (before.seen_ns.max(1, initial=0) > 0)[:, None, None]
        motion = np.where(known, ahead.motion_m_s + gain[:, None, None] * missed, 0)
        stamps = (before.stamp_ns + np.rint(dt_s * 1e9).astype(np.int64))[:, None]
        seen_ns = np.where(seen, stamps, before.seen_ns)
        return Memory(list(ahead.keys), ahead.stamp_ns, seen_ns, stands, joints_m, motion, learned, ahead.feet)

    def _root_noise(self, lifted: Lifted) -> np.ndarray:
        share = np.maximum((lifted.score > 0).mean(1), 1 / len(self.skeleton))
        return root.lifted_noise(lifted.xyz_m[:, 0], share, lifted.sigma_m[:, 1:].mean(1), self.config.root)

    def _standing(self, stands: Root, lifted: Lifted, rests: Contact) -> Root:
        """The roots, given where resting feet are: as far from them as they were lifted."""
        rows = self._foot_rows
        leg_m = lifted.xyz_m[:, rows] - lifted.xyz_m[:, :1]
        unsure = root.ray_covariance(lifted.xyz_m[:, rows], *(k * lifted.sigma_m[:, rows] for k in (0.9, 0.5)))
        tiny = 1e-6 * np.eye(3)
        information = np.linalg.inv(np.linalg.inv(rests.information + tiny) + unsure)
        total = information.sum(1) + tiny
        at_m = np.linalg.solve(total, (information @ (rests.xyz_m - leg_m)[..., None]).sum(1))[..., 0]
        measured = (rests.information[..., 0, 0] > 0).any(1)
        return root.corrected(stands, at_m, np.linalg.inv(total), measured)

    def _posture(
        self, ahead: Memory, bones: Bones, stands: Root, dt_s: np.ndarray, lifted: Lifted, rests: Contact | None
    ) -> np.ndarray:
        config, seen = self.config.posture, lifted.score > 0
        relative = lifted.xyz_m - lifted.xyz_m[:, :1]
        linear = posture.Linear.zeros(*seen.shape)
        speed = np.linalg.norm(ahead.motion_m_s, axis=-1)
        motion = posture.motion_information(speed, seen, np.maximum(dt_s, 1e-3), config)
        motion = np.where((ahead.seen_ns.max(1, initial=0) > 0)[:, None], motion, 0)
        trusted = posture.lifted_information(lifted.xyz_m, lifted.sigma_m, config)
        linear.add_relative(trusted, relative)
        linear.add_relative(motion[..., None, None] * np.eye(3), ahead.posture_m)
        linear.add_points(
            np.arange(seen.shape[1]),
            posture.ray_information(lifted.rays, self._moving(lifted.score, rests), config.keypoint_sigma_m),
            np.zeros_like(relative),
        )
        linear.add_points(np.zeros(1, int), posture.root_information(stands.xyz_m), stands.xyz_m[:, None])
        if rests is not None:
            # a root that is off does not bend legs
            tiny, unsure = 1e-6 * np.eye(3), stands.covariance[:, None, :3, :3]
            information = np.linalg.inv(np.linalg.inv(rests.information + tiny) + unsure)
            linear.add_points(self._foot_rows, information, rests.xyz_m)
        length_m, unsure_m = (part[:, self.bones.group] for part in bone_lengths.known_m(bones))
        start = relative + stands.xyz_m[:, None]
        joints = posture.solve(linear, start, length_m, unsure_m, self.bones, config)
        joints = bone_lengths.fitted(joints, length_m, unsure_m, self.bones)
        return joints - joints[:, :1]

    def _moving(self, score: np.ndarray, rests: Contact | None) -> np.ndarray:
        """Scores (N, J) without the feet that rest: the point on which they do is the mean of their rays."""
        if rests is None:
            return score
        score = score.copy()
        score[:, self._foot_rows] *= rests.information[..., 0, 0] == 0
        return score

    def _remember(self, now: Memory) -> None:
        stamp_ns = now.stamp_ns.max(initial=0)
        others = [
            row
            for row, key in enumerate(self._memory.keys)
            if key not in now.keys and abs(stamp_ns - self._memory.stamp_ns[row]) < FORGOTTEN_S * 1e9
        ]
        self._memory = now.joined(self._memory.take(others)) if others else now

    def _estimate(self, now: Memory, stamp_ns: int, lifted: Lifted) -> Estimate:
        joints = len(self.skeleton)
        age_s = np.where(now.seen_ns > 0, np.maximum(stamp_ns - now.seen_ns, 0) * 1e-9, np.inf)
        sigma = calibration.joint_sigma_m(lifted.sigma_m, np.where(lifted.score > 0, 0, age_s))
        newest = now.seen_ns.max(1, initial=0)
        unseen_s = np.maximum(stamp_ns - newest, 0) * 1e-9 * (newest > 0)
        return Estimate(
            xyz_m=now.posture_m + now.root.xyz_m[:, None],
            sigma_m=sigma,
            velocity_m_s=now.motion_m_s + np.repeat(now.root.velocity_m_s[:, None], joints, 1),
            root_covariance=calibration.root_covariance(now.root, lifted.sigma_m[:, 1:].mean(1), unseen_s),
            seen_ns=newest,
            stature_m=now.bones.stature_m,
        )


def _nothing(joints: int) -> Lifted:
    """A frame without people."""
    empty = np.zeros((0, joints))
    return Lifted(np.zeros((0, joints, 3)), empty, np.zeros((0, joints, 2)), empty)


def _to_fixed(memory: Memory, pose: CameraPose) -> Memory:
    return _turned(memory, pose.R, pose.position_m)


def _to_camera(memory: Memory, pose: CameraPose) -> Memory:
    return _turned(memory, pose.R.T, -pose.R.T @ pose.position_m)


def _turned(memory: Memory, R: np.ndarray, t_m: np.ndarray) -> Memory:
    """In another frame: points p become R p + t."""
    return Memory(
        memory.keys, memory.stamp_ns, memory.seen_ns, root.turned(memory.root, R, t_m), memory.posture_m @ R.T,
        memory.motion_m_s @ R.T, memory.bones, memory.feet,
    )  # fmt: skip


def _chosen(which: np.ndarray, one: Memory, other: Memory) -> Memory:
    """Rows of `one` where `which` (N,), of `other` elsewhere; both hold the same people in the same order."""
    count = len(which)
    return one.joined(other).take(np.where(which, np.arange(count), count + np.arange(count)))

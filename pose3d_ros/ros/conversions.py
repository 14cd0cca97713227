"""Every message conversion (images are in `images`). Quaternion order and time representation change only here."""

import math
from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TransformStamped, Vector3
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from pose3d_ros import msg as messages
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import CLOCKS_AGREE_MS, Hand3D, JointState, Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera

# the way in is shared with recordings, which are read without ROS
from pose3d_ros.messages import (  # noqa: F401
    NS_PER_S,
    camera_from_msg,
    hand_from_msg,
    keypoints_from_msg,
    skeletons_from_msg,
    stamp_to_ns,
)

HAND = "hand21"
_UNKNOWN_COVARIANCE = np.zeros(9, np.float32)


def stamp_from_ns(stamp_ns: int) -> Time:
    """Inverse of `stamp_to_ns`."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


def age_ms(now_ns: int, stamp_ns: int) -> float:
    """Of what was stamped then; NaN where the two are of different clocks."""
    age = (now_ns - stamp_ns) / 1e6
    return age if 0 <= age < CLOCKS_AGREE_MS else math.nan


def header(stamp_ns: int, frame_id: str) -> Header:
    """Header with this stamp and frame."""
    return Header(stamp=stamp_from_ns(stamp_ns), frame_id=frame_id)


def point(xyz: np.ndarray) -> Point:
    """From metres (3,)."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def quaternion(quat_xyzw: np.ndarray) -> Quaternion:
    """From x, y, z, w."""
    x, y, z, w = (float(value) for value in quat_xyzw)
    return Quaternion(x=x, y=y, z=z, w=w)


def pose(xyz_m: np.ndarray, quat_xyzw: np.ndarray) -> Pose:
    """Position in metres and orientation."""
    return Pose(position=point(xyz_m), orientation=quaternion(quat_xyzw))


def refill(poses: list[Pose], xyz_m: np.ndarray, quat_xyzw: np.ndarray) -> list[Pose]:
    """The same messages with other values (P, 3) and (P, 4): making new ones takes three times as long."""
    for one, (x, y, z), (a, b, c, d) in zip(poses, xyz_m.tolist(), quat_xyzw.tolist(), strict=True):
        at, turned = one.position, one.orientation
        at.x, at.y, at.z = x, y, z
        turned.x, turned.y, turned.z, turned.w = a, b, c, d
    return poses


def keypoints_to_msg(frame: Keypoints2D) -> messages.Skeleton2DArray:
    """Inverse of `keypoints_from_msg`."""
    return messages.Skeleton2DArray(
        header=header(frame.stamp_ns, frame.frame_id),
        width=frame.width,
        height=frame.height,
        people=[
            messages.Skeleton2D(id=p.id, format=p.format, side=p.side, xy_px=_flat(p.xy_px), score=_flat(p.score))
            for p in frame.people
        ],
    )


def camera_to_msg(camera: Camera, stamp_ns: int = 0, frame_id: str = "") -> CameraInfo:
    """Inverse of `camera_from_msg`; P is K without distortion."""
    projection = np.zeros((3, 4))
    projection[:, :3] = camera.K
    return CameraInfo(
        header=header(stamp_ns, frame_id),
        width=camera.width,
        height=camera.height,
        distortion_model=camera.distortion_model or "plumb_bob",
        d=[float(value) for value in camera.D] or [0.0] * 5,
        k=camera.K.ravel(),
        r=np.eye(3).ravel(),
        p=projection.ravel(),
    )


def skeletons_to_msg(result: Skeletons3D) -> messages.Skeleton3DArray:
    """All bodies of one push."""
    return messages.Skeleton3DArray(
        header=header(result.stamp_ns, result.frame_id),
        people=[skeleton_to_msg(person) for person in result.people],
        predicted_s=float(result.predicted_s),
        stale=bool(result.stale),
    )


def skeleton_to_msg(person: Person3D) -> messages.Skeleton3D:
    """One body."""
    return messages.Skeleton3D(
        id=person.id,
        track=person.track,
        skeleton=person.skeleton,
        xyz_m=_flat(person.xyz_m),
        sigma_m=_flat(person.sigma_m),
        state=_flat(person.state, "B"),
        track_state=int(person.track_state),
        method=str(person.method),
        velocity_m_s=_flat_or_empty(person.velocity_m_s),
        quat_xyzw=_flat_or_empty(person.quat_xyzw),
        root_covariance=_UNKNOWN_COVARIANCE if person.root_covariance is None else person.root_covariance.ravel(),
        last_seen=stamp_from_ns(person.last_seen_ns),
        stature_m=float(person.stature_m),
    )


def hands_to_msg(result: Skeletons3D) -> messages.Hand3DArray:
    """All hands of one push; a lost hand is absent."""
    return messages.Hand3DArray(
        header=header(result.stamp_ns, result.frame_id),
        hands=[hand_to_msg(h) for h in result.hands],
        predicted_s=float(result.predicted_s),
        stale=bool(result.stale),
    )


def hand_to_msg(hand: Hand3D) -> messages.Hand3D:
    """One hand; adds its joints in the wrist's frame."""
    return messages.Hand3D(
        person_id=hand.person_id,
        track=hand.track,
        side=hand.side,
        skeleton=HAND,
        wrist=pose(hand.wrist_m, hand.quat_xyzw),
        xyz_m=_flat(hand.xyz_m),
        xyz_wrist_m=_flat(Rotation.from_quat(hand.quat_xyzw).apply(hand.xyz_m - hand.wrist_m, inverse=True)),
        sigma_m=_flat(hand.sigma_m),
        state=_flat(hand.state, "B"),
        joint_angles_rad=_flat(hand.joint_angles_rad),
        aperture_m=float(hand.aperture_m),
        curl=np.asarray(hand.curl, np.float32),
        method=str(hand.method),
        velocity_m_s=_flat_or_empty(hand.velocity_m_s),
    )


def wrist_pose(hand: Hand3D, result: Skeletons3D) -> PoseStamped:
    """The wrist alone, for those who steer by it."""
    return PoseStamped(header=header(result.stamp_ns, result.frame_id), pose=pose(hand.wrist_m, hand.quat_xyzw))


def definition_to_msg(skeleton: Skeleton) -> messages.SkeletonDefinition:
    """Names, parents and left/right pairs, for whoever reads the flat arrays."""
    extra = [joint for bone in skeleton.extra_bones for joint in bone]
    return messages.SkeletonDefinition(
        name=skeleton.name,
        joints=list(skeleton.joints),
        parents=_flat(skeleton.parent_index, "i"),
        left=_flat(skeleton.indices([left for left, _ in skeleton.pairs]), "i"),
        right=_flat(skeleton.indices([right for _, right in skeleton.pairs]), "i"),
        extra_bones=_flat(skeleton.indices(extra), "i"),
    )


def timings_to_msg(result: Skeletons3D, age_in_ms: float, age_out_ms: float) -> messages.StageTimings:
    """Duration of each stage, and how old the input was on arrival and at publication."""
    return messages.StageTimings(
        header=header(result.stamp_ns, result.frame_id),
        stage=list(result.timings_ms),
        ms=_flat(list(result.timings_ms.values())),
        age_in_ms=float(age_in_ms),
        age_out_ms=float(age_out_ms),
    )


def body_transform(person: Person3D, skeleton: Skeleton, result: Skeletons3D) -> TransformStamped | None:
    """Frame `body_<id>` after REP-155: origin between the hips, x out of the chest, y left, z to the head.

    None where the joints which define it are invalid or coincide.
    """
    rows = skeleton.indices(("left_hip", "right_hip", "thorax"))
    if (person.state[rows] == JointState.INVALID).any():
        return None
    left, right, thorax = person.xyz_m[rows].astype(np.float64)
    origin = (left + right) / 2
    z, y = thorax - origin, left - right
    x = np.cross(y, z)
    if np.linalg.norm(x) < 1e-4:
        return None
    axes = np.stack([x, np.cross(z, x), z], axis=1)
    axes /= np.linalg.norm(axes, axis=0)
    transform = TransformStamped(header=header(result.stamp_ns, result.frame_id), child_frame_id=body_frame(person))
    transform.transform.translation = Vector3(x=origin[0], y=origin[1], z=origin[2])
    transform.transform.rotation = quaternion(Rotation.from_matrix(axes).as_quat())
    return transform


def joint_transforms(person: Person3D, skeleton: Skeleton, result: Skeletons3D) -> list[TransformStamped]:
    """Frame `<joint>_<id>` of every joint whose place and rotation are known, in the header's frame."""
    if person.quat_xyzw is None:
        return []
    head, name = header(result.stamp_ns, result.frame_id), person.id or person.track
    known = np.isfinite(person.xyz_m).all(1) & np.isfinite(person.quat_xyzw).all(1)
    transforms = []
    for row in np.flatnonzero(known).tolist():
        x, y, z = person.xyz_m[row].tolist()
        transform = TransformStamped(header=head, child_frame_id=f"{skeleton.joints[row]}_{name}")
        transform.transform.translation = Vector3(x=x, y=y, z=z)
        transform.transform.rotation = quaternion(person.quat_xyzw[row])
        transforms.append(transform)
    return transforms


def body_frame(person: Person3D) -> str:
    """Name of a person's TF frame."""
    return f"body_{person.id or person.track}"


def _flat_or_empty(values: np.ndarray | None) -> array:
    return array("f") if values is None else _flat(values)


def _flat(values: np.ndarray, code: str = "f") -> array:
    """As the flat array that messages hold; anything else would be copied number by number."""
    return array(code, np.ascontiguousarray(values, np.dtype(code)).tobytes())

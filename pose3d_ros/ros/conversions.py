"""Every message conversion (images are in `images`). Quaternion order and time representation change only here."""

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TransformStamped, Vector3
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from pose3d_ros import msg as messages
from pose3d_ros.core.errors import InputError, Pose3DError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import Hand3D, JointState, Keypoints2D, Method, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera

NS_PER_S = 1_000_000_000
HAND = "hand21"


def stamp_to_ns(stamp: Time) -> int:
    """Integer nanoseconds."""
    return stamp.sec * NS_PER_S + stamp.nanosec


def stamp_from_ns(stamp_ns: int) -> Time:
    """Inverse of `stamp_to_ns`."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


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


def keypoints_from_msg(msg: messages.Skeleton2DArray) -> tuple[Keypoints2D, list[str]]:
    """The people that could be read, and one reason for each that could not: a bad person never costs the others.

    Raises InputError where the frame itself is unusable (stamp before 1970).
    """
    people, reasons = [], []
    for number, person in enumerate(msg.people):
        try:
            people.append(person_from_msg(person))
        except Pose3DError as error:
            reasons.append(f"person {number} (id {person.id!r}): {error}")
    stamp_ns = stamp_to_ns(msg.header.stamp)
    frame = Keypoints2D(stamp_ns, tuple(people), msg.header.frame_id, msg.width, msg.height)
    return frame, reasons


def person_from_msg(person: messages.Skeleton2D) -> Person2D:
    """Raises FormatError (unknown format) or InputError (lengths)."""
    xy_px = np.asarray(person.xy_px, np.float32)
    if xy_px.size % 2:
        raise InputError(f"{person.format} xy_px: expected x, y pairs, got {xy_px.size} numbers")
    return Person2D(person.format, xy_px.reshape(-1, 2), np.asarray(person.score, np.float32), person.id, person.side)


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


def camera_from_msg(info: CameraInfo, rectified: bool = False) -> Camera:
    """The camera of the image stream: K and distortion, or P where the image is `rectified`.

    Binning and region of interest are applied, since keypoints are in pixels of the image as sent. Raises CameraError
    where the camera is not calibrated or its distortion model is unknown.
    """
    if rectified:
        matrix, distortion, model = np.array(info.p, np.float64).reshape(3, 4)[:, :3], [], ""
    else:
        matrix, distortion, model = np.array(info.k, np.float64).reshape(3, 3), list(info.d), info.distortion_model
    bin_x, bin_y = max(info.binning_x, 1), max(info.binning_y, 1)
    width, height = info.roi.width or info.width, info.roi.height or info.height
    matrix[0, 2] -= info.roi.x_offset
    matrix[1, 2] -= info.roi.y_offset
    matrix[0] /= bin_x
    matrix[1] /= bin_y
    if not any(distortion) and model != "equidistant":  # a fisheye bends rays even with coefficients 0
        distortion, model = [], ""  # drivers name any model when there is no distortion
    return Camera(matrix, np.array(distortion, np.float64), model, width // bin_x, height // bin_y)


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
        header=header(result.stamp_ns, result.frame_id), people=[skeleton_to_msg(person) for person in result.people]
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
    )


def skeletons_from_msg(msg: messages.Skeleton3DArray, hands: messages.Hand3DArray | None = None) -> Skeletons3D:
    """Inverse of `skeletons_to_msg` and `hands_to_msg` (timings are not part of those messages)."""
    people = tuple(
        Person3D(
            p.id,
            p.track,
            p.skeleton,
            _rows(p.xyz_m, 3),
            np.array(p.sigma_m, np.float32),
            np.array(p.state, np.uint8),
            p.track_state,
            Method(p.method or Method.DTF),
        )
        for p in msg.people
    )
    found = tuple(hand_from_msg(hand) for hand in hands.hands) if hands else ()
    return Skeletons3D(stamp_to_ns(msg.header.stamp), msg.header.frame_id, people, found)


def hands_to_msg(result: Skeletons3D) -> messages.Hand3DArray:
    """All hands of one push; a lost hand is absent."""
    return messages.Hand3DArray(
        header=header(result.stamp_ns, result.frame_id), hands=[hand_to_msg(h) for h in result.hands]
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
    )


def hand_from_msg(msg: messages.Hand3D) -> Hand3D:
    """Inverse of `hand_to_msg`."""
    at, turn = msg.wrist.position, msg.wrist.orientation
    return Hand3D(
        person_id=msg.person_id,
        track=msg.track,
        side=msg.side,
        wrist_m=np.array([at.x, at.y, at.z], np.float32),
        quat_xyzw=np.array([turn.x, turn.y, turn.z, turn.w], np.float32),
        xyz_m=_rows(msg.xyz_m, 3),
        sigma_m=np.array(msg.sigma_m, np.float32),
        state=np.array(msg.state, np.uint8),
        joint_angles_rad=np.array(msg.joint_angles_rad, np.float32),
        aperture_m=msg.aperture_m,
        curl=np.array(msg.curl, np.float32),
        method=Method(msg.method or Method.DTF),
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


def body_frame(person: Person3D) -> str:
    """Name of a person's TF frame."""
    return f"body_{person.id or person.track}"


def _flat(values: np.ndarray, code: str = "f") -> array:
    """As the flat array that messages hold; anything else would be copied number by number."""
    return array(code, np.ascontiguousarray(values, np.dtype(code)).tobytes())


def _rows(values, columns: int) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, columns)

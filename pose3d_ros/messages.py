"""Messages, from rclpy or out of a bag, into this package's dataclasses: only their fields count."""

from dataclasses import replace
from typing import Any

import numpy as np

from pose3d_ros.core.errors import CameraError, FormatError, InputError, Pose3DError
from pose3d_ros.core.types import Hand3D, Keypoints2D, Method, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.tracking.crowd import best_scored

NS_PER_S = 1_000_000_000
LONGEST_NAME = 64  # characters of an id or of a name
MOST_NUMBERS = 2048  # of one person in a message
SMALLEST_PX, LARGEST_PX = 8, 65535  # sides of an image
FOCAL_SIDES = (0.1, 50.0)  # focal length over the longer side: from a fisheye that sees behind itself to a telescope
Message = Any


def stamp_to_ns(stamp: Message) -> int:
    """Integer nanoseconds."""
    return stamp.sec * NS_PER_S + stamp.nanosec


def header_of(msg: Message) -> Message | None:
    """The header, of the first part where an array has none itself; None where there is none at all."""
    if hasattr(msg, "header"):
        return msg.header
    parts = getattr(msg, "markers", ()) or getattr(msg, "transforms", ())
    return parts[0].header if len(parts) else None


def rows(values: Any, columns: int) -> np.ndarray:
    """A flat array as float32 (N, columns)."""
    return np.array(values, np.float32).reshape(-1, columns)


def keypoints_from_msg(msg: Message, most: int = 256) -> tuple[Keypoints2D, list[str]]:
    """The people that could be read, the `most` best-scored, and one reason for each that could not: a bad person never
    costs the others, nor do too many.

    Raises InputError where the frame itself is unusable (stamp before 1970, a frame_id of kilobytes).
    """
    stamp_ns = stamp_to_ns(msg.header.stamp)
    if len(msg.header.frame_id) > LONGEST_NAME:
        raise InputError(f"frame_id: expected at most {LONGEST_NAME} characters, got {len(msg.header.frame_id)}")
    frame = Keypoints2D(stamp_ns, (), msg.header.frame_id, msg.width, msg.height)
    kept = best_scored(msg.people, most)
    people, reasons = [], []
    if len(kept) < len(msg.people):
        reasons.append(f"{len(msg.people)} people in one message: the {len(kept)} best-scored count")
    for number, person in enumerate(kept):
        try:
            people.append(person_from_msg(person))
            if people[-1].id != person.id:
                reasons.append(f"person {number}: an id of {len(person.id)} characters counts as none")
        except Pose3DError as error:
            reasons.append(f"person {number} (id {person.id[:40]!r}): {str(error)[:200]}")
    return replace(frame, people=tuple(people)), reasons


def person_from_msg(person: Message) -> Person2D:
    """Raises FormatError (unknown format) or InputError (lengths). An absurdly long id counts as none."""
    if len(person.format) > LONGEST_NAME:
        raise FormatError(f"format: expected a name, got {len(person.format)} characters")
    if len(person.xy_px) > MOST_NUMBERS or len(person.score) > MOST_NUMBERS:
        raise InputError(
            f"expected the keypoints of one person, got {len(person.xy_px)} and {len(person.score)} numbers"
        )
    id = person.id if len(person.id) <= LONGEST_NAME else ""
    xy_px = np.asarray(person.xy_px, np.float32)
    if xy_px.size % 2:
        raise InputError(f"{person.format} xy_px: expected x, y pairs, got {xy_px.size} numbers")
    return Person2D(person.format, xy_px.reshape(-1, 2), np.asarray(person.score, np.float32), id, person.side)


def camera_from_msg(info: Message, rectified: bool = False) -> Camera:
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
    _check_size(info, width // bin_x, height // bin_y)
    matrix[0, 2] -= info.roi.x_offset
    matrix[1, 2] -= info.roi.y_offset
    matrix[0] /= bin_x
    matrix[1] /= bin_y
    if not any(distortion) and model != "equidistant":  # a fisheye bends rays even with coefficients 0
        distortion, model = [], ""  # drivers name any model when there is no distortion
    camera = Camera(matrix, np.array(distortion, np.float64), model, width // bin_x, height // bin_y)
    focal, side = (camera.K[0, 0], camera.K[1, 1]), max(camera.width, camera.height)
    if not all(FOCAL_SIDES[0] * side < f < FOCAL_SIDES[1] * side for f in focal):
        raise CameraError(
            f"camera_info: focal lengths {focal[0]:.4g}, {focal[1]:.4g} px make no sense for an image of "
            f"{camera.width}x{camera.height}: calibrate the camera at the size of its images"
        )
    return camera


def _check_size(info: Message, width: int, height: int) -> None:
    """Raises CameraError where the image would have no, or more pixels than it can."""
    roi = info.roi
    outside = roi.x_offset + roi.width > info.width or roi.y_offset + roi.height > info.height
    if not (SMALLEST_PX <= width <= LARGEST_PX and SMALLEST_PX <= height <= LARGEST_PX) or outside:
        raise CameraError(
            f"camera_info: an image of {info.width}x{info.height}, binning {info.binning_x}x{info.binning_y}, region "
            f"{roi.width}x{roi.height}+{roi.x_offset}+{roi.y_offset} cannot be: correct it in the driver"
        )


def skeletons_from_msg(msg: Message, hands: Message | None = None) -> Skeletons3D:
    """Bodies, and those hands of the same stamp (timings are not part of these messages). Raises Pose3DError."""
    people = tuple(
        Person3D(
            p.id,
            p.track,
            p.skeleton,
            rows(p.xyz_m, 3),
            np.array(p.sigma_m, np.float32),
            np.array(p.state, np.uint8),
            p.track_state,
            _method(p.method),
            **_state_of(p),
        )
        for p in msg.people
    )
    found = tuple(hand_from_msg(hand) for hand in hands.hands) if hands else ()
    predicted_s, stale = float(getattr(msg, "predicted_s", 0.0)), bool(getattr(msg, "stale", False))
    return Skeletons3D(
        stamp_to_ns(msg.header.stamp), msg.header.frame_id, people, found, predicted_s=predicted_s, stale=stale
    )


def _state_of(p: Message) -> dict[str, Any]:
    """What a track knows beside its joints. Messages of version 0.1 have none of it, an empty array says unknown."""
    covariance = np.array(getattr(p, "root_covariance", ()), np.float32)
    return {
        "velocity_m_s": _rows_or_none(getattr(p, "velocity_m_s", ()), 3),
        "quat_xyzw": _rows_or_none(getattr(p, "quat_xyzw", ()), 4),
        "root_covariance": covariance.reshape(3, 3) if covariance.any() else None,
        "last_seen_ns": stamp_to_ns(p.last_seen) if hasattr(p, "last_seen") else 0,
        "stature_m": float(getattr(p, "stature_m", np.nan)),
    }


def _rows_or_none(values: Any, columns: int) -> np.ndarray | None:
    return rows(values, columns) if len(values) else None


def hand_from_msg(msg: Message) -> Hand3D:
    """One hand."""
    at, turn = msg.wrist.position, msg.wrist.orientation
    return Hand3D(
        person_id=msg.person_id,
        track=msg.track,
        side=msg.side,
        wrist_m=np.array([at.x, at.y, at.z], np.float32),
        quat_xyzw=np.array([turn.x, turn.y, turn.z, turn.w], np.float32),
        xyz_m=rows(msg.xyz_m, 3),
        sigma_m=np.array(msg.sigma_m, np.float32),
        state=np.array(msg.state, np.uint8),
        joint_angles_rad=np.array(msg.joint_angles_rad, np.float32),
        aperture_m=msg.aperture_m,
        curl=np.array(msg.curl, np.float32),
        method=_method(msg.method),
        velocity_m_s=_rows_or_none(getattr(msg, "velocity_m_s", ()), 3),
    )


def _method(name: str) -> Method:
    """A name that is unknown here (of a later version, of another source of skeletons) counts as the usual one."""
    return Method(name) if name in set(Method) else Method.DTF

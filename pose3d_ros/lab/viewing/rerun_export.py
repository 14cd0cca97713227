"""Moments for the Rerun viewer (optional: pip install rerun-sdk)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.core.types import JointState, Person3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.viewing import strokes
from pose3d_ros.lab.viewing.bag import NS_PER_S, Moment

JPEG_QUALITY = 80
JOINT_M, TRUTH_M = 0.02, 0.008  # radii
IMAGE, KEYPOINTS, PEOPLE, TRUTH = "camera/image", "camera/image/keypoints", "camera/people", "camera/truth"


def sdk() -> Any:
    """The module. Raises Pose3DError where Rerun is not installed: ask before long work."""
    try:
        import rerun
    except ImportError:
        raise Pose3DError("--rerun needs the Rerun SDK: pip install 'pose3d_ros[rerun]'") from None
    return rerun


def export(moments: Iterable[tuple[Moment, tuple[Person3D, ...]]], camera: Camera | None, path: Path) -> None:
    """Writes a .rrd file of moments and the true people in each. Raises Pose3DError where Rerun is not installed."""
    rerun = sdk()
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = rerun.RecordingStream("pose3d_ros")
    stream.save(str(path))
    stream.log("camera", rerun.ViewCoordinates.RDF, static=True)
    if camera:
        size = (camera.width, camera.height)
        stream.log(IMAGE, rerun.Pinhole(image_from_camera=camera.K, resolution=size), static=True)
    first_ns = None
    for moment, truth in moments:
        first_ns = moment.stamp_ns if first_ns is None else first_ns
        stream.set_time("stamp", duration=(moment.stamp_ns - first_ns) / NS_PER_S)
        for entity in (KEYPOINTS, PEOPLE, TRUTH):  # who is not there now is not there any more
            stream.log(entity, rerun.Clear(recursive=True))
        _log_image(rerun, stream, moment)
        for person in moment.skeletons.people if moment.skeletons else ():
            alpha = np.where(person.state == JointState.MEASURED, 255, 90)
            rgb = [strokes.side_colour(joint)[::-1] for joint in formats.get(person.skeleton).joints]
            _log_person(rerun, stream, f"{PEOPLE}/{person.track}", person, np.c_[rgb, alpha], JOINT_M)
        for number, person in enumerate(truth):
            colours = np.tile((*strokes.TRUTH[::-1], 255), (len(person.state), 1))
            _log_person(rerun, stream, f"{TRUTH}/{number}", person, colours, TRUTH_M)
    stream.flush()


def _log_image(rerun: Any, stream: Any, moment: Moment) -> None:
    if moment.image is not None:
        jpeg = cv2.imencode(".jpg", moment.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        stream.log(IMAGE, rerun.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg"))
    for number, person in enumerate(moment.keypoints.people if moment.keypoints else ()):
        present = person.score > 0
        stream.log(f"{KEYPOINTS}/{number}", rerun.Points2D(person.xy_px[present], radii=2))


def _log_person(rerun: Any, stream: Any, entity: str, person: Person3D, rgba: np.ndarray, radius_m: float) -> None:
    valid, rgba = person.state > 0, rgba.astype(np.uint8)
    bones = np.array([bone for bone in formats.get(person.skeleton).bones if valid[list(bone)].all()]).reshape(-1, 2)
    stream.log(f"{entity}/joints", rerun.Points3D(person.xyz_m[valid], colors=rgba[valid], radii=radius_m))
    strips = rerun.LineStrips3D(person.xyz_m[bones], colors=rgba[bones[:, 1]], radii=radius_m / 2)
    stream.log(f"{entity}/bones", strips)

"""A recording for the Rerun viewer (optional: pip install rerun-sdk)."""

from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.core.types import JointState
from pose3d_ros.viewing import strokes
from pose3d_ros.viewing.bag import NS_PER_S, Moment, Recording

JPEG_QUALITY = 80


def export(recording: Recording, path: Path) -> None:
    """Writes a .rrd file. Raises Pose3DError where Rerun is not installed."""
    try:
        import rerun
    except ImportError:
        raise Pose3DError("--rerun needs the Rerun SDK: pip install rerun-sdk") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = rerun.RecordingStream("pose3d_ros")
    stream.save(str(path))
    stream.log("camera", rerun.ViewCoordinates.RDF, static=True)
    if recording.camera:
        size = (recording.camera.width, recording.camera.height)
        stream.log("camera/image", rerun.Pinhole(image_from_camera=recording.camera.K, resolution=size), static=True)
    for moment in recording.moments():
        stream.set_time("stamp", duration=(moment.stamp_ns - recording.stamps[0]) / NS_PER_S)
        _log(rerun, stream, moment)
    stream.flush()


def _log(rerun, stream, moment: Moment) -> None:
    if moment.image is not None:
        jpeg = cv2.imencode(".jpg", moment.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        stream.log("camera/image", rerun.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg"))
    for number, person in enumerate(moment.keypoints.people if moment.keypoints else ()):
        present = person.score > 0
        stream.log(f"camera/image/keypoints/{number}", rerun.Points2D(person.xy_px[present], radii=2))
    stream.log("camera/people", rerun.Clear(recursive=True))
    for person in moment.skeletons.people if moment.skeletons else ():
        definition = formats.get(person.skeleton)
        alpha = np.where(person.state == JointState.MEASURED, 255, 90)
        rgb = [strokes.side_colour(joint)[::-1] for joint in definition.joints]
        colours = np.c_[rgb, alpha].astype(np.uint8)
        bones = [bone for bone in definition.bones if person.state[bone].all()]
        entity = f"camera/people/{person.track}"
        valid = person.state > 0
        stream.log(f"{entity}/joints", rerun.Points3D(person.xyz_m[valid], colors=colours[valid], radii=0.02))
        ends = [child for _, child in bones]
        stream.log(f"{entity}/bones", rerun.LineStrips3D(person.xyz_m[bones], colors=colours[ends]))

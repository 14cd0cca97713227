"""Keypoints and skeletons over an image, for whoever looks for what is wrong. OpenCV, BGR."""

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Keypoints2D, Skeletons3D
from pose3d_ros.geometry.camera import Camera

GREY = 60
WITHOUT_SIZE = (480, 640)  # of the canvas, where nothing tells the image's
KEYPOINT, SEEN, INFERRED, LABEL = (255, 255, 255), (90, 210, 60), (60, 150, 250), (240, 240, 240)
SHIFT = 4  # OpenCV draws to 1/16 of a pixel
FARTHEST_PX = 30_000


def draw(image: np.ndarray | None, keypoints: Keypoints2D, result: Skeletons3D, camera: Camera | None) -> np.ndarray:
    """uint8 (H, W, 3). Keypoints are white crosses, larger with their score; bones and joints are green where measured,
    orange where inferred. `image` is drawn upon; grey where there is none."""
    if image is None:
        size = (camera.height, camera.width) if camera and camera.width else (keypoints.height, keypoints.width)
        image = np.full((*(size if all(size) else WITHOUT_SIZE), 3), GREY, np.uint8)
    scale = max(image.shape[0] / 480, 1.0)
    for body in (*result.people, *result.hands) if camera else ():
        name = getattr(body, "skeleton", "hand21")
        xy_px = camera.project(body.xyz_m)
        _bones(image, xy_px, body.state, formats.get(name).bones, scale if name != "hand21" else scale / 2)
    for person in result.people if camera else ():
        _label(image, camera.project(person.xyz_m), f"{person.id or person.track}", scale)
    for person in keypoints.people:
        for (x, y), score in zip(person.xy_px.tolist(), person.score.tolist(), strict=True):
            if score > 0 and abs(x) < FARTHEST_PX and abs(y) < FARTHEST_PX:
                arm = max(1, round(scale * (1 + 3 * score)))
                cv2.drawMarker(image, (round(x), round(y)), KEYPOINT, cv2.MARKER_CROSS, 2 * arm, 1)
    return image


def _bones(image: np.ndarray, xy_px: np.ndarray, state: np.ndarray, bones: np.ndarray, scale: float) -> None:
    good = (
        np.isfinite(xy_px).all(1) & (np.abs(np.nan_to_num(xy_px)) < FARTHEST_PX).all(1) & (state != JointState.INVALID)
    )
    at = (
        np.where(good[:, None], np.round(np.nan_to_num(xy_px) * 2**SHIFT), 0).clip(-(2**30), 2**30).astype(int).tolist()
    )
    seen = (state == JointState.MEASURED).tolist()
    for first, second in bones.tolist():
        if good[first] and good[second]:
            colour = SEEN if seen[first] and seen[second] else INFERRED
            cv2.line(image, at[first], at[second], colour, max(1, round(2 * scale)), cv2.LINE_AA, SHIFT)
    for row in np.flatnonzero(good).tolist():
        cv2.circle(image, at[row], round(3 * scale * 2**SHIFT), SEEN if seen[row] else INFERRED, -1, cv2.LINE_AA, SHIFT)


def _label(image: np.ndarray, xy_px: np.ndarray, text: str, scale: float) -> None:
    found = xy_px[np.isfinite(xy_px).all(1)]
    if len(found) and (np.abs(found) < FARTHEST_PX).all():
        x, y = found[found[:, 1].argmin()]
        at = round(float(x)), round(float(y) - 8 * scale)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, LABEL, 1, cv2.LINE_AA)

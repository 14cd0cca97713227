"""The camera's image with the 2D keypoints that went in and the 3D skeletons that came out, reprojected."""

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.viewing import strokes
from pose3d_ros.lab.viewing.bag import HandView, Moment

BLANK = (52, 45, 40)
SEEN_WIDTH, INFERRED_WIDTH, HAND_WIDTH = 4, 2, 2


def draw(moment: Moment, camera: Camera | None, size: tuple[int, int], source_size: tuple[int, int]) -> np.ndarray:
    """uint8 (height, width, 3) of `size` = (width, height); coordinates are in pixels of `source_size`."""
    if moment.image is None:
        canvas = np.full((size[1], size[0], 3), BLANK, np.uint8)
    else:
        canvas = cv2.resize(moment.image, size, interpolation=cv2.INTER_CUBIC)
        canvas = cv2.convertScaleAbs(canvas, alpha=0.86)
    scale = np.array(size) / source_size
    for person in moment.keypoints.people if moment.keypoints else ():
        _keypoints(canvas, person, scale)
    for person in moment.skeletons.people if moment.skeletons and camera else ():
        xy = (camera.project(person.xyz_m) + 0.5) * scale - 0.5
        skeleton(canvas, xy, person.state, person.skeleton)
    for hand in moment.hands if camera else ():
        _hand(canvas, (camera.project(hand.xyz_m) + 0.5) * scale - 0.5, hand)
    return canvas


def skeleton(canvas: np.ndarray, xy: np.ndarray, state: np.ndarray, name: str) -> None:
    """Bones and joints at (J, 2) pixels: solid and filled where measured, dashed, hollow and paler where inferred."""
    definition = formats.get(name)
    seen, valid = state == JointState.MEASURED, state != JointState.INVALID
    for parent, child in definition.bones:
        if not (valid[parent] and valid[child]):
            continue
        colour = strokes.side_colour(definition.joints[child])
        if seen[parent] and seen[child]:
            strokes.line(canvas, xy[parent], xy[child], strokes.BACKGROUND, SEEN_WIDTH + 3)
            strokes.line(canvas, xy[parent], xy[child], colour, SEEN_WIDTH)
        else:
            strokes.line(canvas, xy[parent], xy[child], strokes.pale(colour), INFERRED_WIDTH, dashed=True)
    for row in np.flatnonzero(valid):
        colour = strokes.side_colour(definition.joints[row])
        if seen[row]:
            strokes.joint(canvas, xy[row], colour, 5.5)
        else:
            strokes.joint(canvas, xy[row], strokes.pale(colour), 5.5, hollow=True)


def _hand(canvas: np.ndarray, xy: np.ndarray, hand: HandView) -> None:
    """Thin bones in the side's colour; paler where an end is inferred."""
    seen = hand.state == JointState.MEASURED
    colour = strokes.side_colour(f"{hand.side}_hand")
    for parent, child in formats.get("hand21").bones:
        shade = colour if seen[parent] and seen[child] else strokes.pale(colour)
        strokes.line(canvas, xy[parent], xy[child], strokes.BACKGROUND, HAND_WIDTH + 1)
        strokes.line(canvas, xy[parent], xy[child], shade, HAND_WIDTH)


def _keypoints(canvas: np.ndarray, person: Person2D, scale: np.ndarray) -> None:
    definition = formats.get(person.format)
    xy, present = (person.xy_px + 0.5) * scale - 0.5, person.score > 0
    for parent, child in definition.bones:
        if present[parent] and present[child]:
            strokes.line(canvas, xy[parent], xy[child], strokes.KEYPOINT, 1)
    for row in np.flatnonzero(present):
        strokes.joint(canvas, xy[row], strokes.KEYPOINT, 1.6 if person.side else 2.4)

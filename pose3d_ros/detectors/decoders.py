"""What networks of several families answer, as bodies or boxes in pixels of the image. Pure arithmetic.

Joints are counted from the centre of the first pixel, as the training images were resized; see docs/detectors.md.
"""

import numpy as np

from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.networks import ModelError

FORMATS = {17: "coco17", 26: "halpe26", 133: "coco_wholebody133"}  # by number of joints
SAME_BOX = 0.65  # intersection over union, above which two boxes are one: people who embrace reach 0.5
PERSON = 0  # class of COCO
SIMCC_SPLIT = 2.0  # bins in a pixel
LEAST = 0.05  # rows below that are nobody


def rtmo(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """RTMO, as mmdeploy exports it: boxes (1, N, 5) with their score, joints (1, N, J, 3) with theirs.

    Gives x, y and score of joints (N, J, 3) in pixels of the input, and how sure each person is (N,).
    """
    shapes = [array.shape for array in outputs]
    if [len(shape) for shape in shapes] != [3, 4] or shapes[0][2] < 5 or shapes[1][3] != 3:
        raise ModelError(f"family rtmo: expected outputs (1, N, 5) and (1, N, 17, 3), got {shapes}")
    return outputs[1][0].astype(np.float64), outputs[0][0, :, 4]


def yolo_pose(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """YOLO-pose, v8 and later: (1, 5 + 3 J, N) as it is, or (1, N, 6 + 3 J) where suppression is in the file. Gives
    the same as `rtmo`."""
    shapes = [array.shape for array in outputs]
    if len(outputs) == 1 and len(shapes[0]) == 3:
        for rows, first in ((outputs[0][0], 6), (outputs[0][0].T, 5)):
            if (rows.shape[1] - first) / 3 in FORMATS:
                return rows[:, first:].reshape(len(rows), -1, 3).astype(np.float64), rows[:, 4]
    raise ModelError(f"family yolo_pose: expected one output (1, 56, N) or (1, N, 57), got {shapes}")


def bodies(joints: np.ndarray, confidence: np.ndarray, box: Letterbox) -> list[Body]:
    """Of what `rtmo` or `yolo_pose` gives. Only those that could be reported: a network may answer thousands."""
    rows = np.flatnonzero(confidence >= LEAST)
    format = format_of(joints.shape[1])
    xy_px, score = box.to_image(joints[rows, :, :2]), np.clip(joints[rows, :, 2], 0, 1)
    return [Body(format, xy, s, float(sure)) for xy, s, sure in zip(xy_px, score, confidence[rows], strict=True)]


def format_of(joints: int) -> str:
    """Name of the keypoint format with so many joints. Raises ModelError."""
    if joints not in FORMATS:
        known = ", ".join(f"{count} ({name})" for count, name in FORMATS.items())
        raise ModelError(f"expected a model of {known} joints, got {joints}")
    return FORMATS[joints]


def simcc(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """RTMPose: x (1, J, bins) and y -> joints (J, 2) in pixels of the network's input, and scores (J,)."""
    shapes = [array.shape for array in outputs]
    if len(shapes) != 2 or any(len(shape) != 3 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ModelError(f"family rtmpose: expected outputs (1, J, bins) of x and of y, got {shapes}")
    x, y = outputs[0][0], outputs[1][0]
    score = np.minimum(x.max(axis=1), y.max(axis=1)).astype(np.float64)
    return np.stack([x.argmax(axis=1), y.argmax(axis=1)], axis=1) / SIMCC_SPLIT, np.clip(score, 0, 1)


def boxes(outputs: list[np.ndarray], box: Letterbox) -> tuple[np.ndarray, np.ndarray]:
    """Corners (N, 2, 2) and scores (N,) of people, surest first, each once.

    Of mmdeploy's (1, N, 5) with labels (1, N), or YOLO's (1, 4 + classes, N), or (1, N, 6) with score and class where
    suppression is in the file.
    """
    array = outputs[0]
    if array.ndim != 3:
        raise ModelError(f"box model: expected (1, N, 5), (1, N, 6) or (1, 4 + classes, N), got {array.shape}")
    if array.shape[2] == 5:
        label = outputs[1][0].astype(int) if len(outputs) > 1 else np.zeros(array.shape[1], int)
        corners, score = array[0, :, :4], np.where(label == PERSON, array[0, :, 4], 0)
    elif array.shape[2] == 6:
        corners, score = array[0, :, :4], np.where(array[0, :, 5].astype(int) == PERSON, array[0, :, 4], 0)
    else:
        rows = array[0].T
        half = rows[:, 2:4] / 2
        corners = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
        score = np.where(rows[:, 4:].argmax(axis=1) == PERSON, rows[:, 4 + PERSON], 0)
    found = box.to_image(corners.reshape(-1, 2, 2).astype(np.float64) - 0.5)  # boxes are counted from the edge
    kept = suppressed(found, score)
    return found[kept], score[kept].astype(np.float64)


def boxes_of_yolo(outputs: list[np.ndarray]) -> bool:
    """Whether a box model's answer is of YOLO's kind, which wants another image than mmdeploy's."""
    return outputs[0].ndim == 3 and outputs[0].shape[2] != 5


def suppressed(corners: np.ndarray, score: np.ndarray) -> list[int]:
    """Rows of boxes (N, 2, 2), surest first, without those that lie on a surer one, or score next to nothing."""
    kept: list[int] = []
    areas = np.prod(np.clip(corners[:, 1] - corners[:, 0], 0, None), axis=1)
    for row in np.argsort(-score, kind="stable"):
        if score[row] < LEAST:
            break
        low = np.maximum(corners[row, 0], corners[kept, 0])
        high = np.minimum(corners[row, 1], corners[kept, 1])
        common = np.prod(np.clip(high - low, 0, None), axis=-1)
        if not (common > SAME_BOX * (areas[row] + areas[kept] - common)).any():
            kept.append(int(row))
    return kept

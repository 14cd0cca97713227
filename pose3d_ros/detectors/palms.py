"""MediaPipe's palm detector (Google, Apache-2.0; arXiv 2006.10214) through OpenVINO."""

from dataclasses import dataclass

import numpy as np

from pose3d_ros.detectors import files, networks
from pose3d_ros.detectors.hand_region import Region, of_palm
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.networks import ModelError

SIDE = 192
ANCHORS = ((24, 2), (12, 6))  # (cells along a side, anchors in each cell), in the order of the network's answers
WRIST, MIDDLE_KNUCKLE = 0, 2  # of its seven points
SAME = 0.3  # intersection over union, above which boxes show one palm; they are averaged by their scores
LARGEST_LOGIT = 100.0


@dataclass(frozen=True)
class Palm:
    """A palm in an image: where its hand is to be looked at, and how sure that is, 0..1."""

    region: Region
    score: float


class PalmDetector:
    """Finds palms of at least about a twelfth of what it looks at."""

    def __init__(self, path: str = "", threads: int = 1) -> None:
        file = files.find(files.PALM, path)
        model = networks.graph(file)
        shapes = sorted(list(entry.partial_shape.get_max_shape()) for entry in model.outputs)
        if shapes != [[1, 2016, 1], [1, 2016, 18]]:
            raise ModelError(f"{file}: expected the palm detector with outputs of 2016 anchors, got {shapes}")
        self._run = networks.compiled(model, threads)
        self._centres = _anchors()

    def find(self, image_rgb: np.ndarray, min_score: float) -> list[Palm]:
        """All palms of an image, surest first."""
        box = Letterbox(image_rgb.shape[1::-1], (SIDE, SIDE))
        answers = self._run(box(image_rgb)[None].astype(np.float32) / 255)
        values, logits = sorted((answer[0] for answer in answers), key=lambda answer: -answer.shape[-1])
        return decode(values, logits[:, 0], self._centres, box, min_score)


def decode(values: np.ndarray, logits: np.ndarray, centres: np.ndarray, box: Letterbox, min_score: float) -> list[Palm]:
    """Palms of the network's answers: box and points (A, 18) in its pixels about the anchors, and logits (A,)."""
    score = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -LARGEST_LOGIT, LARGEST_LOGIT)))
    sure = np.flatnonzero(score >= min_score)
    sure = sure[np.argsort(-score[sure], kind="stable")]
    points = values[sure].reshape(-1, 9, 2).astype(np.float64)  # box' middle, its size, seven points
    points[:, [0, 2, 3, 4, 5, 6, 7, 8]] += centres[sure, None] * SIDE
    half = points[:, 1] / 2
    corners = np.concatenate([points[:, :1] - half[:, None], points[:, :1] + half[:, None], points[:, 2:]], axis=1)
    return [_palm(merged, best, box) for merged, best in _merged(corners, score[sure])]


def _palm(points: np.ndarray, score: float, box: Letterbox) -> Palm:
    """Of corners and points (9, 2) in the network's pixels, counted from the input's edge."""
    low, high, *seven = box.to_image(points - 0.5)
    return Palm(of_palm(low, high, seven[WRIST], seven[MIDDLE_KNUCKLE]), float(score))


def _merged(corners: np.ndarray, score: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Mean corners and points of each group of overlapping boxes, weighted by score, with its best score."""
    left, found = np.arange(len(score)), []
    while len(left):
        alike = _overlap(corners[left[0]], corners[left]) > SAME
        alike[0] = True
        weight = score[left[alike]]
        found.append((np.average(corners[left[alike]], axis=0, weights=weight), float(weight[0])))
        left = left[~alike]
    return found


def _overlap(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others, from corners in the first two rows."""
    low, high = np.maximum(one[0], others[:, 0]), np.minimum(one[1], others[:, 1])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(others[:, 1] - others[:, 0], axis=1) + np.prod(one[1] - one[0])
    return common / np.maximum(areas - common, 1e-9)


def _anchors() -> np.ndarray:
    """(2016, 2): middles of the anchors in parts of the input's side."""
    grids = []
    for cells, count in ANCHORS:
        y, x = np.mgrid[:cells, :cells]
        grids.append(np.repeat((np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells, count, axis=0))
    return np.concatenate(grids)

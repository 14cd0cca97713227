"""MoveNet MultiPose Lightning (Google, Apache-2.0): up to six people, 17 joints each, through OpenVINO.

The network reads images of any size in steps of 32 pixels and answers in fractions of its width and height, which are
those of the pixels' positions counted from the first pixel's centre (measured on mirrored images: within 0.1 px).
"""

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.detectors import files, networks
from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.letterbox import Letterbox, shape_like
from pose3d_ros.detectors.networks import ModelError, Network
from pose3d_ros.detectors.people import PeopleDetector

FORMAT = "coco17"
STEP = 32
PEOPLE = 6
JOINTS = len(formats.get(FORMAT))
ROW = 3 * JOINTS + 5  # y, x, score of each joint; ymin, xmin, ymax, xmax, score of the person
KEPT_SIZES = 4  # compiled networks: cameras have one size, a folder of images has several


class MoveNet:
    """See `Bodies`. The input has the aspect of the image: a 16:9 image takes about three quarters of the time of a
    square. `own_file` False: `model_path` is that of another network."""

    format = FORMAT

    def __init__(self, config: DetectorConfig, own_file: bool = True) -> None:
        file = files.find(files.MOVENET, config.model_path if own_file else "")
        self._graph = networks.graph(file)
        outputs = [list(entry.partial_shape.get_max_shape()) for entry in self._graph.outputs]
        if outputs != [[1, PEOPLE, ROW]]:
            raise ModelError(f"{file}: expected MoveNet MultiPose with output 1 x {PEOPLE} x {ROW}, got {outputs}")
        self._longest, self._threads = config.input_size, config.threads
        self._networks: dict[tuple[int, int], Network] = {}

    def find(self, image_rgb: np.ndarray, previous: list[Body]) -> list[Body]:
        """See `Bodies.find`."""
        size = image_rgb.shape[1::-1]
        box = Letterbox(size, shape_like(size, self._longest, STEP))
        (rows,) = self._network(box.input)(box(image_rgb)[None])
        return decode(rows[0], box)

    def _network(self, size: tuple[int, int]) -> Network:
        if size not in self._networks:
            while len(self._networks) >= KEPT_SIZES:
                self._networks.pop(next(iter(self._networks)))
            model = self._graph.clone()
            model.reshape([1, size[1], size[0], 3])
            self._networks[size] = networks.compiled(model, self._threads)
        return self._networks[size]


def decode(rows: np.ndarray, box: Letterbox) -> list[Body]:
    """Bodies of the network's answer (6, 56)."""
    joints = rows[:, : 3 * JOINTS].reshape(-1, JOINTS, 3).astype(np.float64)
    xy_px = box.to_image(joints[..., 1::-1] * box.input)
    return [
        Body(FORMAT, xy, score, float(confidence))
        for xy, score, confidence in zip(xy_px, joints[..., 2], rows[:, -1], strict=True)
    ]


def make(config: DetectorConfig) -> PeopleDetector:
    """A ready detector. Raises ConfigError where OpenVINO or the model file is missing, or is another one."""
    return PeopleDetector(MoveNet(config), config)

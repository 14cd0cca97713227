"""RTMPose: one person in a box each. The boxes are those of a detector's file, of MoveNet, or of the image before."""

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pose3d_ros.detectors import decoders, networks
from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.movenet import MoveNet
from pose3d_ros.detectors.networks import Network

GRAY = 114
MEAN, STD = np.float32((123.675, 116.28, 103.53)), np.float32((58.395, 57.12, 57.375))  # of red, green, blue
PADDING = 1.25  # of a person's box, as in training
SHOWN = 0.3  # score of joints that a box of a followed person is put about
Box = tuple[np.ndarray, float]  # corners (2, 2) in pixels of the image, score


class Boxes(Protocol):
    """Finds people's boxes in an image."""

    def __call__(self, image_rgb: np.ndarray) -> list[Box]: ...


class FileBoxes:
    """Of a user's ONNX file: YOLOX or RTMDet as mmdeploy exports them, or YOLO's."""

    def __init__(self, config: DetectorConfig) -> None:
        file = Path(config.box_model_path).expanduser()
        self._network, self._size = networks.image_network(file, config.backend, config.threads, config.input_size)
        answer = self._network(np.zeros((1, 3, self._size[1], self._size[0]), np.float32))
        self._yolo = decoders.boxes_of_yolo(answer)
        self._least = config.min_detection_confidence

    def __call__(self, image_rgb: np.ndarray) -> list[Box]:
        box = Letterbox(image_rgb.shape[1::-1], self._size, centred=self._yolo, fill=GRAY)
        pixels = networks.planes(box(image_rgb), blue_first=not self._yolo)
        corners, score = decoders.boxes(self._network(pixels / np.float32(255 if self._yolo else 1)), box)
        return [(corner, float(sure)) for corner, sure in zip(corners, score, strict=True) if sure >= self._least]


class MoveNetBoxes:
    """About the joints that MoveNet finds."""

    def __init__(self, config: DetectorConfig) -> None:
        self._movenet = MoveNet(config, own_file=False)
        self._least = config.min_detection_confidence

    def __call__(self, image_rgb: np.ndarray) -> list[Box]:
        found = self._movenet.find(image_rgb, [])
        boxes = [(about(body, 0.1), body.confidence) for body in found if body.confidence >= self._least]
        return [(corners, sure) for corners, sure in boxes if corners is not None]


class RTMPose:
    """See `Bodies`. Boxes are looked for in every `interval`-th image; in between, people are followed by their
    joints, as long as those are sure enough."""

    def __init__(self, network: Network, size: tuple[int, int], boxes: Boxes, interval: int) -> None:
        self._network, self._size, self._boxes, self._interval = network, size, boxes, interval
        x, _ = answer = network(np.zeros((1, 3, size[1], size[0]), np.float32))
        decoders.simcc(answer)
        self.format = decoders.format_of(x.shape[1])
        self._images = 0

    def find(self, image_rgb: np.ndarray, previous: list[Body]) -> list[Body]:
        """See `Bodies.find`."""
        look = self._images % self._interval == 0 or not previous
        self._images += 1
        if look:
            return [self._body(image_rgb, corners, sure) for corners, sure in self._boxes(image_rgb)]
        followed = [about(body, SHOWN) for body in previous]
        return [self._body(image_rgb, corners, None) for corners in followed if corners is not None]

    def _body(self, image_rgb: np.ndarray, corners: np.ndarray, sure: float | None) -> Body:
        matrix = to_image_matrix(corners, self._size)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(image_rgb, matrix, self._size, flags=flags)
        xy, score = decoders.simcc(self._network(networks.planes((crop - MEAN) / STD)))
        # of a person without a box of this image: the better half of the joints says whether somebody is there
        sure = float(np.sort(score)[len(score) // 2 :].mean()) if sure is None else sure
        return Body(self.format, xy @ matrix[:, :2].T + matrix[:, 2], score, sure)


def to_image_matrix(corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(2, 3): pixels of the network's input, (width, height), to pixels of the image: a padded box of its aspect."""
    width, height = np.maximum(corners[1] - corners[0], 1.0) * PADDING
    scale = max(width / size[0], height / size[1])
    middle = corners.mean(axis=0)
    return np.column_stack([scale * np.eye(2), middle - scale * np.array(size) / 2])


def about(body: Body, shown: float) -> np.ndarray | None:
    """Corners (2, 2) of the box about the joints that score so much; None where fewer than two do."""
    xy_px = body.xy_px[body.score >= shown]
    return np.stack([xy_px.min(axis=0), xy_px.max(axis=0)]) if len(xy_px) > 1 else None

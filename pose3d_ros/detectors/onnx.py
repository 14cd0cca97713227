"""A user's own model file: RTMO or YOLO-pose (everybody in one look), or RTMPose (each person in a box).

How a family wants its image is the family's own: see `FAMILIES` and docs/detectors.md. Accuracy, licence and speed are
those of the file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.detectors import decoders, networks
from pose3d_ros.detectors.base import Bodies, Body
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.networks import Network
from pose3d_ros.detectors.people import PeopleDetector
from pose3d_ros.detectors.top_down import FileBoxes, MoveNetBoxes, RTMPose

GRAY = 114  # the fill with which these families were trained


@dataclass(frozen=True)
class Family:
    """How an image is given to networks of one kind, and how their answer is read."""

    read: Callable[[list[np.ndarray]], tuple[np.ndarray, np.ndarray]]
    centred: bool
    blue_first: bool
    divisor: float


FAMILIES = {
    "rtmo": Family(decoders.rtmo, centred=False, blue_first=True, divisor=1.0),
    "yolo_pose": Family(decoders.yolo_pose, centred=True, blue_first=False, divisor=255.0),
}


class WholeImage:
    """See `Bodies`: a network that finds everybody in one look."""

    def __init__(self, family: Family, network: Network, size: tuple[int, int]) -> None:
        self._family, self._network, self._size = family, network, size
        joints, _ = family.read(network(np.zeros((1, 3, size[1], size[0]), np.float32)))
        self.format = decoders.format_of(joints.shape[1])

    def find(self, image_rgb: np.ndarray, previous: list[Body]) -> list[Body]:
        """See `Bodies.find`."""
        box = Letterbox(image_rgb.shape[1::-1], self._size, self._family.centred, GRAY)
        pixels = networks.planes(box(image_rgb), self._family.blue_first) / np.float32(self._family.divisor)
        return decoders.bodies(*self._family.read(self._network(pixels)), box)


def make(config: DetectorConfig) -> PeopleDetector:
    """A ready detector. Raises ConfigError for a file that is missing or is of another family."""
    if not config.model_path:
        raise ConfigError("model_path: expected an ONNX file of the user's, got none; detector movenet needs no file")
    return PeopleDetector(_bodies(config), config)


def _bodies(config: DetectorConfig) -> Bodies:
    file = Path(config.model_path).expanduser()
    network, size = networks.image_network(file, config.backend, config.threads, config.input_size)
    if config.family != "rtmpose":
        return WholeImage(FAMILIES[config.family], network, size)
    boxes = FileBoxes(config) if config.box_model_path else MoveNetBoxes(config)
    return RTMPose(network, size, boxes, config.box_interval)

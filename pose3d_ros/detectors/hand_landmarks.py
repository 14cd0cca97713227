"""MediaPipe's hand landmark network (Google, Apache-2.0; arXiv 2006.10214) through OpenVINO."""

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.detectors import files, networks
from pose3d_ros.detectors.hand_region import Region
from pose3d_ros.detectors.hands import DetectedHand
from pose3d_ros.detectors.networks import ModelError

SIDE = 224
JOINTS = len(formats.get("hand21"))
OUTPUTS = [[1, 3 * JOINTS], [1, 1], [1, 1], [1, 3 * JOINTS]]  # joints in pixels, presence, side, joints in metres


class HandLandmarks:
    """21 joints of the hand that a region shows."""

    def __init__(self, path: str = "", threads: int = 1) -> None:
        file = files.find(files.HAND, path)
        model = networks.graph(file)
        shapes = [list(entry.partial_shape.get_max_shape()) for entry in model.outputs]
        if shapes != OUTPUTS:
            raise ModelError(f"{file}: expected the hand landmark network with outputs {OUTPUTS}, got {shapes}")
        self._run = networks.compiled(model, threads)

    def look(self, image_rgb: np.ndarray, region: Region) -> DetectedHand:
        """The hand in that region. Its score is the probability that there is one."""
        crop = region.crop(image_rgb, SIDE)
        joints, presence, left, world = self._run(crop[None].astype(np.float32) / 255)
        xy = joints.reshape(JOINTS, 3)[:, :2].astype(np.float64)
        # the network's side is that in a mirrored (selfie) image
        side = "right" if left[0, 0] > 0.5 else "left"
        return DetectedHand(region.to_image(xy, SIDE), float(presence[0, 0]), side, world.reshape(JOINTS, 3))

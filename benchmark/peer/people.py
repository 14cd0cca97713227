"""People who walk in front of a camera, as 2D keypoints: the input of the node benchmarks."""

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera

RATE_HZ = 30.0
CAMERA = Camera.from_fov(1280, 720, 70.0)
# a standing person in metres, x right, y down, origin between the hips
STANDING = {
    "nose": (0.0, -0.62), "left_eye": (0.03, -0.66), "right_eye": (-0.03, -0.66), "left_ear": (0.07, -0.63),
    "right_ear": (-0.07, -0.63), "left_shoulder": (0.18, -0.45), "right_shoulder": (-0.18, -0.45),
    "left_elbow": (0.25, -0.18), "right_elbow": (-0.25, -0.18), "left_wrist": (0.27, 0.06),
    "right_wrist": (-0.27, 0.06), "left_hip": (0.1, 0.0), "right_hip": (-0.1, 0.0), "left_knee": (0.11, 0.43),
    "right_knee": (-0.11, 0.43), "left_ankle": (0.11, 0.86), "right_ankle": (-0.11, 0.86),
}  # fmt: skip


def frame(number: int, people: int, stamp_ns: int) -> Keypoints2D:
    """Frame `number` at 30 Hz: everybody sways, a fifth of the joints is hidden for a third of a second at a time."""
    skeleton = formats.get("coco17")
    own = np.array([(*STANDING[joint], 0.0) for joint in skeleton.joints])
    found = []
    for person in range(people):
        phase = number / RATE_HZ + person
        swing = 0.12 * np.sin(phase * 3 + np.arange(len(own)))[:, None] * [[1.0, 0.2, 0.5]]
        at = np.array([1.1 * (person - (people - 1) / 2), 0.1, 3.5 + 0.4 * np.sin(phase / 2)])
        hidden = np.random.default_rng((number // 10, person)).uniform(size=len(own)) < 0.2
        score = np.where(hidden, 0.0, 0.9)
        found.append(Person2D("coco17", CAMERA.project(own + swing + at), score, f"p{person}"))
    return Keypoints2D(stamp_ns, tuple(found), "camera_optical_frame", CAMERA.width, CAMERA.height)

"""Small bags, written without ROS."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

# rosbags is of the extra `tools`; a robot need not have it. Making synthetic bags needs torch.
collect_ignore_glob = [] if find_spec("rosbags") else ["test_*.py"]
collect_ignore = [] if find_spec("torch") else ["test_synthetic.py"]

STEP_NS = 33_333_333
START_NS = 1_700_000_000_000_000_000
FRAME = "camera"


@pytest.fixture
def make_bag(tmp_path, standing_m):
    """make_bag(frames=10, name="bag", storage="mcap", compression="", stamps=None, first=0) -> path of a bag.

    One person who walks along x at 1 m/s: /camera_info, /keypoints (10 ms after the stamp), /truth in the camera frame.
    """

    def make(frames=10, name="bag", storage="mcap", compression="", stamps=None, first=0) -> Path:
        from pose3d_ros.geometry.camera import Camera
        from pose3d_ros.lab.bags.writer import BagWriter

        camera = Camera.from_fov(320, 240, 70)
        with BagWriter(tmp_path / name, storage, compression) as bag:
            for number in range(first, first + frames):
                at_ns = START_NS + number * STEP_NS
                stamp_ns = at_ns if stamps is None else stamps[number]
                person = walker(standing_m, number)
                bag.camera("/camera_info", at_ns, camera, stamp_ns, FRAME)
                bag.keypoints("/keypoints", at_ns + 10_000_000, keypoints(camera, person, stamp_ns))
                bag.skeletons("/truth", at_ns, truth(person, stamp_ns))
        return tmp_path / name

    return make


@pytest.fixture
def frame_of(standing_m):
    """frame_of(camera, number, stamp_ns) -> what is seen of the walker in that frame."""
    return lambda camera, number, stamp_ns: keypoints(camera, walker(standing_m, number), stamp_ns)


def walker(standing_m, number: int) -> np.ndarray:
    return np.add(standing_m, (number * STEP_NS / 1e9, 0, 3))


def keypoints(camera, person: np.ndarray, stamp_ns: int):
    from pose3d_ros.core.types import Keypoints2D, Person2D

    seen = Person2D("h36m17", camera.project(person), np.ones(17), "anna")
    return Keypoints2D(stamp_ns, (seen,), FRAME, camera.width, camera.height)


def truth(person: np.ndarray, stamp_ns: int, frame_id: str = FRAME):
    from pose3d_ros.core.types import Person3D, Skeletons3D

    return Skeletons3D(stamp_ns, frame_id, (Person3D("anna", 1, "h36m17", person, np.zeros(17), np.ones(17)),))

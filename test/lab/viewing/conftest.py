"""Bags with a synthetic person, written without ROS."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.core.types import JointState

# of the extra `tools`; a robot need not have them
collect_ignore_glob = [] if find_spec("rosbags") and find_spec("matplotlib") else ["test_*.py"]

SIZE = (320, 240)
FOCAL_PX = 260.0
STEP_NS = 33_333_333
START_NS = 1_000_000_000
HIDDEN = (2, 3)  # right knee and ankle of h36m17 are inferred


class Scribe:
    """One method a message type; arrival times are given in ns after the start."""

    def __init__(self, writer) -> None:
        from pose3d_ros.lab.bags.definitions import typestore

        self.store, self.writer, self.connections = typestore(), writer, {}

    def write(self, topic: str, kind: str, at_ns: int, **fields) -> None:
        if topic not in self.connections:
            self.connections[topic] = self.writer.add_connection(topic, kind, typestore=self.store)
        message = self.make(kind, **fields)
        self.writer.write(self.connections[topic], START_NS + at_ns, self.store.serialize_cdr(message, kind))

    def make(self, kind: str, **fields):
        return self.store.types[kind](**fields)

    def header(self, stamp_ns: int):
        stamp_ns += START_NS
        time = self.make("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        return self.make("std_msgs/msg/Header", stamp=time, frame_id="camera")

    def info(self, topic: str, stamp_ns: int) -> None:
        K = np.array([FOCAL_PX, 0, SIZE[0] / 2, 0, FOCAL_PX, SIZE[1] / 2, 0, 0, 1.0])
        roi = self.make("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        self.write(
            topic, "sensor_msgs/msg/CameraInfo", stamp_ns, header=self.header(stamp_ns), height=SIZE[1], width=SIZE[0],
            distortion_model="plumb_bob", d=np.zeros(5), k=K, r=np.eye(3).ravel(), p=np.zeros(12), binning_x=0,
            binning_y=0, roi=roi,
        )  # fmt: skip

    def image(self, stamp_ns: int, compressed: bool) -> None:
        pixels = np.full((SIZE[1], SIZE[0], 3), (0, 0, 200), np.uint8)  # BGR: red
        header = self.header(stamp_ns)
        if compressed:
            data = cv2.imencode(".png", pixels)[1].ravel()
            kind = "sensor_msgs/msg/CompressedImage"
            self.write("/image/compressed", kind, stamp_ns, header=header, format="png", data=data)
        else:
            self.write(
                "/image", "sensor_msgs/msg/Image", stamp_ns, header=header, height=SIZE[1], width=SIZE[0],
                encoding="rgb8", is_bigendian=0, step=3 * SIZE[0], data=pixels[..., ::-1].ravel().copy(),
            )  # fmt: skip

    def keypoints(self, topic: str, stamp_ns: int, at_ns: int, xyz_m: np.ndarray) -> None:
        xy = xyz_m[:, :2] / xyz_m[:, 2:] * FOCAL_PX + np.array(SIZE) / 2
        score = np.ones(17, np.float32)
        score[list(HIDDEN)] = 0
        person = self.make(
            "pose3d_ros/msg/Skeleton2D", id="anna", side="", format="h36m17", xy_px=xy.astype(np.float32).ravel(),
            score=score,
        )  # fmt: skip
        self.write(
            topic, "pose3d_ros/msg/Skeleton2DArray", at_ns, header=self.header(stamp_ns), width=SIZE[0], height=SIZE[1],
            people=[person],
        )  # fmt: skip

    def skeletons(self, topic: str, stamp_ns: int, at_ns: int, xyz_m: np.ndarray) -> None:
        state = np.full(17, JointState.MEASURED, np.uint8)
        state[list(HIDDEN)] = JointState.INFERRED
        person = self.make(
            "pose3d_ros/msg/Skeleton3D", id="anna", track=1, skeleton="h36m17", xyz_m=xyz_m.astype(np.float32).ravel(),
            sigma_m=np.full(17, 0.02, np.float32), state=state, track_state=1, method="dtf",
            velocity_m_s=np.empty(0, np.float32), quat_xyzw=np.empty(0, np.float32), stature_m=np.nan,
            root_covariance=np.zeros(9, np.float32), last_seen=self.header(stamp_ns).stamp,
        )  # fmt: skip
        self.write(
            topic, "pose3d_ros/msg/Skeleton3DArray", at_ns, header=self.header(stamp_ns), people=[person],
            predicted_s=0.0, stale=False,
        )  # fmt: skip


@pytest.fixture
def make_bag(tmp_path, standing_m):
    """make_bag(frames=12, images="compressed"|"raw"|"", skeletons=True, lost=(), namespaces=("",)) -> path of a bag.

    Keypoints arrive 10 ms after their stamp, skeletons 5 ms after the keypoints.
    """

    def make(
        frames: int = 12, images: str = "compressed", skeletons: bool = True, lost: tuple[int, ...] = (),
        namespaces: tuple[str, ...] = ("",), name: str = "bag",
    ) -> Path:  # fmt: skip
        from rosbags.rosbag2 import StoragePlugin, Writer

        path = tmp_path / name
        with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
            scribe = Scribe(writer)
            for number in range(frames):
                stamp_ns = number * STEP_NS
                xyz_m = np.add(standing_m, (0.02 * number, 0, 2.5))
                if images:
                    scribe.image(stamp_ns, images == "compressed")
                for namespace in namespaces:
                    scribe.info(f"{namespace}/camera_info", stamp_ns)
                    scribe.keypoints(f"{namespace}/keypoints", stamp_ns, stamp_ns + 10_000_000, xyz_m)
                    if skeletons and number not in lost:
                        scribe.skeletons(f"{namespace}/skeletons", stamp_ns, stamp_ns + 15_000_000, xyz_m)
        return path

    return make

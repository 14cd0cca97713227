"""The lifter node over real DDS with a pipeline that needs no weights."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.types import Hand3D, JointState, Keypoints2D, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.stages.articulation import Articulation

STEP_NS = 33_333_333
CAMERA = Camera(np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), width=640, height=480)


# pixels of the h36m17 joints of someone who stands before the camera
STANDING_PX = np.array([
    (320, 240), (300, 240), (298, 320), (296, 400), (340, 240), (342, 320), (344, 400), (320, 195), (320, 150),
    (320, 130), (320, 105), (350, 155), (365, 205), (370, 250), (290, 155), (275, 205), (270, 250),
])  # fmt: skip


def body(id: str = "anna", score: float = 0.9, shift_px: float = 0.0) -> Person2D:
    xy_px = STANDING_PX + np.array([shift_px, 0.0])
    return Person2D("h36m17", xy_px, np.full(17, score), id)


def frame(number: int, *people: Person2D) -> Keypoints2D:
    return Keypoints2D((number + 1) * STEP_NS, people or (body(),), "camera_optical_frame", 640, 480)


class FakePipeline:
    """Stands everybody 3 m away. What it was asked to do is recorded; `hold` makes inference slow on demand."""

    body_skeleton = formats.get("h36m17")
    description, looks_at = "fake", ()
    models = SimpleNamespace(falls=0, in_call=())

    def __init__(self, config: Any) -> None:
        self.config = config
        self.pushed: list[tuple[Keypoints2D, Camera]] = []
        self.observed: list[Keypoints2D] = []
        self.resets = 0
        self.closed = False
        self.errors: list[Exception] = []
        self.with_hands = False
        self.articulation = Articulation()
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()

    def push(self, frame: Keypoints2D, camera: Camera, image: Any = None, pose: Any = None) -> Skeletons3D:
        self.pushed.append((frame, camera))
        self.entered.set()
        assert self.go.wait(20), "the test never let the pipeline go on"
        if self.errors:
            raise self.errors.pop(0)
        people = tuple(person3d(p, number) for number, p in enumerate(frame.people) if not p.side)
        hands = tuple(hand3d(p.id, p.track, side) for p in people for side in ("left", "right") if self.with_hands)
        people = tuple(self.articulation.articulate(frame.stamp_ns, people))
        return Skeletons3D(frame.stamp_ns, frame.frame_id, people, hands, {"model": 1.5, "total": 2.0})

    def observe(self, frame: Keypoints2D, camera: Camera, pose: Any = None) -> None:
        self.observed.append(frame)

    def reconfigure(self, config: Any) -> None:
        self.config = config

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True


def person3d(person: Person2D, track: int) -> Person3D:
    """Who stands 3 m away, the next one a metre behind; every fourth joint is inferred."""
    xy_m = (STANDING_PX - STANDING_PX[0]) / 200
    xyz_m = np.pad(xy_m, ((0, 0), (0, 1)), constant_values=3.0 + track)
    state = np.where(np.arange(len(xyz_m)) % 4 == 3, JointState.INFERRED, JointState.MEASURED)
    return Person3D(person.id, track, "h36m17", xyz_m, np.full(len(xyz_m), 0.02), state)


def hand3d(person_id: str, track: int, side: str) -> Hand3D:
    wrist_m = np.array([0.2 if side == "left" else -0.2, 0.1, 2.0 + track], np.float32)
    xyz_m = wrist_m + np.linspace(0, 0.1, 63, dtype=np.float32).reshape(21, 3)
    turn = np.array([0.0, 0.6, 0.0, 0.8], np.float32)
    return Hand3D(
        person_id, track, side, wrist_m, turn, xyz_m, np.full(21, 0.01, np.float32), np.ones(21, np.uint8),
        np.linspace(0, 1, 20, dtype=np.float32), 0.05, np.linspace(0, 1, 5, dtype=np.float32),
    )  # fmt: skip


class Bench:
    """One lifter node in a namespace, and the publishers and inboxes around it."""

    def __init__(
        self, ros: Any, make_pipeline: Callable, namespace: str, node: Callable | None, parameters: dict[str, Any]
    ) -> None:
        from rclpy.parameter import Parameter

        from pose3d_ros.ros.lifter_node import LifterNode

        self.ros, self.namespace = ros, namespace
        self.pipelines: list[FakePipeline] = []

        def make(config: Any) -> FakePipeline:
            self.pipelines.append(make_pipeline(config))
            return self.pipelines[-1]

        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = node or LifterNode
        self.node = ros.add(node(make, context=ros.context, namespace=namespace, parameter_overrides=overrides))

    @property
    def pipeline(self) -> FakePipeline:
        return self.pipelines[-1]

    def topic(self, name: str) -> str:
        return f"{self.namespace}/{name}"

    def inbox(self, message: type, name: str, qos: Any = 10) -> Any:
        return self.ros.inbox(message, self.topic(name), qos)

    def up(self) -> "Bench":
        """Configured, active, and connected to a camera and a detector."""
        from sensor_msgs.msg import CameraInfo

        from pose3d_ros.msg import Skeleton2DArray

        assert self.node.trigger_configure().name == "SUCCESS", self.node.last_error
        assert self.node.trigger_activate().name == "SUCCESS", self.node.last_error
        self.camera_info = self.ros.publisher(CameraInfo, self.topic("camera_info"))
        self.keypoints = self.ros.publisher(Skeleton2DArray, self.topic("keypoints"))
        return self

    def calibrate(self, camera: Camera = CAMERA) -> "Bench":
        """Publishes camera_info and waits until the node has it."""
        from pose3d_ros.ros.conversions import camera_to_msg

        self.camera_info.publish(camera_to_msg(camera))
        self.ros.until(lambda: self.node._calibration.camera == camera, "the calibration")
        return self

    def send(self, *frames: Keypoints2D) -> None:
        from pose3d_ros.ros.conversions import keypoints_to_msg

        for one in frames:
            self.keypoints.publish(keypoints_to_msg(one))

    def reason(self, key: str) -> str:
        """Waits for a reason in the node's health and returns its text."""
        self.ros.until(lambda: key in self.node.health.reasons(), f"the reason {key!r}")
        return self.node.health.reasons()[key]


@pytest.fixture
def bench(ros):
    """bench(make_pipeline=FakePipeline, namespace="", node=LifterNode, **parameters) -> Bench; dots written as __."""

    def make(
        make_pipeline: Callable = FakePipeline, namespace: str = "", node: Callable | None = None, **parameters: Any
    ) -> Bench:
        return Bench(ros, make_pipeline, namespace, node, {n.replace("__", "."): v for n, v in parameters.items()})

    return make


@pytest.fixture
def make():
    """Frames, people, cameras and the fake pipeline, for tests that cannot import from a conftest."""
    return SimpleNamespace(
        frame=frame,
        body=body,
        camera=CAMERA,
        pipeline=FakePipeline,
        person3d=person3d,
        hand3d=hand3d,
        standing_px=STANDING_PX,
    )

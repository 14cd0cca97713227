#!/usr/bin/env python3
"""What each output costs the lifter node a frame, without a listener and with one: CPU time of the calling thread.

    . tools/env.sh && python benchmark/outputs.py

One person with both hands, real topics over DDS. The overlay draws in a thread of its own, so only its call delays a
frame; the work of that thread is `drawing_ms`. Outputs whose packages are not installed are named.
"""

import json
import platform
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from pose3d_ros.control.sonic import TOPIC
from pose3d_ros.core import formats
from pose3d_ros.core.types import Hand3D, JointState, Keypoints2D, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.drawing import draw
from pose3d_ros.ros.lifecycle import ManagedNode
from pose3d_ros.ros.lifter_config import LifterConfig
from pose3d_ros.ros.outputs import REGISTRY, UNAVAILABLE, Moment, Output
from pose3d_ros.ros.parameters import Parameters
from pose3d_ros.stages.articulation import Articulation

FRAMES, WARM_UP, BLOCK = 600, 100, 50
SAMPLE = Path(__file__).parents[1] / "test/data/motion_sample.npz"
OPTICAL = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0.0]])
CAMERA = Camera(np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), width=640, height=480)


class Bench(ManagedNode):
    """A node that has the outputs of a lifter and nothing else."""

    def __init__(self) -> None:
        address = Parameter("output.sonic_address", value="tcp://127.0.0.1:*")
        super().__init__("outputs_benchmark", parameter_overrides=[address])
        self._settings = Parameters(self, LifterConfig(), lambda: self.state, lambda _: None)
        self.outputs: dict[str, Output] = {}

    def acquire(self) -> None:
        self.outputs = {name: kind(self, self._settings.config) for name, kind in sorted(REGISTRY.items())}

    def release(self) -> None:
        for output in self.outputs.values():
            output.close()
        self.outputs.clear()


def moments() -> list[tuple[Skeletons3D, Keypoints2D]]:
    """A person with both hands, at 30 Hz."""
    with np.load(SAMPLE) as data:
        joints = data["joints"][: 2 * BLOCK : 2].astype(np.float64)
    part, found = Articulation(), []
    for i, xyz_m in enumerate(joints @ OPTICAL.T + (0, 0, 3)):
        person = Person3D("1", 1, "h36m17", xyz_m, np.full(17, 0.02), np.full(17, JointState.MEASURED))
        wrists = [xyz_m[formats.get("h36m17").index(f"{side}_wrist")] for side in ("left", "right")]
        hands = tuple(
            Hand3D("1", 1, side, at, np.array([0, 0, 0, 1.0]), at + np.linspace(0, 0.1, 63).reshape(21, 3),
                   np.full(21, 0.01), np.ones(21, np.uint8), np.zeros(20), 0.05, np.zeros(5))
            for side, at in zip(("left", "right"), wrists, strict=True)
        )  # fmt: skip
        people = tuple(part.articulate(i * 33_333_333, [person], hands))
        keypoints = Person2D("h36m17", CAMERA.project(xyz_m), np.ones(17))
        stamp_ns = (i + 1) * 33_333_333
        frame = Keypoints2D(stamp_ns, (keypoints,), "camera_optical_frame", 640, 480)
        found.append((Skeletons3D(stamp_ns, "camera_optical_frame", people, hands), frame))
    return found


def cost_ms(output: Output, frames: list) -> float:
    """Median over blocks of the CPU time of one frame, shared work (body24) included."""
    blocks = []
    for start in range(-WARM_UP, FRAMES, BLOCK):
        began = time.thread_time()
        for result, frame in frames:
            if output.wanted:
                output.publish(Moment(result, result.people[0], frame, CAMERA))
        if start >= 0:
            blocks.append((time.thread_time() - began) / len(frames) * 1e3)
        time.sleep(0.01)  # readers take what was sent
    return round(float(np.median(blocks)), 4)


def drawing_ms(frames: list) -> float:
    """CPU time to draw one frame of 640 x 480."""
    image = np.zeros((480, 640, 3), np.uint8)
    began = time.thread_time()
    for result, frame in frames:
        draw(image.copy(), frame, result, CAMERA)
    return round((time.thread_time() - began) / len(frames) * 1e3, 3)


def articulation_ms(frames: list) -> float:
    """CPU time of the pipeline's part, one person with both hands: median over blocks."""
    blocks, part = [], Articulation()
    for _ in range(FRAMES // BLOCK):
        part.reset()
        began = time.thread_time()
        for result, _ in frames:
            part.articulate(result.stamp_ns, result.people, result.hands)
        blocks.append((time.thread_time() - began) / len(frames) * 1e3)
    return round(float(np.median(blocks)), 4)


def listen(reader: rclpy.node.Node, node: Bench, output: Output) -> object:
    """Subscribes to every topic of an output; returns what keeps it subscribed."""
    if output.NAME == "sonic":
        import zmq

        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.connect(output._socket.getsockopt_string(zmq.LAST_ENDPOINT))
        socket.subscribe(TOPIC)
        return socket
    return [
        reader.create_subscription(publisher.msg_type, topic, lambda _: None, 1)
        for topic, publisher in output._publishers.items()
    ]


def main() -> None:
    """Runs and prints JSON."""
    rclpy.init()
    node, reader = Bench(), rclpy.create_node("outputs_reader")
    executor = SingleThreadedExecutor()
    for one in (node, reader):
        executor.add_node(one)
    node.trigger_configure()
    node.trigger_activate()
    frames, report = moments(), {}
    for name, output in node.outputs.items():
        nobody = cost_ms(output, frames)
        kept = listen(reader, node, output)
        deadline = time.monotonic() + 20
        while not output.wanted and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.05)
        report[name] = {"without_ms": nobody, "with_one_ms": cost_ms(output, frames)}
        for subscription in kept if isinstance(kept, list) else ():
            reader.destroy_subscription(subscription)
    report["overlay"]["drawing_ms"] = drawing_ms(frames)
    report["articulation_ms"] = articulation_ms(frames)
    meta = {"frames": FRAMES, "machine": platform.processor() or platform.machine(), "not_installed": UNAVAILABLE}
    print(json.dumps(report | {"meta": meta}, indent=1))
    node.give_back()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

"""The detector node over real DDS with a detector that needs no networks."""

import threading

import cv2
import numpy as np
import pytest
from rclpy.parameter import Parameter

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Person2D
from pose3d_ros.detectors import DetectorConfig

pytest.importorskip("sensor_msgs.msg", reason="needs ROS")


class FakeDetector:
    """One hand at the brightness of the first pixel. `go` makes it slow on demand."""

    names = ("coco17", "hand21")

    def __init__(self, config):
        self.config, self.closed, self.stamps = config, 0, []
        self.go, self.entered = threading.Event(), threading.Event()
        self.go.set()

    def detect(self, image_rgb, stamp_ns):
        if stamp_ns:  # not the warm-up
            self.entered.set()
            assert self.go.wait(20), "the test never let the detector go on"
        self.stamps.append(stamp_ns)
        xy_px = np.tile(image_rgb[0, 0, :2].astype(float), (21, 1))
        return (Person2D("hand21", xy_px, np.full(21, 0.75), "7", "left"),)

    def close(self):
        self.closed += 1


@pytest.fixture
def make_node(ros):
    from pose3d_ros.ros.detector_node import DetectorNode

    made = []

    def make(make_detector=None, remap=(), **parameters):
        def keep(config):
            made.append(FakeDetector(config))
            return made[-1]

        node = DetectorNode(
            make_detector or keep,
            context=ros.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in parameters.items()],
            cli_args=["--ros-args", *(part for rule in remap for part in ("-r", rule))],
        )
        node.made = made
        return ros.add(node)

    return make


@pytest.fixture
def active(make_node):
    def make(**kwargs):
        node = make_node(**kwargs)
        node.trigger_configure()
        node.trigger_activate()
        assert node.state == "active", node.last_error
        return node

    return make


def image(second, color=(10, 20, 30), size=(48, 64)):
    from pose3d_ros.ros import conversions, images

    msg = images.from_array(np.full((*size, 3), color, np.uint8), "rgb8")
    msg.header = conversions.header(int(second * 1e9), "eye")
    return msg


def compressed(second):
    from sensor_msgs.msg import CompressedImage

    from pose3d_ros.ros import conversions

    data = cv2.imencode(".png", np.full((48, 64, 3), (30, 20, 10), np.uint8))[1].tobytes()  # BGR
    return CompressedImage(header=conversions.header(int(second * 1e9), "eye"), format="png", data=data)


def messages():
    from sensor_msgs.msg import CompressedImage, Image

    from pose3d_ros.msg import Skeleton2DArray

    return Image, CompressedImage, Skeleton2DArray


def check(msg):
    (person,) = msg.people
    assert (msg.header.stamp.sec, msg.header.frame_id, msg.width, msg.height) == (5, "eye", 64, 48)
    assert (person.format, person.id, person.side) == ("hand21", "7", "left")
    assert list(person.xy_px) == [10, 20] * 21
    assert list(person.score) == [0.75] * 21


def test_keypoints_carry_stamp_and_frame_of_the_image(ros, active):
    Image, _, Skeleton2DArray = messages()
    node = active(hands=False, min_detection_confidence=0.25)
    out = ros.inbox(Skeleton2DArray, "keypoints")
    ros.until(lambda: node.count_subscribers("keypoints"), "the subscription to keypoints")
    ros.publisher(Image, "image").publish(image(5))
    check(out.wait()[0])
    assert node.made[0].config == DetectorConfig(hands=False, min_detection_confidence=0.25)


def test_compressed_appends_the_suffix_after_remapping(ros, active):
    _, CompressedImage, Skeleton2DArray = messages()
    node = active(image_transport="compressed", remap=["image:=/camera/color"])
    assert node.image_topic == "/camera/color/compressed"
    out = ros.inbox(Skeleton2DArray, "keypoints")
    ros.until(lambda: node.count_subscribers("keypoints"), "the subscription to keypoints")
    ros.publisher(CompressedImage, "/camera/color/compressed").publish(compressed(5))
    check(out.wait()[0])


def test_the_newest_image_wins(ros, active):
    node = active()
    detector = node.made[0]
    detector.go.clear()
    node._on_image(image(1))
    assert detector.entered.wait(20)
    for second in (2, 3, 4):
        node._on_image(image(second))
    detector.go.set()
    ros.until(lambda: detector.stamps[-1] == 4_000_000_000, "the newest image")
    assert detector.stamps == [0, 1_000_000_000, 4_000_000_000]
    assert node.health.counts["dropped"] == 2


def test_bad_images_are_counted_and_do_not_stop_the_node(ros, active):
    node = active()
    cut = image(1)
    cut.data = cut.data[:100]
    node._on_image(cut)
    ros.until(lambda: node.health.counts["dropped"] == 1, "the bad image")
    assert "image data" in node.health.reasons()["error"]
    node._on_image(image(0))
    ros.until(lambda: node.health.counts["dropped"] == 2, "the image without stamp")
    assert "stamp" in node.health.reasons()["error"]
    node._on_image(image(2))
    ros.until(lambda: node.made[0].stamps[-1] == 2_000_000_000, "the good image")


def test_every_kind_of_image_is_taken_and_depth_is_refused(ros, active):
    from pose3d_ros.ros import conversions, images

    node = active()
    kinds = {
        "mono8": (16, 16), "mono16": (48, 64), "bgr8": (2160, 3840, 3), "rgba8": (64, 36, 4), "bayer_rggb8": (48, 64),
        "32FC1": (48, 64), "yuv422": (48, 64, 2), "rgb8": (16, 16, 3),
    }  # fmt: skip
    for second, (encoding, shape) in enumerate(kinds.items(), 1):
        msg = images.from_array(np.zeros(shape, images.LAYOUTS[encoding][0]), encoding)
        msg.header = conversions.header(second * 10**9, "eye")
        before = len(node.made[0].stamps) + node.health.counts["dropped"]
        node._on_image(msg)
        ros.until(lambda n=before: len(node.made[0].stamps) + node.health.counts["dropped"] > n, encoding)
    assert node.health.counts["dropped"] == 1
    assert "32FC1" in node.health.reasons()["error"]
    assert node.made[0].stamps[-1] == len(kinds) * 10**9


def test_a_detector_that_cannot_be_made_fails_configure_with_the_reason(make_node):
    def broken(config):
        raise ConfigError("expected a model; pip install it")

    node = make_node(broken)
    node.trigger_configure()
    assert node.state == "unconfigured"
    assert "pip install" in node.last_error


def test_cycles_give_everything_back(make_node):
    node = make_node()
    threads = set(threading.enumerate())
    for _ in range(3):
        for step in (node.trigger_configure, node.trigger_activate, node.trigger_deactivate, node.trigger_cleanup):
            step()
    assert node.state == "unconfigured"
    assert [detector.closed for detector in node.made] == [1, 1, 1]
    assert set(threading.enumerate()) <= threads


def test_images_change_nothing_while_inactive(ros, active):
    Image, *_ = messages()
    node = active()
    ros.publisher(Image, "image")
    node.trigger_deactivate()
    ros.until(lambda: node.count_subscribers("image") == 0, "the end of the subscription")
    assert node.made[0].stamps == [0]
    assert node.made[0].closed == 0

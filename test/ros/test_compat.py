"""Stand-ins behave like the packages that they replace; where those are installed, they pass the same tests."""

import importlib

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.ros import compat

SHIMS = "pose3d_ros.ros.shims."


@pytest.fixture(params=["stand-in", "real"])
def updater(request):
    return module("diagnostic_updater", request)


@pytest.fixture(params=["stand-in", "real"])
def filters(request):
    return module("message_filters", request)


@pytest.fixture(params=["stand-in", "real"])
def bridge(request):
    found = module("cv_bridge", request)
    if request.param == "real" and "cv_bridge" in compat.STAND_INS:
        pytest.skip("cv_bridge is installed but does not work here (built for another NumPy)")
    return found


def module(name: str, request):
    if request.param == "real":
        return pytest.importorskip(name, reason=f"{name} is not installed")
    return importlib.import_module(SHIMS + name)


def test_compat_offers_what_it_lists():
    assert all(hasattr(compat, name) for name in compat.__all__)


def test_summaries_merge_as_the_original_does(updater):
    cases = {
        ((b"\0", "a"), (b"\0", "b")): (b"\0", "a; b"),
        ((b"\0", ""), (b"\0", "b")): (b"\0", "b"),
        ((b"\1", "a"), (b"\2", "b")): (b"\2", "a; b"),
        ((b"\0", "a"), (b"\2", "b")): (b"\2", "b"),
        ((b"\2", "a"), (b"\0", "b")): (b"\2", "a"),
    }
    for (first, second), expected in cases.items():
        status = updater.DiagnosticStatusWrapper()
        status.summary(*first)
        status.mergeSummary(*second)
        assert (status.level, status.message) == expected
        other = updater.DiagnosticStatusWrapper()
        other.summary(status)
        assert (other.level, other.message) == expected


def test_updater_publishes_its_tasks_with_the_nodes_name(updater, ros):
    arrays = ros.inbox(DiagnosticArray, "/diagnostics", 50)
    node = ros.add(Node("worker", context=ros.context))
    up = updater.Updater(node, period=0.05)
    up.setHardwareID("none")

    def task(status):
        status.summary(DiagnosticStatus.WARN, "warm")
        status.add("temperature", "40")
        return status

    up.add("heat", task)
    array = arrays.wait_for(lambda a: any(s.message == "warm" for s in a.status))
    (status,) = array.status
    assert (status.name, status.level, status.hardware_id) == ("worker: heat", DiagnosticStatus.WARN, "none")
    assert [(v.key, v.value) for v in status.values] == [("temperature", "40")]
    up.broadcast(DiagnosticStatus.ERROR, "going down")
    arrays.wait_for(lambda a: a.status and a.status[0].message == "going down")
    assert up.removeByName("heat")
    assert not up.removeByName("heat")
    arrays.wait_for(lambda a: not a.status)


def test_updater_period_is_a_parameter(updater, ros):
    from rclpy.parameter import Parameter

    overrides = [Parameter("diagnostic_updater.period", value=0.5)]
    node = ros.add(Node("worker", context=ros.context, parameter_overrides=overrides))
    up = updater.Updater(node)
    assert up.timer.timer_period_ns == 500_000_000


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8", "bgra8", "rgba8", "mono8", "mono16", "16UC1", "32FC1"])
def test_bridge_passes_pixels_through(bridge, encoding):
    from pose3d_ros.ros.images import LAYOUTS

    dtype, channels = LAYOUTS[encoding]
    pixels = np.arange(6 * 4 * channels).reshape((6, 4, channels) if channels > 1 else (6, 4)).astype(dtype)
    msg = bridge.CvBridge().cv2_to_imgmsg(pixels, encoding, Header(frame_id="camera"))
    assert (msg.height, msg.width, msg.encoding, msg.header.frame_id) == (6, 4, encoding, "camera")
    np.testing.assert_array_equal(bridge.CvBridge().imgmsg_to_cv2(msg), pixels)


def test_bridge_names_the_type_where_no_encoding_is_given(bridge):
    assert bridge.CvBridge().cv2_to_imgmsg(np.zeros((4, 4, 3), np.uint8)).encoding == "8UC3"
    assert bridge.CvBridge().cv2_to_imgmsg(np.zeros((4, 4), np.float32)).encoding == "32FC1"


def test_bridge_converts_colours_and_strips_padding(bridge):
    msg = Image(height=2, width=1, encoding="rgb8", step=4, data=bytes([1, 2, 3, 0, 4, 5, 6, 0]))
    got = bridge.CvBridge().imgmsg_to_cv2(msg, "bgr8")
    np.testing.assert_array_equal(got, [[[3, 2, 1]], [[6, 5, 4]]])
    got[0, 0, 0] = 9  # is the caller's own


def test_bridge_compresses_and_decompresses(bridge):
    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    msg = bridge.CvBridge().cv2_to_compressed_imgmsg(pixels, "png")
    assert msg.format == "png"
    np.testing.assert_array_equal(bridge.CvBridge().compressed_imgmsg_to_cv2(msg), pixels)


@pytest.mark.parametrize(
    ("pixels", "encoding"), [(np.zeros((4, 4), np.uint8), "bgr8"), (np.zeros((4, 4), np.uint8), "?")]
)
def test_bridge_refuses_what_does_not_fit(bridge, pixels, encoding):
    with pytest.raises(bridge.CvBridgeError):
        bridge.CvBridge().cv2_to_imgmsg(pixels, encoding)


def test_bridge_wants_an_array(bridge):
    with pytest.raises(TypeError):
        bridge.CvBridge().cv2_to_imgmsg([[1, 2]], "mono8")


def test_transforms_without_the_message_package_say_what_to_do(ros):
    from pose3d_ros.ros.shims import tf2_ros

    if tf2_ros.TFMessage is not None:
        pytest.skip("tf2_msgs is installed")
    with pytest.raises(ImportError, match="tf2_msgs"):
        tf2_ros.TransformBroadcaster(ros.node)


def test_transforms_are_published_singly_and_in_lists(ros, monkeypatch):
    from geometry_msgs.msg import TransformStamped

    from pose3d_ros.ros.shims import tf2_ros

    sent = []

    class Message:
        def __init__(self, transforms):
            self.transforms = transforms

    class Publisher:
        def publish(self, msg):
            sent.append([t.child_frame_id for t in msg.transforms])

    class FakeNode:
        def create_publisher(self, message, topic, qos):
            assert (topic, qos.depth) == ("/tf", 100)
            return Publisher()

    monkeypatch.setattr(tf2_ros, "TFMessage", Message)
    broadcaster = tf2_ros.TransformBroadcaster(FakeNode())
    frames = [TransformStamped(child_frame_id=name) for name in "ab"]
    broadcaster.sendTransform(frames[0])
    broadcaster.sendTransform(frames)
    broadcaster.sendTransform(frame for frame in frames)
    assert sent == [["a"], ["a", "b"], ["a", "b"]]


def test_a_subscriber_passes_messages_to_all_its_callbacks(filters, ros):
    node, found = ros.add(Node("filtering", context=ros.context)), []
    source = filters.Subscriber(node, Header, "chatter", qos_profile=10)
    source.registerCallback(lambda msg: found.append(msg.frame_id))
    source.registerCallback(lambda msg, more: found.append(msg.frame_id + more), "!")
    publisher = ros.publisher(Header, "chatter")
    ros.until(lambda: publisher.get_subscription_count() == 1, "the subscriber")
    publisher.publish(Header(frame_id="camera"))
    ros.until(lambda: len(found) == 2, "the message")
    assert found == ["camera", "camera!"]
    assert source.getTopic() == "chatter"

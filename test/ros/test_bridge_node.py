"""The bridge: other packages' messages as they come from rclpy, without those packages, and the node over real DDS."""

from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.parameter import Parameter

pytest.importorskip("sensor_msgs.msg", reason="needs ROS")


@pytest.fixture
def make_node(ros):
    from pose3d_ros.ros.bridge_node import BridgeNode

    def make(**parameters):
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return ros.add(BridgeNode(context=ros.context, parameter_overrides=overrides))

    return make


@pytest.fixture
def active(make_node, monkeypatch):
    """An active bridge whose messages are handed to it: their packages are not here, so that it listens for its own."""
    from pose3d_ros.msg import Skeleton2DArray
    from pose3d_ros.ros import bridge_node

    def make(**parameters):
        monkeypatch.setattr(bridge_node, "message_class", lambda kind: Skeleton2DArray)
        node = make_node(**parameters)
        node.trigger_configure()
        node.trigger_activate()
        assert node.state == "active", node.last_error
        node.sent = []
        monkeypatch.setattr(node._publisher, "publish", node.sent.append)
        return node

    return make


def header(second):
    from pose3d_ros.ros import conversions

    return conversions.header(int(second * 1e9), "eye")


def camera_info(width=640, height=480):
    from pose3d_ros.geometry.camera import Camera
    from pose3d_ros.ros import conversions

    return conversions.camera_to_msg(Camera.from_fov(width, height, 60.0))


def yolo(second, count=1, score=0.9, first=1, offset=0.0):
    """yolo_msgs/DetectionArray of `count` people."""
    people = []
    for number in range(count):
        points = [
            SimpleNamespace(id=first + i, point=SimpleNamespace(x=100.0 + 10 * i + offset, y=50.0 + 5 * i), score=score)
            for i in range(17)
        ]
        people.append(SimpleNamespace(id=str(number + 1), keypoints=SimpleNamespace(data=points)))
    return SimpleNamespace(header=header(second), detections=people)


def hri(second, joints=18):
    """hri_msgs/Skeleton2D."""
    points = [SimpleNamespace(x=0.25, y=0.5, c=0.8) for _ in range(joints)]
    return SimpleNamespace(header=header(second), skeleton=points)


def send(node, msg, name=""):
    node._on_message("/source", msg, name=name)


def test_yolo_people_have_ids_and_the_size_of_camera_info(active):
    node = active(source="yolo")
    node._on_camera_info(camera_info())
    send(node, yolo(5, 3))
    (out,) = node.sent
    assert (out.header.stamp.sec, out.header.frame_id, out.width, out.height) == (5, "eye", 640, 480)
    assert [(person.id, person.format) for person in out.people] == [(name, "coco17") for name in "123"]
    np.testing.assert_allclose(out.people[0].xy_px[:4], [100, 50, 110, 55])
    assert node.health.reasons() == {}


def test_keypoints_of_a_larger_image_are_refused_and_the_stream_goes_on(active):
    node = active(source="yolo")
    node._on_camera_info(camera_info(640, 480))
    send(node, yolo(5, offset=700.0))
    assert node.sent == []
    assert "camera_info is that of a 640x480 image" in node.health.reasons()["message"]
    send(node, yolo(6))
    assert len(node.sent) == 1
    assert node.health.counts["dropped"] == 1


@pytest.mark.parametrize("assumed", [0.0, 0.7])
def test_a_source_without_scores_is_told_and_may_be_assumed(active, assumed):
    node = active(source="yolo", assumed_score=assumed)
    send(node, yolo(5, score=0.0))
    (person,) = node.sent[0].people
    np.testing.assert_allclose(person.score, assumed)
    texts = " ".join(node.health.reasons().values())
    assert ("set assumed_score" in texts) == (not assumed)


def test_another_joint_count_is_told(active):
    node = active(source="yolo")
    send(node, yolo(5, first=10))
    assert len(node.sent[0].people) == 0
    assert "another format than coco17" in " ".join(node.health.reasons().values())
    bodies = active(source="hri")
    bodies._on_camera_info(camera_info())
    send(bodies, hri(5, joints=17), "ann")
    assert bodies.sent == []
    assert "expected 18 points, got 17" in bodies.health.reasons()["message"]


def test_bodies_of_one_stamp_are_one_frame(active):
    node = active(source="hri")
    node._timer.cancel()
    node._on_camera_info(camera_info())
    node._on_ids(SimpleNamespace(header=header(1), ids=["ann", "ben"]))
    assert sorted(node._bodies) == ["ann", "ben"]
    for second in (5, 6):
        for name in ("ann", "ben"):
            node._on_message(f"/humans/bodies/{name}/skeleton2d", hri(second), name=name)
    assert [[person.id for person in out.people] for out in node.sent] == [["ann", "ben"]] * 2
    np.testing.assert_allclose(node.sent[0].people[0].xy_px[:2], [159.5, 239.5])
    send(node, hri(7), "ann")
    node._on_timer()
    assert len(node.sent) == 2
    node._on_timer()  # a whole period later it leaves alone
    assert len(node.sent[-1].people) == 1
    node._on_ids(SimpleNamespace(header=header(8), ids=[]))
    assert (node.sent[-1].header.stamp.sec, len(node.sent[-1].people)) == (8, 0)
    assert node._bodies == {}


def test_hri_without_camera_info_says_so(active):
    node = active(source="hri")
    send(node, hri(5), "ann")
    assert node.sent == []
    assert "no camera_info" in node.health.reasons()["message"]


def test_messages_without_stamp_are_told(active):
    node = active(source="yolo")
    send(node, yolo(0))
    assert node.sent[0].header.stamp.sec > 0
    assert "no stamp" in node.health.reasons()["stamps"]


def test_a_package_that_is_not_there_and_a_source_that_is_none(make_node):
    node = make_node(source="yolo")
    node.trigger_configure()
    assert node.state == "unconfigured"
    assert "install yolo_msgs" in node.last_error
    assert node._input_topic() == "/yolo/tracking"
    other = make_node(source="openpose")
    other.trigger_configure()
    assert "expected one of yolo, hri, zed, hri_msgs/msg/Skeleton2D" in other.last_error
    no_topic = make_node(source="pose3d_ros/msg/Skeleton2DArray")
    no_topic.trigger_configure()
    assert "expected the topic" in no_topic.last_error


def test_over_dds_from_a_best_effort_publisher(ros, make_node):
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo

    from pose3d_ros.core.types import Keypoints2D, Person2D
    from pose3d_ros.msg import Skeleton2DArray
    from pose3d_ros.ros import conversions

    node = make_node(source="pose3d_ros/msg/Skeleton2DArray", topic="/theirs")
    node.trigger_configure()
    node.trigger_activate()
    assert node.state == "active", node.last_error
    out = ros.inbox(Skeleton2DArray, "keypoints")
    ros.until(lambda: node.count_subscribers("keypoints"), "the subscription to keypoints")
    ros.publisher(CameraInfo, "camera_info").publish(camera_info())
    ros.until(lambda: node._calibration.camera, "the calibration")
    person = Person2D("coco17", np.full((17, 2), 50.0), np.full(17, 0.75), "9")
    theirs = ros.publisher(Skeleton2DArray, "/theirs", qos_profile_sensor_data)
    theirs.publish(conversions.keypoints_to_msg(Keypoints2D(5 * 10**9, (person,), "eye")))
    msg = out.wait()[0]
    assert (msg.width, msg.height, msg.people[0].id) == (640, 480, "9")
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert node.state == "unconfigured"

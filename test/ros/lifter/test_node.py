"""The lifter node end to end over DDS: what goes in comes out, and bad input never stops it."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from geometry_msgs.msg import PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.core.errors import EngineError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.msg import Hand3DArray, Skeleton2D, Skeleton3DArray, SkeletonDefinition, StageTimings
from pose3d_ros.ros import conversions, qos


def ready(bench, **parameters):
    return bench(**parameters).up().calibrate()


def test_skeletons_carry_the_header_of_the_keypoints(bench, make):
    b = ready(bench)
    out = b.inbox(Skeleton3DArray, "skeletons")
    sent = make.frame(7, make.body("anna"), make.body("ben"))
    b.send(sent)
    msg = out.wait(1)[0]
    assert conversions.stamp_to_ns(msg.header.stamp) == sent.stamp_ns
    assert msg.header.frame_id == "camera_optical_frame"
    assert [person.id for person in msg.people] == ["anna", "ben"]
    np.testing.assert_allclose(
        np.reshape(msg.people[1].xyz_m, (-1, 3)), make.person3d(make.body("ben"), 1).xyz_m, rtol=1e-6
    )
    assert set(msg.people[0].state) == {1, 2}


def test_an_empty_image_still_keeps_time_running(bench, make):
    b = ready(bench)
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.send(dataclasses.replace(make.frame(0), people=()))
    assert list(out.wait(1)[0].people) == []


def test_hands_timings_and_definitions_come_out(bench, make):
    b = ready(bench)
    b.pipeline.with_hands = True
    hands, timings = b.inbox(Hand3DArray, "hands"), b.inbox(StageTimings, "timings")
    left, right = b.inbox(PoseStamped, "hands/left/pose"), b.inbox(PoseStamped, "hands/right/pose")
    b.ros.until(lambda: b.node.count_subscribers("/timings") == 1, "the reader of timings")
    b.send(make.frame(0, make.body("anna"), make.body("ben")))
    assert [(h.person_id, h.side) for h in hands.wait(1)[0].hands] == [
        ("anna", "left"), ("anna", "right"), ("ben", "left"), ("ben", "right")
    ]  # fmt: skip
    assert left.wait(1)[0].pose.position.x == pytest.approx(0.2)
    assert right.wait(1)[0].pose.position.z == pytest.approx(2.0)  # anna is the nearer one
    assert list(timings.wait(1)[0].stage) == ["model", "total"]
    late = b.inbox(SkeletonDefinition, "skeleton_definition", qos.latched(2))
    names = {msg.name: msg for msg in late.wait(2)}
    assert set(names) == {"h36m17", "hand21"}
    body = names["h36m17"]
    pairs = {(body.joints[a], body.joints[b]) for a, b in zip(body.left, body.right, strict=True)}
    assert ("left_wrist", "right_wrist") in pairs
    assert body.joints[body.parents[body.joints.index("left_wrist")]] == "left_elbow"


def test_followed_person_is_chosen_by_id(bench, make):
    b = ready(bench, output__follow_id="ben")
    b.pipeline.with_hands = True
    left = b.inbox(PoseStamped, "hands/left/pose")
    b.send(make.frame(0, make.body("anna"), make.body("ben")))
    assert left.wait(1)[0].pose.position.z == pytest.approx(3.0)


def test_one_bad_person_does_not_cost_the_others(bench, make):
    b = ready(bench)
    out = b.inbox(Skeleton3DArray, "skeletons")
    msg = conversions.keypoints_to_msg(make.frame(0, make.body("anna"), make.body("ben")))
    good = msg.people[1]
    msg.people = [
        Skeleton2D(id="unknown", format="coco99", xy_px=good.xy_px, score=good.score),
        Skeleton2D(id="short", format="h36m17", xy_px=good.xy_px[:10], score=good.score),
        Skeleton2D(id="odd", format="h36m17", xy_px=good.xy_px[:33], score=good.score),
        Skeleton2D(id="scoreless", format="h36m17", xy_px=good.xy_px),
        Skeleton2D(id="sided", format="h36m17", side="up", xy_px=good.xy_px, score=good.score),
        good,
    ]
    b.keypoints.publish(msg)
    assert [person.id for person in out.wait(1)[0].people] == ["ben"]
    assert b.node.health.blamed["keypoints"] == 5


def test_nan_and_infinite_numbers_arrive_as_absent(bench, make):
    b = ready(bench)
    msg = conversions.keypoints_to_msg(make.frame(0))
    msg.people[0].xy_px[0] = float("inf")
    msg.people[0].score[1] = float("nan")
    msg.people[0].score[2] = 7.0
    b.keypoints.publish(msg)
    b.ros.until(lambda: b.pipeline.pushed, "a push")
    person = b.pipeline.pushed[0][0].people[0]
    assert np.isnan(person.xy_px[:2]).all()
    assert person.score[1] == 0
    assert person.score[2] == 1


def test_an_error_in_inference_does_not_kill_the_worker(bench, make):
    b = ready(bench)
    b.pipeline.errors = [EngineError("device lost"), ZeroDivisionError("surprise")]
    out = b.inbox(Skeleton3DArray, "skeletons")
    for number in range(3):
        b.send(make.frame(number))
        b.ros.until(lambda number=number: len(b.pipeline.pushed) == number + 1, "the push")
    assert conversions.stamp_to_ns(out.wait(1)[0].header.stamp) == make.frame(2).stamp_ns
    assert "surprise" in b.reason("error")


def test_when_inference_is_slow_all_frames_are_stored_and_the_newest_is_inferred(bench, make):
    b = ready(bench)
    b.pipeline.go.clear()
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.send(make.frame(0))
    assert b.pipeline.entered.wait(20)
    b.send(*(make.frame(n) for n in range(1, 31)))
    b.ros.until(lambda: b.node.health.counts["received"] == 31, "31 messages")
    b.pipeline.go.set()
    stamps = [conversions.stamp_to_ns(msg.header.stamp) for msg in out.wait(2)]
    assert stamps == [make.frame(0).stamp_ns, make.frame(30).stamp_ns]
    assert [f.stamp_ns for f in b.pipeline.observed] == [make.frame(n).stamp_ns for n in range(1, 30)]
    assert "29 frames" in b.reason("late")


def test_services_and_parameters_answer_while_inference_runs(bench, ros, make):
    b = ready(bench)
    b.pipeline.go.clear()
    b.send(make.frame(0), make.frame(1))
    assert b.pipeline.entered.wait(20)
    assert ros.call(Trigger, "/lifter/reset", Trigger.Request()).success
    assert not b.pipeline.resets  # not in the middle of a push
    b.pipeline.go.set()
    ros.until(lambda: b.pipeline.resets == 1, "the reset")


def test_reset_says_when_there_is_nothing_to_reset(bench, ros):
    bench()
    answer = ros.call(Trigger, "/lifter/reset", Trigger.Request())
    assert not answer.success
    assert "unconfigured" in answer.message


def test_camera_info_may_come_late_and_change(bench, make):
    b = bench().up()
    b.send(make.frame(0))
    assert "no camera_info has arrived" in b.reason("camera")
    b.calibrate()
    assert "camera" not in b.node.health.reasons()
    b.send(make.frame(1))
    b.ros.until(lambda: len(b.pipeline.pushed) == 1, "a push")
    other = Camera(make.camera.K * [[2, 1, 1], [1, 2, 1], [1, 1, 1]], np.array([0.1, 0, 0, 0]), "plumb_bob", 640, 480)
    b.calibrate(other)
    b.send(make.frame(2))
    b.ros.until(lambda: len(b.pipeline.pushed) == 2, "a push")
    assert [camera for _, camera in b.pipeline.pushed] == [make.camera, other]


@pytest.mark.parametrize(("change", "expected"), [
    ({"k": np.zeros(9)}, "not calibrated"),
    ({"distortion_model": "magic", "d": [1.0]}, "unknown distortion model 'magic'"),
    ({"k": np.full(9, np.nan)}, "finite"),
    ({"width": 1280, "height": 720}, "640x480 image but the camera is calibrated for 1280x720"),
])  # fmt: skip
def test_unusable_camera_info_is_the_reason(bench, make, change, expected):
    b = bench().up()
    msg = conversions.camera_to_msg(make.camera)
    for name, value in change.items():
        setattr(msg, name, value)
    b.camera_info.publish(msg)
    b.ros.until(lambda: b.node._calibration.camera or "camera_info" in b.node.health.reasons(), "the camera_info")
    b.send(make.frame(0))
    b.ros.until(lambda: b.node.health.counts["dropped"] == 1, "the drop")
    assert expected in b.reason("camera")
    b.calibrate()  # and all is well again
    b.send(make.frame(1))
    b.ros.until(lambda: b.node.health.counts["published"] == 1, "an output")


def test_a_wrong_image_size_stays_one_reason_while_camera_info_keeps_coming(bench, make):
    b = bench().up()
    msg = conversions.camera_to_msg(make.camera)
    msg.width, msg.height = 1280, 720
    for i in range(5):
        b.camera_info.publish(msg)
        b.ros.until(lambda: b.node._calibration.camera, "the camera_info")
        b.send(make.frame(i))
        b.ros.until(lambda i=i: b.node.health.counts["dropped"] == i + 1, "the drop")
    assert b.reason("camera").endswith("5 times)")


def test_a_field_of_view_may_stand_in_for_camera_info(bench, make):
    b = bench(camera__fallback_fov_deg=60.0).up()
    b.send(make.frame(0))
    b.ros.until(lambda: b.pipeline.pushed, "a push")
    assert b.pipeline.pushed[0][1] == Camera.from_fov(640, 480, 60.0)
    assert "assumed" in b.reason("assumed camera")
    b.calibrate()
    b.send(make.frame(1))
    b.ros.until(lambda: len(b.pipeline.pushed) == 2, "a push")
    assert b.pipeline.pushed[1][1] == make.camera


def test_two_cameras_in_two_namespaces_do_not_mix(bench, make):
    front, back = ready(bench, namespace="/front"), bench(namespace="/back").up()
    out = front.inbox(Skeleton3DArray, "skeletons"), back.inbox(Skeleton3DArray, "skeletons")
    other = Camera.from_fov(640, 480, 90.0)
    back.calibrate(other)
    front.send(make.frame(0, make.body("f")))
    back.send(make.frame(0, make.body("b")))
    assert [inbox.wait(1)[0].people[0].id for inbox in out] == ["f", "b"]
    assert (front.pipeline.pushed[0][1], back.pipeline.pushed[0][1]) == (make.camera, other)
    assert [len(inbox) for inbox in out] == [1, 1]


def test_stamps_that_do_not_increase_are_a_reason(bench, make):
    b = ready(bench)
    b.send(make.frame(50), make.frame(10))
    assert "-1.333 s" in b.reason("stamps")


def test_a_bag_that_starts_again_clears_windows_and_markers(bench, ros, make):
    b = ready(bench, use_sim_time=True)
    markers = b.inbox(MarkerArray, "markers")
    clock = ros.publisher(Clock, "/clock")
    clock.publish(Clock(clock=conversions.stamp_from_ns(100 * conversions.NS_PER_S)))
    ros.until(lambda: b.node.get_clock().now().nanoseconds > 0, "simulated time")
    before = b.pipeline.resets
    markers.clear()
    clock.publish(Clock(clock=conversions.stamp_from_ns(conversions.NS_PER_S)))
    ros.until(lambda: b.pipeline.resets == before + 1, "the reset on the jump")
    markers.wait_for(lambda array: array.markers[0].action == Marker.DELETEALL)
    b.send(make.frame(0))
    ros.until(lambda: b.node.health.counts["published"] == 1, "an output")
    assert "stamps" not in b.node.health.reasons()


def test_inactive_node_neither_infers_nor_publishes(bench, ros, make):
    b = ready(bench)
    assert b.node.trigger_deactivate().name == "SUCCESS"
    ros.until(lambda: b.keypoints.get_subscription_count() == 0, "the end of the subscription")
    assert not [s for s in b.node.subscriptions if s.topic_name.endswith(("keypoints", "camera_info"))]
    assert b.node.trigger_activate().name == "SUCCESS"
    ros.until(lambda: b.camera_info.get_subscription_count() == 1, "the subscription")
    ros.until(lambda: b.keypoints.get_subscription_count() == 1, "the subscription")
    b.calibrate().send(make.frame(0))
    ros.until(lambda: len(b.pipeline.pushed) == 1, "a push")


def test_markers_are_made_for_listeners_only(bench, make, monkeypatch):
    drawn = []
    original = conversions.point
    monkeypatch.setattr("pose3d_ros.ros.markers.point", lambda xyz: drawn.append(1) or original(xyz))
    b = ready(bench)
    b.send(make.frame(0))
    b.ros.until(lambda: b.node.health.counts["published"] == 1, "an output")
    assert not drawn
    out = b.inbox(MarkerArray, "markers")
    b.ros.until(lambda: b.node.count_subscribers("/markers") == 1, "the reader")
    b.send(make.frame(1))
    out.wait_for(lambda array: any(m.ns == "body_joints" for m in array.markers))
    assert drawn


def test_rectified_images_use_the_projection_matrix(bench, make):
    b = bench(camera__rectified=True).up()
    msg = conversions.camera_to_msg(make.camera)
    msg.d = [0.3, 0.1, 0.0, 0.0, 0.0]
    msg.p = np.array([500.0, 0, 300, 0, 0, 510, 200, 0, 0, 0, 1, 0])
    b.camera_info.publish(msg)
    b.ros.until(lambda: b.node._calibration.camera, "the calibration")
    assert b.node._calibration.camera == Camera(
        np.array([[500.0, 0, 300], [0, 510, 200], [0, 0, 1]]), width=640, height=480
    )


def test_roi_and_binning_shift_the_principal_point():
    msg = CameraInfo(width=640, height=480, k=np.array([600.0, 0, 320, 0, 600, 240, 0, 0, 1]), binning_x=2, binning_y=2)
    msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height = 100, 40, 400, 300
    camera = conversions.camera_from_msg(msg)
    np.testing.assert_allclose(camera.K, [[300, 0, 110], [0, 300, 100], [0, 0, 1]])
    assert (camera.width, camera.height) == (200, 150)


def test_body24_comes_out_with_a_rotation_and_a_frame_a_joint(bench, make, tf):
    b = ready(bench, output__skeleton="body24", output__tf_joints=True)
    out, defined = (
        b.inbox(Skeleton3DArray, "skeletons"),
        b.inbox(SkeletonDefinition, "skeleton_definition", qos.latched(9)),
    )
    b.send(make.frame(0, make.body("anna")))
    (person,) = out.wait(1)[0].people
    joints = defined.wait_for(lambda d: d.name == "body24").joints
    assert person.skeleton == "body24"
    assert len(person.xyz_m) == 72
    assert len(person.quat_xyzw) == 96
    b.ros.until(lambda: tf, "transforms")
    assert [t.child_frame_id for t in tf[0]] == [f"{joint}_anna" for joint in joints]
    knee = next(t.transform for t in tf[0] if t.child_frame_id == "left_knee_anna")
    row = list(joints).index("left_knee")
    assert knee.translation.z == pytest.approx(person.xyz_m[3 * row + 2])
    assert knee.rotation.w == pytest.approx(person.quat_xyzw[4 * row + 3])


@pytest.fixture
def tf(monkeypatch):
    """What is broadcast."""
    sent = []

    class Broadcaster:
        def __init__(self, node):
            self.pub_tf = node.create_publisher(Skeleton3DArray, "tf_of_the_test", 1)

        def sendTransform(self, transforms):
            sent.append(transforms)

    monkeypatch.setattr("pose3d_ros.ros.compat.TransformBroadcaster", Broadcaster)
    return sent


def test_body_frames_are_broadcast_where_tf_exists(bench, make, tf):
    b = ready(bench, output__tf=True)
    b.send(make.frame(4, make.body("anna"), make.body("")))
    b.ros.until(lambda: tf, "transforms")
    assert [(t.header.frame_id, t.child_frame_id) for t in tf[0]] == [
        ("camera_optical_frame", "body_anna"), ("camera_optical_frame", "body_1")
    ]  # fmt: skip
    assert conversions.stamp_to_ns(tf[0][0].header.stamp) == make.frame(4).stamp_ns
    for step in ("deactivate", "cleanup"):
        getattr(b.node, f"trigger_{step}")()
    assert not [p for p in b.node.publishers if p.topic_name == "/tf_of_the_test"]

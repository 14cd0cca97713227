"""The lifter and TF: stale stamps need no transform; the rest runs over DDS where tf2_msgs is there (make tf)."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

from pose3d_ros.msg import Skeleton3DArray
from pose3d_ros.ros import compat
from pose3d_ros.ros.shims import tf2_ros

S = 10**9


@pytest.fixture
def stamped(make):
    """A frame so many seconds ago, by the clock of the node."""

    def at(b, ago_s):
        return replace(make.frame(0), stamp_ns=b.node.get_clock().now().nanoseconds - int(ago_s * S))

    return at


@pytest.mark.parametrize(("ago_s", "words"), [(3.0, "3.0 s old"), (-3.0, "in the future")])
def test_stamps_that_are_stale_are_an_error_and_marked(bench, stamped, ago_s, words):
    b = bench(diagnostic_updater__period=0.1).up().calibrate()
    skeletons = b.inbox(Skeleton3DArray, "skeletons")
    diagnostics = b.ros.inbox(DiagnosticArray, "/diagnostics", 50)
    b.send(stamped(b, ago_s))
    assert skeletons.wait_for(lambda msg: msg.people).stale
    assert words in b.reason("age")
    diagnostics.wait_for(lambda a: any(s.level == DiagnosticStatus.ERROR and words in s.message for s in a.status))


@pytest.mark.parametrize("limits", [{}, {"max_input_age_s": 0.0}])
def test_fresh_stamps_and_those_that_are_not_judged_are_not_marked(bench, stamped, limits):
    b = bench(**limits).up().calibrate()
    skeletons = b.inbox(Skeleton3DArray, "skeletons")
    b.send(stamped(b, 3.0 if limits else 0.0))
    assert not skeletons.wait_for(lambda msg: msg.people).stale


def test_prediction_to_now_is_bounded_and_told(bench, stamped):
    b = bench(output__predict_s=0.2, output__predict_to_now=True).up().calibrate()
    skeletons = b.inbox(Skeleton3DArray, "skeletons")
    b.send(stamped(b, 0.5))
    assert skeletons.wait_for(lambda msg: msg.people).predicted_s == pytest.approx(0.2)


needs_tf = pytest.mark.skipif(
    "tf2_ros" in compat.STAND_INS and tf2_ros.TFMessage is None, reason="needs tf2_msgs: make tf"
)


def transform(parent, child, stamp_ns, x) -> TransformStamped:
    msg = TransformStamped(child_frame_id=child)
    msg.header.frame_id = parent
    msg.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    msg.transform.translation.x, msg.transform.rotation.w = float(x), 1.0
    return msg


@needs_tf
def test_the_pose_at_the_stamp_reaches_the_pipeline_and_results_go_out_elsewhere(bench, make, ros):
    poses = []

    class Told(make.pipeline):
        def push(self, frame, camera, image=None, pose=None):
            poses.append(pose)
            return super().push(frame, camera, image)

    b = bench(Told, frames__fixed="odom", frames__output="base_link", frames__wait_s=0.5).up().calibrate()
    skeletons = b.inbox(Skeleton3DArray, "skeletons")
    broadcaster = compat.TransformBroadcaster(ros.node)
    ros.until(lambda: broadcaster.pub_tf.get_subscription_count() >= 1, "the listener")
    frame = make.frame(0)

    def heard():
        """TF has no history for those who come late."""
        broadcaster.sendTransform(
            [
                transform(parent, child, stamp_ns, x)
                for stamp_ns, x in ((frame.stamp_ns - S // 100, 1.0), (frame.stamp_ns + S // 100, 3.0))
                for parent, child in (("odom", "base_link"), ("base_link", "camera_optical_frame"))
            ]
        )
        return b.node._frames.pose(frame.stamp_ns, frame.frame_id) is not None

    ros.until(heard, "the transforms")
    b.send(frame)
    found = skeletons.wait_for(lambda msg: msg.people)
    assert found.header.frame_id == "base_link"
    np.testing.assert_allclose(poses[-1].position_m, [4, 0, 0], atol=1e-3)  # half way, twice


@needs_tf
def test_a_transform_that_is_missing_is_told_and_people_come_out_anyway(bench, make):
    b = bench(frames__fixed="odom", frames__wait_s=0.0).up().calibrate()
    skeletons = b.inbox(Skeleton3DArray, "skeletons")
    b.send(make.frame(0))
    assert skeletons.wait_for(lambda msg: msg.people).header.frame_id == "camera_optical_frame"
    assert "no transform from camera_optical_frame to odom" in b.reason("TF")

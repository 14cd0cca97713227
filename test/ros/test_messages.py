"""The built messages travel over DDS unchanged."""

import math
from array import array

import numpy as np


def test_skeletons_arrive_as_they_were_sent(ros):
    from pose3d_ros.msg import Skeleton3D, Skeleton3DArray

    xyz_m = np.random.default_rng(0).normal(size=51).astype(np.float32)
    person = Skeleton3D(id="anna", track=7, skeleton="h36m17", track_state=Skeleton3D.LOST, method="dtf")
    person.xyz_m = array("f", xyz_m.tobytes())  # the generated setters take array.array as it is
    person.state = array("B", [Skeleton3D.INFERRED] * 17)
    sent = Skeleton3DArray(people=[person])
    sent.header.frame_id = "camera_optical_frame"
    sent.header.stamp.sec, sent.header.stamp.nanosec = 12, 345

    inbox = ros.inbox(Skeleton3DArray, "skeletons")
    ros.publisher(Skeleton3DArray, "skeletons").publish(sent)
    got = inbox.wait(1)[0]

    assert got == sent
    np.testing.assert_array_equal(np.asarray(got.people[0].xyz_m), xyz_m)


def test_absent_keypoints_stay_nan(ros):
    from pose3d_ros.msg import Skeleton2D, Skeleton2DArray

    sent = Skeleton2DArray(people=[Skeleton2D(format="hand21", side="left", xy_px=[math.nan, 1.0], score=[0.0])])
    inbox = ros.inbox(Skeleton2DArray, "keypoints")
    ros.publisher(Skeleton2DArray, "keypoints").publish(sent)
    hand = inbox.wait(1)[0].people[0]

    assert hand.side == "left"
    assert math.isnan(hand.xy_px[0])
    assert hand.xy_px[1] == 1.0

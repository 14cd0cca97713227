import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.viewing.bag import Recording

pytest.importorskip("torch", reason="needs torch")


def test_keypoints_of_a_bag_are_lifted(make_bag, standing_weights):
    from pose3d_ros.lab.viewing.offline import lift

    recording = Recording(make_bag(frames=4, skeletons=False))
    lift(recording, str(standing_weights))
    assert list(recording.skeletons) == sorted(recording.keypoints)
    assert [[person.id for person in frame.people] for frame in recording.skeletons.values()] == [["anna"]] * 4
    pelvis_m = [frame.people[0].xyz_m[0] for frame in recording.skeletons.values()]
    np.testing.assert_allclose(pelvis_m, [(0.02 * n, 0, 2.5) for n in range(4)], atol=0.1)


def test_without_a_calibration_there_is_nothing_to_lift_with(make_bag):
    from pose3d_ros.lab.viewing.offline import lift

    recording = Recording(make_bag(frames=2, skeletons=False))
    recording.camera = None
    with pytest.raises(InputError, match="camera_info"):
        lift(recording, "body_dtf27")

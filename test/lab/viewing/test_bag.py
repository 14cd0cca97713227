import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.viewing.bag import Recording


@pytest.mark.parametrize("images", ["compressed", "raw"])
def test_a_bag_is_read_with_its_images(make_bag, images):
    recording = Recording(make_bag(frames=4, images=images))
    moments = list(recording.moments())
    assert len(moments) == len(recording.stamps) == 4
    assert moments[0].image.shape == (240, 320, 3)
    assert moments[0].image[5, 5].tolist() == [0, 0, 200]  # BGR
    assert moments[2].keypoints.people[0].id == "anna"
    np.testing.assert_allclose(moments[2].skeletons.people[0].xyz_m[0], [0.04, 0, 2.5], atol=1e-6)
    assert recording.size == (320, 240)
    assert recording.rate_hz == pytest.approx(30, abs=0.01)


def test_a_single_file_of_a_bag_is_enough(make_bag):
    (file,) = make_bag(frames=3).glob("*.mcap")
    assert len(Recording(file).skeletons) == 3


def test_without_images_the_moments_are_those_of_the_keypoints(make_bag):
    recording = Recording(make_bag(frames=5, images=""))
    moments = list(recording.moments())
    assert len(moments) == 5
    assert all(moment.image is None and moment.skeletons for moment in moments)


def test_a_lost_answer_leaves_its_moment_without_skeletons(make_bag):
    moments = list(Recording(make_bag(frames=5, lost=(2,))).moments())
    assert [moment.skeletons is None for moment in moments] == [False, False, True, False, False]


def test_two_cameras_need_a_namespace(make_bag):
    path = make_bag(frames=3, images="", namespaces=("/left", "/right"))
    with pytest.raises(InputError, match="/left/keypoints, /right/keypoints"):
        Recording(path)
    assert len(Recording(path, namespace="/right").keypoints) == 3


def test_what_is_no_bag_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Recording(tmp_path / "absent")
    with pytest.raises(InputError, match="expected a rosbag2"):
        Recording(tmp_path)
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"not an mcap file, but long enough to look like one" * 10)
    with pytest.raises(InputError, match=r"broken\.mcap.*cannot read"):
        Recording(broken)


def test_a_bag_without_our_messages_names_what_it_holds(make_bag, tmp_path):
    path = make_bag(frames=0, name="empty")
    with pytest.raises(InputError, match=r"neither 2D keypoints nor skeletons.*no topics"):
        Recording(path)

"""Messages to border types and back."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from builtin_interfaces.msg import Time
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo

from pose3d_ros.core import formats
from pose3d_ros.core.errors import CameraError, InputError
from pose3d_ros.core.types import Hand3D, JointState, Keypoints2D, Method, Person2D, Person3D, Skeletons3D, TrackState
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.ros import conversions as c

RNG = np.random.default_rng(3)


def person3d(xyz_m: np.ndarray | None = None, id: str = "anna") -> Person3D:
    xyz_m = RNG.normal(size=(17, 3)) if xyz_m is None else xyz_m
    return Person3D(id, 4, "h36m17", xyz_m, np.full(17, 0.03), np.tile([1, 2], 9)[:17], TrackState.LOST)


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789])
def test_stamps_round_trip_to_the_nanosecond(stamp_ns):
    assert c.stamp_to_ns(c.stamp_from_ns(stamp_ns)) == stamp_ns


@pytest.mark.parametrize("name", formats.names())
def test_keypoints_of_every_format_round_trip(name):
    count = len(formats.get(name))
    xy_px = RNG.uniform(0, 1000, (count, 2)).astype(np.float32)
    xy_px[0] = np.nan
    side = "left" if name == "hand21" else ""
    person = Person2D(name, xy_px, RNG.uniform(size=count), "id7", side)
    frame = Keypoints2D(12_345_678_901, (person,), "camera", 640, 480)
    back, reasons = c.keypoints_from_msg(c.keypoints_to_msg(frame))
    assert reasons == []
    assert (back.stamp_ns, back.frame_id, back.width, back.height) == (12_345_678_901, "camera", 640, 480)
    (got,) = back.people
    assert (got.format, got.id, got.side) == (name, "id7", side)
    np.testing.assert_array_equal(got.xy_px, person.xy_px)
    np.testing.assert_array_equal(got.score, person.score)


def test_reasons_name_the_person_and_the_fault():
    frame = Keypoints2D(0, (Person2D("h36m17", np.zeros((17, 2)), np.ones(17), "anna"),))
    msg = c.keypoints_to_msg(frame)
    msg.people[0].format = "coco99"
    back, (reason,) = c.keypoints_from_msg(msg)
    assert back.people == ()
    assert "person 0 (id 'anna')" in reason
    assert "coco99" in reason
    assert "h36m17" in reason  # what exists instead


def test_a_stamp_before_1970_is_refused():
    msg = c.keypoints_to_msg(Keypoints2D(0, ()))
    msg.header.stamp = Time(sec=-5)
    with pytest.raises(InputError, match="stamp_ns"):
        c.keypoints_from_msg(msg)


def test_skeletons_and_hands_round_trip():
    xyz_m = RNG.normal(size=(21, 3)).astype(np.float32)
    hand = Hand3D(
        "anna", 4, "right", xyz_m[0], np.array([0.5, 0.5, 0.5, 0.5], np.float32), xyz_m, np.full(21, 0.01, np.float32),
        np.ones(21, np.uint8), RNG.normal(size=20).astype(np.float32), 0.07, np.linspace(0, 1, 5, dtype=np.float32),
        Method.EXTPOSE,
    )  # fmt: skip
    result = Skeletons3D(7_000_000_009, "camera", (person3d(),), (hand,))
    back = c.skeletons_from_msg(c.skeletons_to_msg(result), c.hands_to_msg(result))
    assert (back.stamp_ns, back.frame_id) == (7_000_000_009, "camera")
    for sent, got in ((result.people[0], back.people[0]), (hand, back.hands[0])):
        for name, value in vars(sent).items():
            np.testing.assert_array_equal(getattr(got, name), np.asarray(value, getattr(value, "dtype", None)), name)


def test_hand_joints_in_the_wrist_frame_do_not_depend_on_where_the_hand_is():
    shape_m = RNG.normal(size=(21, 3)).astype(np.float32) * 0.05
    found = []
    for turn, at in ((Rotation.identity(), (0, 0, 0)), (Rotation.from_rotvec((0.3, -2, 1)), (0.4, 0.1, 2.0))):
        xyz_m = (turn.apply(shape_m) + at).astype(np.float32)
        hand = Hand3D(
            "", 0, "left", np.array(at, np.float32), turn.as_quat().astype(np.float32), xyz_m, np.ones(21), np.ones(21),
            np.zeros(20), 0.0, np.zeros(5),
        )  # fmt: skip
        found.append(np.reshape(c.hand_to_msg(hand).xyz_wrist_m, (21, 3)))
    np.testing.assert_allclose(found, [shape_m, shape_m], atol=1e-6)


def test_quaternion_order():
    assert (c.quaternion((0.1, 0.2, 0.3, 0.9)).x, c.quaternion((0.1, 0.2, 0.3, 0.9)).w) == (0.1, 0.9)


K = np.array([[600.0, 0, 310], [0, 590, 250], [0, 0, 1]])
CAMERAS = [
    Camera.from_fov(640, 480, 60.0),
    Camera(K, np.array([-0.3, 0.1, 0.001, 0, 0]), "plumb_bob", 640, 480),
    Camera(K, np.full(8, 0.01), "rational_polynomial", 640, 480),
    Camera(K, np.full(4, 0.01), "equidistant", 640, 480),
    Camera(K, np.zeros(4), "equidistant", 640, 480),
]  # fmt: skip


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: f"{camera.distortion_model or 'ideal'}{camera.D.any()}")
def test_cameras_round_trip(camera):
    assert c.camera_from_msg(c.camera_to_msg(camera)) == camera


def test_undistorted_camera_may_have_any_model_name():
    msg = c.camera_to_msg(CAMERAS[0])
    msg.distortion_model, msg.d = "none", [0.0] * 7
    assert c.camera_from_msg(msg) == CAMERAS[0]


def test_fresh_camera_info_is_not_calibrated():
    with pytest.raises(CameraError, match="calibrate"):
        c.camera_from_msg(CameraInfo(width=640, height=480))


def test_definition_speaks_by_index_into_its_joints():
    msg = c.definition_to_msg(formats.get("hand21"))
    assert len(msg.joints) == 21
    assert msg.parents[0] == -1
    assert len(msg.extra_bones) % 2 == 0


def upright(turn: Rotation, at) -> Person3D:
    """A person in the camera frame who looks along x of their own frame (x forward, y left, z up)."""
    skeleton = formats.get("h36m17")
    own = np.zeros((17, 3))
    own[skeleton.index("left_hip")] = (0, 0.15, 0)
    own[skeleton.index("right_hip")] = (0, -0.15, 0)
    own[skeleton.index("thorax")] = (0, 0, 0.5)
    return person3d(turn.apply(own) + at)


def test_body_frame_is_x_out_of_the_chest_and_z_to_the_head():
    # facing the camera: x (chest) = -z of the camera, z (head) = -y of the camera, hence y (left) = +x of the camera
    facing = Rotation.from_matrix(np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]]))
    person = upright(facing, (0.5, 0.2, 3.0))
    transform = c.body_transform(person, formats.get("h36m17"), Skeletons3D(5, "camera", (person,)))
    assert (transform.header.frame_id, transform.child_frame_id) == ("camera", "body_anna")
    at, q = transform.transform.translation, transform.transform.rotation
    np.testing.assert_allclose((at.x, at.y, at.z), (0.5, 0.2, 3.0), atol=1e-6)
    found = Rotation.from_quat((q.x, q.y, q.z, q.w))
    np.testing.assert_allclose(found.as_matrix(), facing.as_matrix(), atol=1e-6)


def test_no_body_frame_without_hips():
    person = upright(Rotation.identity(), (0, 0, 3.0))
    state = person.state.copy()
    state[formats.get("h36m17").index("left_hip")] = JointState.INVALID
    person = Person3D("", 9, "h36m17", person.xyz_m, person.sigma_m, state)
    assert c.body_transform(person, formats.get("h36m17"), Skeletons3D(5, "camera", (person,))) is None
    assert c.body_frame(person) == "body_9"

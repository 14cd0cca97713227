import json

import cv2
import numpy as np
import pytest

from pose3d_ros.core.types import JointState
from pose3d_ros.lab.viewing import overlay, render
from pose3d_ros.lab.viewing.bag import HandView, Recording
from pose3d_ros.lab.viewing.report import report
from pose3d_ros.lab.viewing.scene import Scene
from pose3d_ros.lab.viewing.viewer import Viewer, fit

KEYS = {"rate_hz", "latency_ms", "people", "share_inferred", "lost_messages"}


def test_report_counts_what_the_bag_holds(make_bag):
    numbers = report(Recording(make_bag(frames=12, lost=(3, 7))))
    assert set(numbers) == KEYS
    assert numbers["latency_ms"] == {"p50": 5.0, "p95": 5.0, "p99": 5.0}
    assert numbers["people"] == 1
    assert numbers["share_inferred"] == round(2 / 17, 4)
    assert numbers["lost_messages"] == 2
    assert numbers["rate_hz"] == pytest.approx(9 / (11 / 30), abs=0.01)


def test_report_believes_the_sender_about_what_was_lost(make_bag):
    recording = Recording(make_bag(frames=4))
    assert report(recording, [*recording.keypoints, 5, 6])["lost_messages"] == 2


def test_report_without_skeletons_claims_nothing(make_bag):
    numbers = report(Recording(make_bag(frames=4, skeletons=False)))
    assert numbers == {
        "rate_hz": None, "latency_ms": {"p50": None, "p95": None, "p99": None}, "people": 0, "share_inferred": None,
        "lost_messages": None,
    }  # fmt: skip


@pytest.mark.parametrize("images", ["compressed", ""])
def test_view_writes_video_sheet_and_report(make_bag, tmp_path, images):
    written = render.view(Recording(make_bag(frames=6, images=images)), tmp_path / "out")
    assert json.loads(written.report.read_text()) == written.numbers
    assert set(written.numbers) == KEYS
    video = cv2.VideoCapture(str(written.video))
    count = 0
    while (read := video.read())[0]:
        assert read[1].shape == (render.HEIGHT, render.WIDTH, 3)
        assert read[1].std() > 10
        count += 1
    assert count == 6
    sheet = cv2.imread(str(written.sheet))
    assert sheet.shape[1] == 2 * round(render.WIDTH * render.SHEET_SCALE)


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_short_bags_have_a_sheet_too(make_bag, tmp_path, frames):
    written = render.view(Recording(make_bag(frames=frames)), tmp_path / "out")
    assert cv2.imread(str(written.sheet)) is not None


def drawn(states: dict[int, int]) -> np.ndarray:
    """A straight chain of h36m17's right leg on a blank page; the other joints are invalid."""
    xy = np.full((17, 2), np.nan)
    xy[[1, 2, 3]] = [[20, 50], [100, 50], [180, 50]]
    state = np.zeros(17, np.uint8)
    for joint, value in states.items():
        state[joint] = value
    page = np.zeros((100, 200, 3), np.uint8)
    overlay.skeleton(page, xy, state, "h36m17")
    return page


def test_seen_and_inferred_joints_are_drawn_differently():
    seen, inferred = JointState.MEASURED, JointState.INFERRED
    solid, dashed = drawn({1: seen, 2: seen, 3: seen}), drawn({1: seen, 2: inferred, 3: inferred})
    # between the last two joints: without a gap, and with gaps
    assert (solid[50, 110:170].max(axis=1) > 200).all()
    assert (dashed[50, 110:170].max(axis=1) < 30).sum() >= 8
    assert (dashed[50, 110:170].max(axis=1) > 150).any()
    # the joint itself: filled in colour, and hollow
    assert solid[50, 180].max() > 200
    assert dashed[50, 180].max() < 60
    # the first joint was seen in both
    assert (solid[50, 20] == dashed[50, 20]).all()


def test_invalid_joints_are_not_drawn():
    page = drawn({1: JointState.MEASURED, 2: JointState.INVALID, 3: JointState.INVALID})
    assert page[:, 40:].max() == 0
    assert page[50, 20].max() > 200


def test_overlay_puts_joints_where_the_camera_sees_them(make_bag):
    recording = Recording(make_bag(frames=1))
    (moment,) = recording.moments()
    image = overlay.draw(moment, recording.camera, (640, 480), recording.size)
    pelvis = (recording.camera.project(moment.skeletons.people[0].xyz_m[0]) + 0.5) * 2 - 0.5
    x, y = pelvis.round().astype(int)
    assert image[y, x].min() > 200  # white, on a red image
    assert image[5, 5, 2] > 100 > image[5, 5, :2].max()


def test_hands_are_drawn_over_the_image_in_their_sides_colour(make_bag):
    recording = Recording(make_bag(frames=1))
    (moment,) = recording.moments()
    xyz_m = np.column_stack((np.linspace(-0.4, 0.4, 21), np.full((21, 2), (0.5, 2.0))))
    hands = tuple(HandView(1, side, xyz_m, np.ones(21, np.uint8)) for side in ("left", "right"))
    bare = overlay.draw(moment._replace(hands=()), recording.camera, (640, 480), recording.size).astype(int)
    left, right = (
        overlay.draw(moment._replace(hands=(hand,)), recording.camera, (640, 480), recording.size) for hand in hands
    )
    assert (left != bare).any(2).sum() > 100
    changed = (left != bare).any(2) & (right != bare).any(2)
    assert (left[changed].mean(0) - right[changed].mean(0))[2] > 40  # orange against blue, BGR
    away = overlay.draw(moment._replace(hands=hands), None, (640, 480), recording.size)
    np.testing.assert_array_equal(away, overlay.draw(moment._replace(hands=()), None, (640, 480), recording.size))


def test_viewer_sees_the_whole_box_and_not_much_more():
    box, size = np.array([[-1.0, -1.5, 0.0], [1.0, 0.5, 4.0]]), (400, 600)
    target, distance_m = fit(box, (20.0, 60.0), 15.0, size)
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
    shares = []
    for azimuth in (20.0, 60.0):
        xy, depth = Viewer.orbit(target, azimuth, 15.0, distance_m, size).project(corners)
        assert (depth > 0).all()
        shares.append((np.ptp(xy, axis=0) / size).max())
    assert 0.8 < max(shares) <= 1


def test_viewer_from_the_side_has_up_at_the_top_and_near_things_at_the_left():
    viewer = Viewer.orbit(np.zeros(3), 90.0, 0.0, 5.0, (400, 400))
    centre, above, farther_from_camera = viewer.project(np.array([[0, 0, 0], [0, -1, 0], [0, 0, 1.0]]))[0]
    assert above[1] < centre[1]
    assert abs(above[0] - centre[0]) < 1e-6
    assert farther_from_camera[0] > centre[0]
    assert np.isnan(viewer.project(np.array([9.0, 0, 0]))[0]).all()  # behind the viewer


def test_scene_stands_on_the_floor_under_the_ankles(make_bag):
    recording = Recording(make_bag(frames=3))
    scene = Scene(recording.camera, recording.skeletons.values())
    assert scene.floor_m == pytest.approx(0.98, abs=0.01)
    assert scene.box[0, 2] < 0 < 2.5 < scene.box[1, 2]  # the camera and the person

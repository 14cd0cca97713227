"""Answers of networks made by hand."""

import numpy as np
import pytest

from pose3d_ros.detectors import decoders
from pose3d_ros.detectors.letterbox import Letterbox
from pose3d_ros.detectors.networks import ModelError
from pose3d_ros.detectors.top_down import about, to_image_matrix

BOX = Letterbox((200, 100), (100, 100))  # half size, 25 rows of border above and below
JOINTS = np.arange(51, dtype=np.float32).reshape(17, 3)


def in_image(xy):
    return (np.asarray(xy) + np.array((0.5, -24.5))) * 2 - 0.5


def test_rtmo_joins_joints_and_scores_of_people():
    dets = np.float32([[[0, 0, 9, 9, 0.9], [0, 0, 9, 9, 0.01]]])
    joints = np.stack([JOINTS, JOINTS + 1])[None] / 60
    (body,) = decoders.bodies(*decoders.rtmo([dets, joints]), BOX)
    assert (body.format, body.confidence) == ("coco17", pytest.approx(0.9))
    np.testing.assert_allclose(body.xy_px, in_image(JOINTS[:, :2] / 60), atol=1e-5)
    np.testing.assert_allclose(body.score, JOINTS[:, 2] / 60)


@pytest.mark.parametrize("suppressing", [False, True])
def test_yolo_is_read_either_way_round(suppressing):
    head = [1, 2, 3, 4, 0.7, *([0] if suppressing else [])]
    row = np.float32([*head, *JOINTS.ravel()])
    array = np.stack([row, row * 0])[None]
    joints, confidence = decoders.yolo_pose([array if suppressing else array.transpose(0, 2, 1)])
    np.testing.assert_array_equal(joints[0], JOINTS)
    np.testing.assert_allclose(confidence, [0.7, 0])


def test_simcc_takes_the_brightest_bins_and_the_lower_score():
    x, y = np.zeros((1, 17, 200), np.float32), np.zeros((1, 17, 100), np.float32)
    x[0, :, 31], y[0, :, 80] = 0.9, 0.4
    xy, score = decoders.simcc([x, y])
    assert (xy == (15.5, 40)).all()
    np.testing.assert_allclose(score, 0.4)


def test_boxes_of_people_only_each_once():
    dets = np.float32([[[10, 40, 30, 60, 0.8], [11, 40, 30, 60, 0.7], [60, 30, 80, 70, 0.9], [0, 0, 99, 99, 0.99]]])
    corners, score = decoders.boxes([dets, np.array([[0, 0, 0, 7]])], BOX)
    np.testing.assert_allclose(score, [0.9, 0.8])
    np.testing.assert_allclose(corners[1], [(20 - 0.5, 30 - 0.5), (60 - 0.5, 70 - 0.5)])  # edges stay edges
    assert not decoders.boxes_of_yolo([dets])


def test_boxes_of_raw_yolo():
    rows = np.zeros((1, 84, 30), np.float32)
    rows[0, :5, 3] = (20, 50, 20, 20, 0.8)
    rows[0, :4, 4], rows[0, 10, 4] = (20, 50, 20, 20), 0.9  # of class 6
    corners, score = decoders.boxes([rows], BOX)
    assert decoders.boxes_of_yolo([rows])
    np.testing.assert_allclose(score, [0.8])
    np.testing.assert_allclose(corners[0], [(19.5, 29.5), (59.5, 69.5)])


@pytest.mark.parametrize(
    ("read", "shapes"),
    [
        (decoders.rtmo, [(1, 5, 5)]),
        (decoders.rtmo, [(1, 5, 4), (1, 5, 17, 3)]),
        (decoders.yolo_pose, [(1, 84, 8400)]),
        (decoders.yolo_pose, [(1, 300, 57), (1, 2, 3)]),
        (decoders.simcc, [(1, 17, 384)]),
        (decoders.simcc, [(1, 17, 384), (1, 26, 512)]),
    ],
)
def test_answers_of_another_family_are_refused(read, shapes):
    with pytest.raises(ModelError, match="expected"):
        read([np.zeros(shape, np.float32) for shape in shapes])


def test_only_known_numbers_of_joints():
    assert [decoders.format_of(count) for count in (17, 26, 133)] == ["coco17", "halpe26", "coco_wholebody133"]
    with pytest.raises(ModelError, match="got 21"):
        decoders.format_of(21)


def test_the_box_of_a_crop_has_the_inputs_aspect_and_its_middle_stays():
    corners = np.array([(100.0, 50.0), (140.0, 250.0)])
    matrix = to_image_matrix(corners, (192, 256))
    np.testing.assert_allclose(matrix @ (96, 128, 1), corners.mean(axis=0))
    np.testing.assert_allclose(matrix @ (96, 256, 1), (120, 150 + 200 * 1.25 / 2))
    assert matrix[0, 0] == matrix[1, 1]


def test_a_followed_persons_box_is_about_the_joints_that_show():
    body = decoders.bodies(JOINTS[None].astype(float), np.array([0.9]), BOX)[0]
    assert about(body, 2.0) is None
    np.testing.assert_allclose(about(body, 0.5)[0], body.xy_px.min(axis=0))

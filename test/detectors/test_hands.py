import numpy as np
import pytest

from pose3d_ros.detectors.hands import DetectedHand, assign, without_duplicates

PALM_PX = 40.0
BODY_PX = np.array([200.0])
WRISTS = np.array([[[400.0, 300.0], [200.0, 300.0]]])  # left, right


def hand(wrist, side="left", score=0.9, palm=PALM_PX):
    xy_px = np.tile(np.asarray(wrist, float), (21, 1))
    xy_px[1:, 1] -= palm
    return DetectedHand(xy_px, score, side)


def test_the_nearest_wrist_overrules_a_wrong_label():
    found = assign([hand((405, 302), "right"), hand((196, 300), "left")], WRISTS, BODY_PX)
    assert sorted((person, side, tuple(h.xy_px[0])) for person, side, h in found) == [
        (0, "left", (405.0, 302.0)),
        (0, "right", (196.0, 300.0)),
    ]


def test_the_label_decides_where_the_wrists_are_together():
    together = np.array([[[300.0, 300.0], [306.0, 300.0]]])
    found = assign([hand((303, 300), "right")], together, BODY_PX)
    assert [side for _, side, _ in found] == ["right"]


def test_a_wrist_gets_one_hand_only():
    near, farther = hand((400, 300)), hand((430, 360))
    found = assign([farther, near], WRISTS, BODY_PX)
    assert [(side, h) for _, side, h in found] == [("left", near)]


def test_hands_of_two_people_go_to_their_owners():
    wrists = np.array([WRISTS[0], WRISTS[0] + (600, 0)])
    found = assign([hand((1001, 300)), hand((199, 300), "right")], wrists, np.repeat(BODY_PX, 2))
    assert {(person, side) for person, side, _ in found} == {(1, "left"), (0, "right")}


@pytest.mark.parametrize("stranger", [hand((900, 300)), hand((400, 300), palm=90.0)])
def test_far_and_oversized_hands_are_dropped(stranger):
    assert assign([stranger], WRISTS, BODY_PX) == []


def test_a_body_without_wrists_takes_hands_by_label():
    found = assign([hand((10, 10), "right")], np.full((1, 2, 2), np.nan), BODY_PX)
    assert [(person, side) for person, side, _ in found] == [(0, "right")]


def test_without_bodies_hands_stay_with_their_label():
    found = assign([hand((10, 10), "left"), hand((300, 10), "left", 0.5)], np.zeros((0, 2, 2)), np.zeros(0))
    assert [(person, side, h.score) for person, side, h in found] == [(-1, "left", 0.9)]


def test_of_two_detections_of_one_hand_the_surer_stays():
    kept = without_duplicates([hand((100, 100), score=0.6), hand((105, 100), "right", 0.8)])
    assert [h.score for h in kept] == [0.8]

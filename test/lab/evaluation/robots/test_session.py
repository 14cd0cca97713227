"""Numbers and images of a session whose commands are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from test.control.people import SIDES, frame, hand3d, person, recorded_hands

pytest.importorskip("dexi_rs", reason="needs dexi-rs, of the extra `control`")
pytest.importorskip("mujoco", reason="needs mujoco, of the extra `control`")

from pose3d_ros.control.config import load
from pose3d_ros.control.robots import driver
from pose3d_ros.lab.evaluation.robots.session import Told, drive_here, report
from pose3d_ros.lab.viewing import robot_movie

COUNT, FIRST, GONE = 40, 5, slice(20, 30)
LATENCY_NS = 7_000_000


@pytest.fixture
def recording():
    """A person with both hands, whose right hand is gone for ten frames."""
    results = []
    for number in range(COUNT):
        gone = number in range(COUNT)[GONE]
        hands = [hand3d(recorded_hands()[side][number], side) for side in SIDES if not (gone and side == "right")]
        results.append(frame(number, person((0.0, 0.0, 0.6)), *hands))
    skeletons = {result.stamp_ns: result for result in results}
    arrivals = {stamp: stamp + 1_000_000 for stamp in skeletons}
    return SimpleNamespace(skeletons=skeletons, arrivals_ns={"keypoints": arrivals, "skeletons": arrivals})


@pytest.fixture
def told(recording):
    """What a LEAP hand was told, as it is driven here."""
    robot, driven = drive_here("leap:right", recording)
    commands = {}
    for stamp, position, commanded in zip(driven.stamps_ns, driven.position_rad, driven.commanded, strict=True):
        if commanded:
            joints = dict(zip(robot.published_names, position, strict=True))
            commands[int(stamp)] = recording.arrivals_ns["keypoints"][int(stamp)] + LATENCY_NS, joints
    return {"leap_right": Told(commands, [(0, "no input"), (10, ""), (20, "the hand is lost")])}


def test_numbers_of_a_session(recording, told):
    numbers = report(recording, told, {"leap_right": "leap:right"}, ["allegro:right"])
    assert numbers["latency_ms"] == {"p50": 7.0, "p95": 7.0, "p99": 7.0}
    over_dds, here = numbers["hands"]["leap_right"], numbers["hands"]["allegro_right"]
    assert over_dds["finite"]
    assert here["finite"]
    assert over_dds["joint_speed_rad_s"]["max"] <= 8.48
    assert here["joint_speed_rad_s"]["max"] <= 3.1400001
    assert 0 < over_dds["tip_error_mm"] < 40
    assert numbers["stops"] == over_dds["stops"] == 1
    assert numbers["holds"] == over_dds["holds"] >= 10
    assert numbers["reasons"] == {"leap_right": ["no input", "the hand is lost"]}
    assert numbers["over_dds"] == ["leap_right"]


def test_the_status_at_a_time(told):
    status = told["leap_right"].status_at
    assert [status(at) for at in (-1, 5, 15, 25)] == ["", "no input", "", "the hand is lost"]


def test_a_hand_is_drawn_as_it_was_told(tmp_path, recording, told):
    path = tmp_path / "hand.xml"
    part = '<geom type="box" size=".02 .02 .02"/>'
    joints = "".join(f'<body pos="0 0 0.02"><joint name="{number}" axis="1 0 0"/>{part}</body>' for number in range(16))
    path.write_text(f"<mujoco><worldbody>{joints}</worldbody></mujoco>")
    robot = driver(load("leap:right"))
    drawn = robot_movie.Drawn(robot, robot_movie.RobotView(path, robot.names, points=2000), told["leap_right"])
    panel = robot_movie.Panel("leap_right", drawn)
    stamps = list(recording.skeletons)
    images = []
    for number in (0, 12, 25):
        moment = SimpleNamespace(stamp_ns=stamps[number], skeletons=recording.skeletons[stamps[number]])
        images.append(panel.draw(moment, recording.arrivals_ns["skeletons"][stamps[number]]))
    assert all(image.shape == (robot_movie.HAND_PX, robot_movie.HAND_PX, 3) for image in images)
    before, driven, held = (np.asarray(image, float) for image in images)
    assert np.abs(before - driven).mean() > 1
    assert (driven[:280] < 100).sum() > 0
    assert held[:280].min() > driven[:280].min(), "paler while it holds still"

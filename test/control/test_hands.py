"""Robot hands through dexi-rs, driven by recorded hands."""

import sys

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from pose3d_ros.control import config, gate
from pose3d_ros.control.assets import locate
from pose3d_ros.control.driver import HandDriver
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.control.hands import HandSolver, robot_axes
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.core.types import JointState
from test.control.people import RATE_HZ, changed, frame, hand3d

pytest.importorskip("dexi_rs", reason="needs dexi-rs, of the extra `control`")

HANDS = ("leap", "allegro", "shadow", "inspire", "ability")
ROBOTS = [f"{name}:{side}" for name in HANDS for side in ("right", "left")]


def closed() -> Followed:
    followed = Followed(FollowConfig())
    followed.close()
    return followed


def drive(driver: HandDriver, frames) -> list:
    """Commands, or None, for (frame number, hand or None)."""
    followed, commands = closed(), []
    for number, hand in frames:
        result = frame(number, *([hand] if hand else []))
        followed.update(result)
        commands.append(driver.push(result, followed))
    return commands


def within_limits(driver: HandDriver, commands: list) -> bool:
    rows = driver.published
    return all(
        (c.position_rad >= driver.limiter.low[rows]).all()
        and (c.position_rad <= driver.limiter.high[rows]).all()
        and (np.abs(c.velocity_rad_s) <= driver.limiter.speed[rows]).all()
        for c in commands
        if c
    )


@pytest.mark.parametrize("name", ROBOTS)
def test_recorded_hands_drive_every_robot_within_its_limits(name, recorded):
    driver = HandDriver(config.load(name))
    joints = recorded[driver.config.side][::2]
    commands = drive(driver, [(2 * i, hand3d(xyz, driver.config.side)) for i, xyz in enumerate(joints)])
    given = [c for c in commands if c]
    assert len(given) >= len(joints) - 4, driver.held
    assert np.isfinite([c.position_rad for c in given]).all()
    assert within_limits(driver, commands)
    assert given[0].names == driver.published_names


@pytest.mark.parametrize("name", ["leap:right", "shadow:left"])
def test_no_jump_through_a_second_of_occlusion(name, recorded):
    """The hand is gone for a second, carried on for part of it, and another posture is there when it comes back."""
    driver = HandDriver(config.load(name))
    side = driver.config.side
    before, after = recorded[side][10], recorded[side][-1] * [1, 1, 1.0]
    frames = [(i, hand3d(before, side)) for i in range(20)]
    frames += [(20 + i, hand3d(before, side, state=JointState.INFERRED)) for i in range(10)]
    frames += [(30 + i, None) for i in range(27)]
    frames += [(57 + i, hand3d(after.astype(np.float32), side)) for i in range(30)]
    commands = drive(driver, frames)
    assert not any(commands[20:57]), "nothing is commanded while the hand is not seen"
    assert driver.held[gate.INFERRED] == 10
    assert driver.stops == 1
    given = [c for c in commands[57:] if c]
    steps = np.diff([c.position_rad for c in [commands[19], *given]], axis=0) * RATE_HZ
    assert np.abs(steps).max() <= min(5.0, driver.config.limits.jump_rad_s) + 1e-6


def test_fingertips_reach_where_the_persons_are(recorded):
    driver = HandDriver(config.load("shadow:right"))
    solver, error_m = driver.solver, []
    for xyz in recorded["right"][::4]:
        palm = hand3d(xyz, "right")
        points = (xyz - xyz[0]) @ _axes(palm)
        error_m.append(np.linalg.norm(solver.tips(solver.solve(points)) - solver.wanted_tips(points), axis=1))
    assert np.mean(error_m) < 0.015


def _axes(hand) -> np.ndarray:
    return Rotation.from_quat(hand.quat_xyzw).as_matrix()


def test_axes_of_robot_hands():
    """Palm: x to the fingers, z out of the palm. Robots: z to the fingers, x out of the palm."""
    np.testing.assert_allclose(robot_axes(np.eye(3)), [[0, 0, 1], [0, -1, 0], [1, 0, 0]])
    assert np.linalg.det(robot_axes(np.eye(3))) == pytest.approx(1)


def test_a_thumb_that_bends_and_a_person_of_another_size_give_the_same_joints(recorded):
    solver = HandSolver(config.load("leap:right"))
    palm = (recorded["right"][20] - recorded["right"][20][0]) @ _axes(hand3d(recorded["right"][20], "right"))
    first = solver.solve(palm)
    solver.seed(np.zeros(16))
    solver.solve(palm)
    np.testing.assert_allclose(solver.wanted_tips(1.3 * palm), solver.wanted_tips(palm), rtol=1e-6)
    assert np.isfinite(first).all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": "leap.urdf"}, "its model is not there"),
        ({"model": "no_such_package:leap.urdf"}, "no_such_package .* is not installed: pip install"),
        ({"base": "elbow"}, "links elbow: not in its model, which has base, dip"),
        ({"joints": ["17"]}, "joints 17: not in its model"),
        ({"still": ["x"]}, "joints x: not in its model"),
        ({"tips": {"toe": "dip"}}, "fingers toe"),
        ({"tips": {"thumb": "thumb_tip_head"}}, "at least two fingers"),
        ({"limits": {"joint_speed_rad_s": {"99": 1.0}}}, "limits of 99"),
    ],
)
def test_a_robot_that_does_not_fit_its_model(change, text):
    values = yaml.safe_load((share_dir() / "config" / "robots" / "leap.yaml").read_text())
    values["variants"]["right"] |= change
    with pytest.raises(ConfigError, match=text):
        HandDriver(config.parse(values, "leap"))


def test_a_urdf_that_is_none(tmp_path):
    (tmp_path / "x.urdf").write_text("<robot>")
    robot = changed(config.load("leap:right"), model=str(tmp_path / "x.urdf"))
    with pytest.raises(ConfigError, match="is no URDF"):
        HandSolver(robot)


def test_a_library_that_is_not_installed(monkeypatch):
    robot = config.load("leap:right")
    robot = changed(robot, model=str(locate(robot.model, "leap")))
    monkeypatch.setitem(sys.modules, "dexi_rs", None)
    with pytest.raises(ConfigError, match=r"dexi is not installed .*pip install"):
        HandSolver(robot)


@pytest.mark.parametrize(
    "points", [np.zeros((21, 3)), np.full((21, 3), np.nan), np.random.default_rng(1).normal(size=(21, 3))]
)
def test_a_hand_that_is_none(points):
    with pytest.raises(InputError, match="expected a hand"):
        HandSolver(config.load("leap:right")).solve(points)


def test_joints_that_copy_others_stay_coupled(recorded):
    driver = HandDriver(config.load("inspire:right"))
    drive(driver, [(i, hand3d(xyz, "right")) for i, xyz in enumerate(recorded["right"][:40])])
    position = dict(zip(driver.names, driver.position_rad, strict=True))
    assert position["index_intermediate_joint"] == pytest.approx(1.06399 * position["index_proximal_joint"] - 0.04545)
    assert "index_intermediate_joint" not in driver.published_names


def test_it_starts_where_the_robot_is(recorded):
    driver = HandDriver(config.load("leap:right"))
    driver.start(dict.fromkeys(driver.published_names, 0.3))
    command = drive(driver, [(i, hand3d(recorded["right"][10], "right")) for i in range(6)])[-1]
    assert np.abs(command.position_rad - 0.3).max() <= 5.0 * 2 / RATE_HZ


@pytest.mark.parametrize("name", ["leap:right", "shadow:right", "inspire:right"])
def test_the_second_library_finds_the_same_joints(name, recorded):
    pytest.importorskip("dex_retargeting", reason="needs dex-retargeting, torch, six and pinocchio")
    found = []
    for library in ("dexi", "dex_retargeting"):
        driver = HandDriver(changed(config.load(name), library=library))
        commands = drive(driver, [(i, hand3d(xyz, "right")) for i, xyz in enumerate(recorded["right"][:40])])
        found.append(dict(zip(commands[-1].names, commands[-1].position_rad, strict=True)))
    assert found[0].keys() == found[1].keys()
    assert np.median([abs(found[0][joint] - found[1][joint]) for joint in found[0]]) < 0.05

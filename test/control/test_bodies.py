"""A G1 through mink and MuJoCo, driven by recorded people."""

import numpy as np
import pytest
import yaml

from test.control.people import changed, frame

pytest.importorskip("torch", reason="the sample of motion is read with torch")
pytest.importorskip("mink", reason="needs mink and mujoco, of the extra `control`")
pytest.importorskip("holosoma_retargeting", reason="needs the G1's model: make control")

from pose3d_ros.control import config, gate
from pose3d_ros.control.bodies import BodyDriver, BodySolver
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.core.types import JointState, Person3D, TrackState
from pose3d_ros.lab.synthesis import motion

SAMPLE = share_dir() / "test" / "data" / "motion_sample.npz"
BODY = formats.get("body24")
PELVIS = {"frame": "pelvis", "joint": "pelvis"}
# rows: x right, y down, z ahead, of a world with z up
OPTICAL = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.float32)


def person(xyz_m: np.ndarray, state: int = JointState.MEASURED, track_state=TrackState.TRACKED) -> Person3D:
    count = len(xyz_m)
    states, sigma_m = np.full(count, state, np.uint8), np.full(count, 0.03, np.float32)
    return Person3D("anna", 1, "h36m17", xyz_m, sigma_m, states, track_state)


@pytest.fixture(scope="session")
def people() -> np.ndarray:
    """(F, 17, 3) in the optical frame of a level camera, 30 Hz."""
    joints, root = motion.load([SAMPLE]).clip(0, 30.0)
    world = (joints + root[:, None]).numpy()
    return (world @ OPTICAL.T + np.array([0, 0, 4.0])).astype(np.float32)[:90]


@pytest.fixture(scope="session")
def whole() -> BodyDriver:
    return BodyDriver(config.load("g1:whole"))


@pytest.fixture
def driver(whole) -> BodyDriver:
    whole.forget()
    return whole


def drive(driver: BodyDriver, persons) -> list:
    followed, commands = Followed(FollowConfig()), []
    followed.close()
    for number, each in enumerate(persons):
        result = frame(number, *([each] if each else []))
        followed.update(result)
        commands.append(driver.push(result, followed))
    return commands


def test_it_stands_as_the_person_does(driver, people):
    commands = drive(driver, [person(xyz) for xyz in people])
    assert sum(c is not None for c in commands) >= len(people) - 5
    result = frame(len(people), person(people[-1]))
    wanted = driver.solver.targets(*driver.body24(result, result.people[0]))
    found = driver.solver.frames(driver.position_rad)
    for wrist in ("left_wrist", "right_wrist", "left_ankle", "right_ankle"):
        assert np.linalg.norm(found[wrist][0] - wanted[wrist][0]) < 0.08, "it follows within the smoothing's lag"
    lean = np.degrees(np.arccos(np.clip(found["pelvis"][1][:, 2] @ wanted["pelvis"][1][:, 2], -1, 1)))
    assert lean < 5
    assert commands[-1].names == driver.solver.names
    assert np.linalg.norm(commands[-1].base_quat_xyzw) == pytest.approx(1)


def test_no_command_leaves_the_limits(driver, people):
    commands = [c for c in drive(driver, [person(xyz) for xyz in people]) if c]
    low, high, speed = driver.limiter.low, driver.limiter.high, driver.limiter.speed
    for command in commands:
        assert (command.position_rad >= low).all()
        assert (command.position_rad <= high).all()
        assert (np.abs(command.velocity_rad_s) <= speed).all()


def test_no_jump_through_a_second_in_which_half_the_body_is_hidden(driver, people):
    hidden = np.arange(17) >= 9
    persons = []
    for number, xyz in enumerate(people):
        each = person(xyz)
        if 25 <= number < 55:  # what is inferred is off, and comes back at once
            states = np.where(hidden, JointState.INFERRED, JointState.MEASURED).astype(np.uint8)
            off = np.where(hidden[:, None], np.float32(0.15), np.float32(0))
            each = changed(each, state=states, xyz_m=xyz + off)
        persons.append(each)
    commands = drive(driver, persons)
    speeds = [np.abs(c.velocity_rad_s).max() for c in commands[26:] if c]
    assert max(speeds) <= 5.0


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda xyz: person(xyz, JointState.INFERRED), gate.INFERRED),
        (lambda xyz: person(xyz, track_state=TrackState.LOST), gate.COASTING),
        (lambda xyz: person(xyz, track_state=TrackState.TENTATIVE), gate.NEW),
        (lambda xyz: changed(person(xyz), sigma_m=np.full(17, 0.5, np.float32)), gate.UNSURE),
    ],
)
def test_a_body_that_is_not_good_enough(driver, people, broken, reason):
    commands = drive(driver, [*(person(xyz) for xyz in people[:8]), broken(people[8])])
    assert commands[-2] is not None
    assert commands[-1] is None
    assert driver.reason == reason


def test_the_upper_body_alone_keeps_its_legs_and_faces_ahead(people):
    driver = BodyDriver(config.load("g1:upper"))
    turned = people @ np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], np.float32).T  # the person faces elsewhere
    found = []
    for persons in (people, turned + np.array([0, 0, 8], np.float32)):
        driver.forget()
        commands = drive(driver, [person(xyz) for xyz in persons[:30]])
        assert commands[-1].base_quat_xyzw is None
        assert not any("knee" in name for name in commands[-1].names)
        found.append(commands[-1].position_rad)
    np.testing.assert_allclose(*found, atol=0.02)


def test_a_person_of_another_size_gives_the_same_joints(driver, people):
    found = []
    for size in (1.0, 1.25):
        driver.forget()
        found.append(drive(driver, [person((size * xyz).astype(np.float32)) for xyz in people[:20]])[-1].position_rad)
    np.testing.assert_allclose(*found, atol=0.05)


def test_joints_that_are_not_finite(driver):
    with pytest.raises(InputError, match="expected finite"):
        driver.solver.solve(np.full((24, 3), np.nan), np.zeros((24, 4)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": "no_such_package:g1.xml"}, "is not installed: pip install"),
        ({"model": "g1.xml"}, "its model is not there"),
        ({"base": "hip"}, "frames hip: not in its model"),
        ({"tasks": [PELVIS, {"frame": "torso_link", "joint": "belly"}]}, "joints of body24 belly"),
        ({"tasks": [PELVIS, {"frame": "tail", "joint": "head"}]}, "frames tail"),
        ({"tasks": [{"frame": "torso_link", "joint": "spine3"}]}, "a first task for the pelvis"),
        ({"tasks": []}, "a first task for the pelvis"),
        ({"joints": ["left_wing_joint"]}, "joints left_wing_joint"),
        ({"rest_rad": {"left_wing_joint": 1.0}}, "joints left_wing_joint"),
        ({"limits": {}}, "no speed limit of"),
    ],
)
def test_a_robot_that_does_not_fit_its_model(change, text):
    values = yaml.safe_load((share_dir() / "config" / "robots" / "g1.yaml").read_text())
    values["variants"]["upper"] |= change
    with pytest.raises(ConfigError, match=text):
        BodySolver(config.parse(values, "g1", "upper")).limiter()


def test_a_model_that_is_none(tmp_path):
    (tmp_path / "x.xml").write_text("<mujoco>")
    with pytest.raises(ConfigError, match="MuJoCo refuses"):
        BodySolver(changed(config.load("g1:upper"), model=str(tmp_path / "x.xml")))

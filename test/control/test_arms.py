import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.control import config
from pose3d_ros.control.arms import ArmDriver
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.core.errors import ConfigError
from test.control.people import changed, frame, hand3d, person

HOME = np.array([0.4, 0.0, 0.4])


class Arm:
    def __init__(self, recorded, **changes):
        changes = {"smoothing": {}} | changes
        self.driver = ArmDriver(config.parse({"kind": "arm", **changes}, "arm"))
        self.hand, self.number = hand3d(recorded["right"][0], "right"), 0
        self.followed = Followed(FollowConfig())
        self.followed.close()
        self.at, self.turn = np.zeros(3), Rotation.identity()

    def push(self, entries=None):
        self.number += 1
        if entries is None:
            turned = (self.turn * Rotation.from_quat(self.hand.quat_xyzw)).as_quat().astype(np.float32)
            wrist = (self.hand.wrist_m + self.at).astype(np.float32)
            entries = (person(), changed(self.hand, wrist_m=wrist, quat_xyzw=turned))
        result = frame(self.number, *entries)
        self.followed.update(result)
        return self.driver.push(result, self.followed)

    def rest(self, count):
        return [self.push() for _ in range(count)][-1]


def test_optical_axes_become_those_of_the_base(recorded):
    """To the right, down and away from the camera: -y, -z and x of a base that looks the same way."""
    for optical, base in (((0.1, 0, 0), (0, -0.1, 0)), ((0, 0.1, 0), (0, 0, -0.1)), ((0, 0, 0.1), (0.1, 0, 0))):
        arm = Arm(recorded)
        start = arm.rest(10)
        np.testing.assert_allclose(start.xyz_m, HOME)
        arm.at = np.array(optical)
        end = arm.rest(60)
        np.testing.assert_allclose(end.xyz_m - HOME, base, atol=1e-5)
        assert end.frame == "base_link"


def test_scale_workspace_and_speed(recorded):
    arm = Arm(recorded, scale=2.0, speed_m_s=0.25)
    arm.rest(10)
    arm.at = np.array([0, 0, 5.0])
    commands = [arm.push() for _ in range(120)]
    speeds = [np.linalg.norm(c.linear_m_s) for c in commands]
    assert max(speeds) <= 0.25 + 1e-9
    np.testing.assert_allclose(commands[-1].xyz_m, [0.8, 0, 0.4], atol=1e-9)
    np.testing.assert_allclose(np.sum([c.linear_m_s for c in commands], 0) / 37, commands[-1].xyz_m - HOME, atol=1e-6)


def test_the_tool_turns_with_the_palm(recorded):
    arm = Arm(recorded, turn_rad_s=10.0)
    arm.rest(10)
    arm.turn = Rotation.from_rotvec([0, 0.4, 0])  # about the optical y: down, so the base's -z
    end = arm.rest(60)
    np.testing.assert_allclose(Rotation.from_quat(end.quat_xyzw).as_rotvec(), [0, 0, -0.4], atol=1e-5)
    still = Arm(recorded, turns=False)
    still.rest(10)
    still.turn = arm.turn
    np.testing.assert_allclose(still.rest(30).quat_xyzw, [0, 0, 0, 1], atol=1e-9)


def test_nothing_is_caught_up_after_the_hand_was_lost(recorded):
    arm = Arm(recorded)
    arm.rest(10)
    arm.at = np.array([0.05, 0, 0])
    before = arm.rest(60)
    assert [arm.push((person(),)) for _ in range(20)] == [None] * 20
    halt = arm.driver.halt()
    assert not halt.linear_m_s.any()
    assert not halt.angular_rad_s.any()
    arm.at = np.array([0.3, 0.2, 0])
    after = arm.rest(30)
    np.testing.assert_allclose(after.xyz_m, before.xyz_m, atol=1e-6)
    arm.at[1] += 0.05
    np.testing.assert_allclose(arm.rest(60).xyz_m - before.xyz_m, [0, 0, -0.05], atol=1e-5)


def test_it_starts_where_the_tool_is(recorded):
    arm = Arm(recorded)
    arm.driver.start(np.array([0.5, 0.1, 0.3]), np.array([0, 0, 1.0, 0]))
    np.testing.assert_allclose(arm.rest(10).xyz_m, [0.5, 0.1, 0.3])


@pytest.mark.parametrize(
    "change", [{"home_xyz_m": [3, 0, 0]}, {"low_xyz_m": [1, 1, 1]}, {"home_quat_xyzw": [0, 0, 0, 0]}]
)
def test_an_arm_that_cannot_be(change):
    with pytest.raises(ConfigError, match="home"):
        ArmDriver(config.parse({"kind": "arm", **change}, "arm"))

"""The retarget node over real DDS: a LEAP hand and an arm."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from pose3d_ros.control import follow, gate
from pose3d_ros.msg import Hand3DArray, Skeleton3DArray
from pose3d_ros.ros import conversions, qos
from pose3d_ros.ros.retarget_node import UNTOLD, RetargetNode
from test.control.people import changed, frame, hand3d, person, recorded_hands

pytest.importorskip("dexi_rs", reason="needs dexi-rs, of the extra `control`")
LEAP = "leap_right"


class World:
    """The node, active, with a peer that publishes frames at 37 Hz of their own time."""

    def __init__(self, ros, robots=("leap:right",), active=True, **parameters):
        given = {"robots": list(robots), "recorded": True, "silent_s": 5.0, "clutch_closed": True} | parameters
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        self.ros, self.number = ros, 0
        self.node = ros.add(RetargetNode(context=ros.context, parameter_overrides=overrides))
        self.status = {name.replace(":", "_"): self._status(name.replace(":", "_")) for name in robots}
        if active:
            assert self.node.trigger_configure().name == "SUCCESS", self.node.last_error
            assert self.node.trigger_activate().name == "SUCCESS", self.node.last_error
            self.skeletons = ros.publisher(Skeleton3DArray, "skeletons", 10)
            self.hands = ros.publisher(Hand3DArray, "hands", 10)

    def _status(self, name):
        return self.ros.inbox(String, f"{name}/status", qos.latched(1))

    def send(self, *entries, step=1, **more):
        self.number += step
        result = frame(self.number, *entries, **more)
        self.skeletons.publish(conversions.skeletons_to_msg(result))
        self.hands.publish(conversions.hands_to_msg(result))

    def send_until(self, told, entries, name=LEAP):
        """Sends frames until the status is `told`."""

        def ready() -> bool:
            self.send(*entries)
            return bool(self.status[name].items) and self.status[name].items[-1].data == told

        self.ros.until(ready, f"status {told!r}, not {self.status[name].items[-1:]}")

    def call(self, closed: bool):
        return self.ros.call(SetBool, "retarget/clutch", SetBool.Request(data=closed))


@pytest.fixture
def entries():
    return person(), *(hand3d(joints[5], side) for side, joints in recorded_hands().items())


def test_a_hand_drives_a_leap_hand(ros, entries):
    world = World(ros)
    joints, trajectories = (
        ros.inbox(JointState, f"{LEAP}/joint_command"),
        ros.inbox(JointTrajectory, f"{LEAP}/joint_trajectory"),
    )
    ros.until(lambda: world.node.count_subscribers(f"/{LEAP}/joint_trajectory"), "the inbox")
    world.send_until("", entries)
    for _ in range(5):
        world.send(*entries)
    command = joints.wait(1)[0]
    assert command.name == [str(number) for number in range(16)]
    assert np.isfinite(command.position).all()
    assert len(command.velocity) == 16
    trajectory = trajectories.wait(1)[0]
    assert trajectory.joint_names == command.name
    assert len(trajectory.points) == 1
    assert trajectory.points[0].time_from_start.nanosec == 50_000_000
    assert (trajectory.header.stamp.sec, trajectory.header.stamp.nanosec) == (0, 0), "now"


def test_nothing_moves_before_the_clutch_is_closed_and_after_it_is_opened(ros, entries):
    world = World(ros, clutch_closed=False)
    joints = ros.inbox(JointState, f"{LEAP}/joint_command")
    world.send_until(follow.OPEN, entries)
    assert world.call(True).success
    world.send_until("", entries)
    assert world.call(False).message == "clutch open"
    world.send_until(follow.OPEN, entries)
    count = len(joints)
    for _ in range(5):
        world.send(*entries)
    world.send_until(follow.OPEN, entries)
    assert len(joints) == count


def test_it_holds_and_says_why(ros, entries):
    world = World(ros)
    body, left, right = entries
    world.send_until("", entries)
    told = ros.inbox(DiagnosticArray, "/diagnostics")
    world.send_until(gate.HAND_LOST, (body, left))
    world.send_until(follow.EXCHANGED, (changed(body, id="bert"), left, right))
    status = told.wait_for(lambda m: any(follow.EXCHANGED in s.message for s in m.status))
    values = {entry.key: entry.value for s in status.status for entry in s.values}
    assert values[f"{LEAP}: now"] == follow.EXCHANGED
    assert gate.HAND_LOST in values[f"{LEAP}: holds"]


def test_messages_that_cannot_be_read_hold(ros, entries):
    world = World(ros)
    world.send_until("", entries)
    broken = conversions.hands_to_msg(frame(world.number + 1, *entries))
    for hand in broken.hands:
        hand.xyz_m = [0.0] * 7
    world.number += 1
    world.skeletons.publish(conversions.skeletons_to_msg(frame(world.number, *entries)))
    world.hands.publish(broken)
    world.status[LEAP].wait_for(lambda m: m.data == "the input cannot be read")
    world.send_until("", entries)


def test_silence_is_told(ros, entries):
    world = World(ros, silent_s=0.2)
    world.send_until("", entries)
    seen = len(world.status[LEAP])
    world.status[LEAP].wait_for(lambda m: m.data == gate.SILENT and len(world.status[LEAP]) > seen)


def test_stamps_of_another_clock_drive_nothing_unless_asked(ros, entries):
    world = World(ros, recorded=False)
    world.send_until(gate.STALE, entries)


def test_it_waits_for_the_robot_and_starts_there(ros, entries):
    world = World(ros, wait_for_state=True)
    joints = ros.inbox(JointState, f"{LEAP}/joint_command")
    world.send_until(UNTOLD, entries)
    told = ros.publisher(JointState, f"{LEAP}/joint_states", 1)
    told.publish(JointState(name=[str(number) for number in range(16)], position=[0.4] * 16))
    world.send_until("", entries)
    first = joints.wait(1)[0]
    assert np.abs(np.array(first.position) - 0.4).max() <= 3.0 * 0.1


def test_an_arm_gets_poses_twists_and_a_halt(ros, entries):
    world = World(ros, robots=("arm:right",))
    poses, twists = ros.inbox(PoseStamped, "arm_right/pose"), ros.inbox(TwistStamped, "arm_right/twist")
    world.send_until("", entries, "arm_right")
    assert poses.wait(1)[0].header.frame_id == "base_link"
    body, *hands = entries
    moved = [changed(hand, wrist_m=hand.wrist_m + np.float32(0.02)) for hand in hands]
    ros.until(lambda: world.send(body, *moved) or any(t.twist.linear.x for t in twists.items), "a twist")
    world.send_until(gate.HAND_LOST, (body,), "arm_right")
    ros.until(lambda: not twists.items[-1].twist.linear.x, "a halt")


@pytest.mark.parametrize("robot", ["leep", "leap:middle"])
def test_a_robot_that_is_unknown_fails_to_configure_and_says_why(ros, robot):
    world = World(ros, robots=(robot,), active=False)
    assert world.node.trigger_configure().name == "FAILURE"
    assert robot.partition(":")[0] in world.node.last_error


def test_it_can_be_taken_down_and_up_again(ros, entries):
    world = World(ros)
    world.send_until("", entries)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        assert getattr(world.node, f"trigger_{transition}")().name == "SUCCESS", world.node.last_error
    ros.until(lambda: world.hands.get_subscription_count(), "the node")
    world.send_until("", entries)
